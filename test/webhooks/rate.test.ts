import { afterEach, beforeEach, expect, it } from 'vitest';
import { RateStore } from '../../libs/webhooks/rate.store.js';
import type { DueDelivery } from '../../libs/webhooks/delivery.js';
import { newSecret } from '../../libs/webhooks/signing.js';
import { SecretBox } from '../../libs/webhooks/secret-box.js';
import { EndpointStore } from '../../libs/webhooks/endpoint.store.js';
import { Database } from '#platform';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { Fleet, invoke, want } from '../support/fleet.js';
import { Hook, mostInASecond } from './hook.js';

let database: TestDatabase;
let doors: Database;
beforeEach(async () => {
  database = await createTestDatabase();
  doors = new Database(database.config().database);
});
afterEach(async () => {
  await doors.close();
  await database.drop();
});

const due = (
  endpointId: bigint,
  count: number,
  ratePerSecond: number,
  firstId = 0,
  isHalfOpen = false,
): DueDelivery[] =>
  Array.from({ length: count }, (_, n) => {
    const id = BigInt(firstId + n);
    return { id, endpointId, ratePerSecond, isHalfOpen } as DueDelivery;
  });

it('three workers together send an endpoint no more than it asks for', { timeout: 90_000 }, async () => {
  const fleet = await Fleet.on(database, { C4C_EGRESS_ALLOW: '127.0.0.0/8' });
  const hook = await Hook.start();
  try {
    const api = await fleet.start('api');
    const shop = await fleet.shop(api);
    const endpoints = new EndpointStore(doors, new SecretBox(database.config()));
    const agentId = BigInt(shop.provider.id);
    await doors.inTransaction(async (tx) => {
      await endpoints.lockCount(tx, agentId);
      const id = await endpoints.insert(tx, agentId, hook.url, { ratePerSecond: 20 });
      await endpoints.addSecret(tx, id, newSecret());
      await tx.query(`update market.webhook_endpoint set state = 'active' where id = $1`, [id]);
    });
    await Promise.all(Array.from({ length: 80 }, () => want(invoke(api, shop))));
    await Promise.all([fleet.start('worker'), fleet.start('worker'), fleet.start('worker')]);
    await hook.until(80);
    expect(hook.ids.size).toBe(80);
    // A try is taken from the rate a little before it arrives, and a busy machine holds up some more than others. Each for itself, they
    // would send 60.
    expect(mostInASecond(hook.hits)).toBeLessThanOrEqual(25);
    const tookMs = (hook.hits.at(-1)?.atMs ?? 0) - (hook.hits[0]?.atMs ?? 0);
    expect(tookMs).toBeGreaterThan(3_500);
    await expectInvariants(database);
  } finally {
    await fleet.end();
    await hook.stop();
  }
});

it('rates are taken from by many at once, and nothing is given twice', async () => {
  const rates = new RateStore(doors);
  const granted = { slow: 0, quick: 0 };
  const beganMs = performance.now();
  await Promise.all(
    Array.from({ length: 200 }, async (_, n) => {
      const [slow, quick] = [due(1n, 5, 100), due(2n, 5, 1_000, 100)];
      // Whoever names them in another order must not stand in the way of the others for ever.
      const waits = await rates.take(n % 2 === 0 ? [...slow, ...quick] : [...quick, ...slow]);
      granted.slow += slow.filter(({ id }) => !waits.has(id)).length;
      granted.quick += quick.filter(({ id }) => !waits.has(id)).length;
    }),
  );
  const tookS = (performance.now() - beganMs) / 1_000;
  expect(granted.slow).toBeGreaterThanOrEqual(10);
  expect(granted.slow).toBeLessThanOrEqual(10 + 91 * tookS + 1);
  expect(granted.quick).toBeGreaterThanOrEqual(100);
  expect(granted.quick).toBeLessThanOrEqual(100 + 901 * tookS + 1);
});

it('whoever gets no try is told when, one after the other, half a minute ahead at most', async () => {
  const rates = new RateStore(doors);
  const first = [...(await rates.take(due(1n, 14, 10))).values()];
  expect(first).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000, 1_100, 1_200, 1_300]);
  const second = [...(await rates.take(due(1n, 3, 10))).values()];
  for (const ms of second) expect(ms).toBeGreaterThan(1_000);
  expect(Math.max(...(await rates.take(due(1n, 1_000, 10))).values())).toBe(30_000);
  await database.advanceClock(100_000);
  expect((await rates.take(due(1n, 1, 10))).size).toBe(0);
});

it('an endpoint that is asked whether it works again gets one try a second from all', async () => {
  const rates = new RateStore(doors);
  const asked = await Promise.all(Array.from({ length: 6 }, () => rates.take(due(1n, 1, 1_000, 0, true))));
  expect(asked.filter((waits) => waits.size === 0).length).toBe(1);
  await database.advanceClock(1_000);
  expect((await rates.take(due(1n, 1, 1_000, 0, true))).size).toBe(0);
});
