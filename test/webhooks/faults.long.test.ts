import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { EndpointStore } from '../../libs/webhooks/endpoint.store.js';
import { SecretBox } from '../../libs/webhooks/secret-box.js';
import { newSecret } from '../../libs/webhooks/signing.js';
import { Database } from '#platform';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { Fleet, invoke, want, type FleetShop } from '../support/fleet.js';
import type { AppProcess } from '../support/processes.js';
import { Hook } from './hook.js';

// What a worker is given to answer that has lost its claims: a try of work, and what is left over for it.
const LEASE_MS = 8_000;

let database: TestDatabase;
let doors: Database;
let fleet: Fleet;
let api: AppProcess;
let shop: FleetShop;
const hooks: Hook[] = [];

beforeEach(async () => {
  database = await createTestDatabase();
  const config = database.config();
  doors = new Database(config.database);
  fleet = await Fleet.on(database, { C4C_EGRESS_ALLOW: '127.0.0.0/8' });
  api = await fleet.start('api');
  shop = await fleet.shop(api);
});
afterEach(async () => {
  await expectInvariants(database);
  await fleet.end();
  await doors.close();
  await database.drop();
  await Promise.all(hooks.splice(0).map((hook) => hook.stop()));
});

async function hookFor(agentId: number, answer?: Parameters<typeof Hook.start>[0]): Promise<Hook> {
  const hook = await Hook.start(answer);
  hooks.push(hook);
  const endpoints = new EndpointStore(doors, new SecretBox(database.config()));
  await doors.inTransaction(async (tx) => {
    await endpoints.lockCount(tx, BigInt(agentId));
    const id = await endpoints.insert(tx, BigInt(agentId), hook.url, { ratePerSecond: 1_000 });
    await endpoints.addSecret(tx, id, newSecret());
    await tx.query(`update market.webhook_endpoint set state = 'active' where id = $1`, [id]);
  });
  return hook;
}

async function invokeMany(times: number): Promise<void> {
  await Promise.all(Array.from({ length: times }, () => want(invoke(api, shop))));
}

async function deliveries(): Promise<{ delivered: number; all: number; marked: number }> {
  const { rows } = await database.pool.query<{ delivered: number; all: number; marked: number }>(
    `select count(*) filter (where status = 'delivered')::int as delivered, count(*)::int as all,
      (select count(*)::int from market.delivery_attempt) as marked
    from market.delivery`,
  );
  return rows[0] ?? { delivered: 0, all: 0, marked: 0 };
}

it('a worker that is killed in the middle of a batch loses nothing, and doubles no more than it had not marked', async () => {
  // Every third answer waits, so that the worker dies with tries answered, marked and under way.
  const held: (() => void)[] = [];
  const hook = await hookFor(shop.provider.id, (response) => {
    if (hook.hits.length % 3 === 0) held.push(() => response.writeHead(204).end());
    else response.writeHead(204).end();
  });
  const first = await fleet.start('worker');
  await invokeMany(60);
  await hook.until(20);
  await first.kill();
  const sent = hook.hits.length;
  const { marked } = await deliveries();
  const killedAt = Date.now();
  hook.answer = (response) => response.writeHead(204).end();
  for (const answer of held) answer();
  await fleet.start('worker');
  await expect.poll(async () => (await deliveries()).delivered, { timeout: LEASE_MS + 7_000 }).toBe(60);
  expect(hook.ids.size).toBe(60);
  const twice = hook.hits.length - 60;
  expect(twice).toBeLessThanOrEqual(sent - marked);
  const lastMs = Math.max(...hook.hits.map(({ atMs }) => atMs)) - killedAt;
  expect(lastMs).toBeLessThan(LEASE_MS + 3_000);
});

it('what was committed while nobody was told of it is delivered all the same', async () => {
  const hook = await hookFor(shop.provider.id);
  // Without Redis no hint leaves the api: all the worker has is its look at the rows. And there was none when this was committed.
  await invokeMany(5);
  await api.kill();
  await fleet.start('worker');
  const readyAt = Date.now();
  await hook.until(5);
  expect(Date.now() - readyAt).toBeLessThan(1_500);
  api = await fleet.start('api');
  await want(invoke(api, shop));
  const invokedAt = Date.now();
  await hook.until(6);
  expect((hook.hits[5]?.atMs ?? 0) - invokedAt).toBeLessThan(1_500);
});

it('a worker that stands still while another takes its place changes nothing when it goes on', async () => {
  const hook = await hookFor(shop.provider.id, () => undefined);
  const first = await fleet.start('worker');
  await want(invoke(api, shop));
  await hook.until(1);
  first.signal('SIGSTOP');
  hook.answer = (response) => response.writeHead(204).end();
  await fleet.start('worker');
  await hook.until(2);
  await expect.poll(deliveries).toMatchObject({ delivered: 1, all: 1, marked: 1 });
  first.signal('SIGCONT');
  await sleep(1_000);
  expect(await deliveries()).toEqual({ delivered: 1, all: 1, marked: 1 });
  expect(hook.ids.size).toBe(1);
});

it('what a killed worker had under way is taken over within its lease and a second', { timeout: 60_000 }, async () => {
  const hook = await hookFor(shop.provider.id, () => undefined);
  const [first, other] = [await fleet.start('worker'), await fleet.start('worker')];
  // It is there and takes nothing until the first one has everything.
  other.signal('SIGSTOP');
  await invokeMany(16);
  await hook.until(16);
  other.signal('SIGCONT');
  hook.answer = (response) => response.writeHead(204).end();
  await first.kill();
  const killedAt = Date.now();
  await expect.poll(async () => (await deliveries()).delivered, { timeout: LEASE_MS + 7_000 }).toBe(16);
  expect(hook.ids.size).toBe(16);
  expect(hook.hits.length).toBe(32);
  expect(Math.max(...hook.hits.map(({ atMs }) => atMs)) - killedAt).toBeLessThan(LEASE_MS + 1_000);
});

it('a worker that is told to stop ends what is under way, begins nothing more, and doubles nothing', async () => {
  const held: (() => void)[] = [];
  const hook = await hookFor(shop.provider.id, (response) => held.push(() => response.writeHead(204).end()));
  const first = await fleet.start('worker', { C4C_METRICS_PORT: '0' });
  const metricsUrl = /"metricsUrl":"(?<url>[^"]+)"/.exec(first.lines.join('\n'))?.groups?.['url'] ?? '';
  await invokeMany(30);
  await hook.until(16);
  const stopped = first.stop();
  // When its metrics are gone, it begins nothing any more: answers that free a place change nothing.
  await expect
    .poll(() =>
      fetch(metricsUrl).then(
        () => 'there',
        () => 'gone',
      ),
    )
    .toBe('gone');
  for (const answer of held) answer();
  await stopped;
  expect(first.errors).toEqual([]);
  expect(hook.hits.length).toBe(16);
  expect(await deliveries()).toMatchObject({ delivered: 16, marked: 16 });
  hook.answer = (response) => response.writeHead(204).end();
  await fleet.start('worker');
  await expect.poll(async () => (await deliveries()).delivered, { timeout: 10_000 }).toBe(30);
  expect(hook.hits.length).toBe(30);
});
