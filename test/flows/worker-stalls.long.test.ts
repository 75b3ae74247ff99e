import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { Fleet, invoke, send, submit, want, type FleetShop } from '../support/fleet.js';
import { PostgresProxy } from '../support/postgres-proxy.js';
import type { AppProcess } from '../support/processes.js';
import { noRedis, startTestRedis, type TestRedis } from '../support/redis.js';
import { Hook } from '../webhooks/hook.js';

const COUNT = 16;
// Longer than a job's lock (10 s, looked at every 5 s) and than a delivery's lease (8 s).
const STALLED_MS = 20_000;
const TAKEN_OVER_WITHIN_MS = 8_000 + 2_000;
const LATE_MAX_MS = 3_000;

let redis: TestRedis | undefined;
let database: TestDatabase;
let proxy: PostgresProxy;
let fleet: Fleet;
let hook: Hook;

afterEach(async () => {
  await expectInvariants(database);
  await fleet.end();
  await proxy.close();
  await hook.stop();
  await database.drop();
  await redis?.stop();
});

describe.each([
  ['with a Redis', noRedis !== undefined],
  ['without a Redis', false],
])('a worker that stands still %s', (title, isSkipped) => {
  it.skipIf(isSkipped)(
    'for longer than its leases has others do its work, and does nothing twice when it goes on',
    async () => {
      redis = title === 'with a Redis' ? await startTestRedis() : undefined;
      database = await createTestDatabase();
      proxy = await PostgresProxy.start(database.appUrl);
      const shared = redis === undefined ? {} : { REDIS_URL: redis.url };
      fleet = await Fleet.on(database, { C4C_EGRESS_ALLOW: '127.0.0.0/8', ...shared });
      const through = proxy.url(database.appUrl);
      const [api, worker] = await Promise.all([
        fleet.start('api'),
        fleet.start('worker', { DATABASE_URL: through, DATABASE_DIRECT_URL: through }),
      ]);
      const held: (() => void)[] = [];
      hook = await Hook.start((response) => void held.push(() => response.writeHead(204).end()));
      const hooked = await fleet.shop(api, { avgResponseMs: 300_000 });
      await endpointFor(api, hooked);
      // The shortest deadline there is: one second.
      const hurried = await fleet.shop(api, { avgResponseMs: 1 });

      const caught = proxy.next('invocation-close', 'hold-request');
      for (let n = 0; n < COUNT; n += 1) await want(invoke(api, hurried));
      for (let n = 0; n < COUNT; n += 1) await want(invoke(api, hooked));
      // It is trying to deliver, and is about to refund what is due.
      await Promise.all([hook.until(COUNT), caught]);
      worker.signal('SIGSTOP');
      const stoppedAt = performance.now();
      hook.answer = (response) => void response.writeHead(204).end();
      const other = await fleet.start('worker');
      const readyAt = performance.now();
      await expect.poll(() => pendingOf(hurried), { timeout: 10_000 }).toBe(0);
      const refundedMs = performance.now() - readyAt;
      await expect.poll(deliveries, { timeout: 20_000 }).toEqual({ delivered: COUNT, all: COUNT, tries: COUNT });
      const deliveredMs = performance.now() - stoppedAt;
      await sleep(STALLED_MS - (performance.now() - stoppedAt));

      const before = await effects();
      worker.signal('SIGCONT');
      proxy.release();
      for (const answer of held) answer();
      // It works on: what comes now is done by either, and what was before stays as it is.
      const [last] = await Promise.all([want(invoke(api, hooked)), want(invoke(api, hurried))]);
      await expect.poll(() => pendingOf(hurried), { timeout: 10_000 }).toBe(0);
      await expect
        .poll(deliveries, { timeout: 10_000 })
        .toEqual({ delivered: COUNT + 1, all: COUNT + 1, tries: COUNT + 1 });
      await worker.stop();
      console.log(
        `${title}: refunded ${refundedMs.toFixed(0)} ms after the other was ready, delivered ${deliveredMs.toFixed(0)} ms after the stop`,
      );
      expect(refundedMs).toBeLessThan(LATE_MAX_MS);
      expect(deliveredMs).toBeLessThan(TAKEN_OVER_WITHIN_MS);
      expect((await effects()).slice(0, before.length)).toEqual(before);
      expect(hook.ids.size).toBe(COUNT + 1);
      expect(hook.hits.length).toBeLessThanOrEqual(2 * COUNT + 2);
      expect(await want(submit(api, hooked, last.invocationId))).toMatchObject({ status: 'completed' });
      expect(await want(send(api, hurried.caller.ownerKey, 'GET', '/owner/wallet'))).toEqual({
        available: '1000',
        held: '0',
      });
      expect(other.errors).toEqual([]);
    },
    120_000,
  );
});

async function endpointFor(api: AppProcess, { provider }: FleetShop): Promise<void> {
  const hold = hook.answer;
  hook.answer = (response, { body }) => void response.end(JSON.stringify(body));
  const wish = { url: hook.url, eventTypes: ['invocation.invoked'], ratePerSecond: 1_000 };
  const made = send<{ endpoint: { id: number } }>(api, provider.key, 'POST', '/agent/me/webhooks', wish);
  const { endpoint } = await want(made);
  await want(send(api, provider.key, 'POST', `/agent/me/webhooks/${endpoint.id}/verify`));
  hook.answer = hold;
  hook.hits.length = 0;
}

async function pendingOf({ serviceId }: FleetShop): Promise<number> {
  const { rows } = await database.pool.query(
    `select from market.invocation where service_id = $1 and status = 'pending'`,
    [serviceId],
  );
  return rows.length;
}

async function deliveries(): Promise<{ delivered: number; all: number; tries: number } | undefined> {
  const { rows } = await database.pool.query<{ delivered: number; all: number; tries: number }>(
    `select count(*) filter (where status = 'delivered')::int as delivered, count(*)::int as all,
      (select count(*)::int from market.delivery_attempt) as tries
    from market.delivery`,
  );
  return rows[0];
}

/** What the workers have done, each with its time, by the order of the invocations. */
async function effects(): Promise<object[]> {
  const { rows } = await database.pool.query<object>(
    `select i.id, i.status, i.settled_at, i.acknowledged_at, s.outcome, d.status as delivery, d.ended_at
    from market.invocation i
    left join ledger.settlement s on s.hold_id = i.hold_id
    left join market.delivery d on d.invocation_id = i.id
    order by i.id`,
  );
  return rows;
}
