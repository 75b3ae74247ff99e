import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../gateway/client.js';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { Fleet, invoke, send, submit, want, type FleetShop } from '../support/fleet.js';
import { redisNotOurs, startTestRedis, type TestRedis } from '../support/redis.js';
import type { AppProcess } from '../support/processes.js';

const LATE_P99_MAX_MS = 1_500;
const LATE_MAX_MS = 2_500;

describe.skipIf(redisNotOurs !== undefined)(redisNotOurs ?? 'two api processes and a worker on one Redis', () => {
  let redis: TestRedis;
  let database: TestDatabase;
  let fleet: Fleet;
  let here: AppProcess;
  let there: AppProcess;
  let worker: AppProcess;

  beforeAll(async () => {
    redis = await startTestRedis();
    database = await createTestDatabase();
    fleet = await Fleet.on(database, { REDIS_URL: redis.url });
    [here, there, worker] = await Promise.all([fleet.start('api'), fleet.start('api'), fleet.start('worker')]);
  });
  afterEach(async () => {
    redis.process?.kill('SIGCONT');
    await expectInvariants(database);
    // Whatever Redis did, no process died and none of their requests failed unexpectedly.
    for (const one of [here, there, worker])
      expect({ isRunning: one.isRunning, errors: one.errors }).toEqual({ isRunning: true, errors: [] });
  });
  afterAll(async () => {
    await fleet.end();
    await redis.stop();
    await database.drop();
  });

  it('a flushed Redis costs no refund and little time', { timeout: 60_000 }, async () => {
    const shop = await fleet.shop(here, { avgResponseMs: 2_500 });
    const ids: number[] = [];
    for (let n = 0; n < 10; n += 1) ids.push(...(await invokeMany(shop, 100)));
    const client = new Redis(redis.url);
    expect(await client.dbsize()).toBeGreaterThan(0);
    await client.flushall();
    client.disconnect();
    const late = await lateness(ids);
    expect(late.at(0)).toBeGreaterThanOrEqual(0);
    expect(percentile(late, 0.99)).toBeLessThanOrEqual(LATE_P99_MAX_MS);
    await expectRefunded(shop, ids);
  });

  it('a frozen Redis holds up no request and no refund', { timeout: 60_000 }, async () => {
    const shop = await fleet.shop(here, { avgResponseMs: 1_000 });
    await rounds(shop, 10);
    redis.process?.kill('SIGSTOP');
    const startedAt = Date.now();
    const took: number[] = [];
    const ids: number[] = [];
    while (Date.now() - startedAt < 5_000) {
      const round = await rounds(shop, 1);
      took.push(...round);
      ids.push((await want(invoke(here, shop))).invocationId);
      await sleep(20);
    }
    took.sort((a, b) => a - b);
    const late = await lateness(ids);
    redis.process?.kill('SIGCONT');
    // Nothing waits for Redis: neither its connections' time-outs (2 s and more) nor a queue of its commands.
    expect(percentile(took, 0.95)).toBeLessThan(1_000);
    expect(took.at(-1)).toBeLessThan(1_900);
    expect(late.at(0)).toBeGreaterThanOrEqual(0);
    expect(late.at(-1)).toBeLessThan(LATE_MAX_MS);
    await expectRefunded(shop, ids);
  });

  it('a Redis that is gone, and comes back empty, is used again without a restart', { timeout: 60_000 }, async () => {
    const shop = await fleet.shop(there, { avgResponseMs: 1 });
    redis.process?.kill('SIGKILL');
    const meanwhile = await invokeMany(shop, 20);
    const took = await rounds(shop, 10);
    expect(took.at(-1)).toBeLessThan(1_900);
    expect((await send(there, shop.caller.key, 'GET', '/agent/me')).status).toBe(200);
    expect((await lateness(meanwhile)).at(-1)).toBeLessThan(LATE_MAX_MS);
    await redis.restart();
    // The queue's consumer and the hints are back: jobs leave the queue, and a wait at one process ends by a submit at the other.
    const client = new Redis(redis.url);
    await expect.poll(() => client.keys('*'), { timeout: 10_000 }).not.toEqual([]);
    await expect.poll(() => client.pubsub('NUMSUB', '{c4c}:bus'), { timeout: 10_000 }).toEqual(['{c4c}:bus', 3]);
    const ids = await invokeMany(shop, 20);
    const late = await lateness(ids);
    expect(late.at(-1)).toBeLessThan(LATE_MAX_MS);
    await expect.poll(() => client.keys('{c4c}:*:due-*'), { timeout: 5_000 }).toEqual([]);
    client.disconnect();
    expect(await hintMs(shop)).toBeLessThan(500);
    await expectRefunded(shop, [...meanwhile, ...ids]);
  });

  it('a wait at one process ends promptly by a submit at the other', async () => {
    const shop = await fleet.shop(here);
    const took = [];
    for (let n = 0; n < 5; n += 1) took.push(await hintMs(shop));
    expect(took.sort((a, b) => a - b)[2]).toBeLessThan(500);
  });

  it('a key revoked at one process is refused by the other within a second, and its socket closed', async () => {
    const { caller } = await fleet.shop(here);
    const socket = await Client.open(Number(new URL(there.url).port), caller.key);
    expect((await send(there, caller.key, 'GET', '/agent/me')).status).toBe(200);
    await want(send(here, caller.ownerKey, 'DELETE', `/owner/agents/${caller.id}/keys/${caller.keyId}`));
    const revokedAt = Date.now();
    await expect
      .poll(async () => (await send(there, caller.key, 'GET', '/agent/me')).status, { timeout: 1_000, interval: 20 })
      .toBe(401);
    expect(await socket.untilClosed(1_000 - (Date.now() - revokedAt))).toMatchObject({ code: 4503 });
  });

  it('an agent frozen at one process is refused by the other within a second', async () => {
    const { caller } = await fleet.shop(here);
    expect((await send(there, caller.key, 'GET', '/agent/me')).status).toBe(200);
    await want(send(here, caller.ownerKey, 'POST', `/owner/agents/${caller.id}/freeze`, { reason: 'test' }));
    await expect
      .poll(async () => (await send(there, caller.key, 'GET', '/agent/me')).status, { timeout: 1_000, interval: 20 })
      .toBe(403);
  });

  async function invokeMany(shop: FleetShop, times: number): Promise<number[]> {
    const opened = await Promise.all(
      Array.from({ length: times }, (_, n) => want(invoke(n % 2 === 0 ? here : there, shop))),
    );
    return opened.map(({ invocationId }) => invocationId);
  }

  /** An invoke at one process and its submit at the other, so many times; answers how long each request took, sorted. */
  async function rounds(shop: FleetShop, times: number): Promise<number[]> {
    const took: number[] = [];
    for (let n = 0; n < times; n += 1) {
      let startedAt = performance.now();
      const { invocationId } = await want(invoke(here, shop));
      took.push(performance.now() - startedAt);
      startedAt = performance.now();
      await want(submit(there, shop, invocationId));
      took.push(performance.now() - startedAt);
    }
    return took.sort((a, b) => a - b);
  }

  /** How long after a submit at one process a caller who waits at the other has its answer. */
  async function hintMs(shop: FleetShop): Promise<number> {
    const asked = invoke(here, shop, { wait: 10 });
    const { provider } = shop;
    let id: number | undefined;
    for (const until = Date.now() + 5_000; id === undefined && Date.now() < until; await sleep(10)) {
      const { rows } = await database.pool.query<{ id: bigint }>(
        `select id from market.invocation where provider_agent_id = $1 and status = 'pending'`,
        [provider.id],
      );
      id = rows[0] === undefined ? undefined : Number(rows[0].id);
    }
    // Long enough that the wait is under way, and not in step with its look every second.
    await sleep(250);
    await want(submit(there, shop, id ?? 0));
    const startedAt = performance.now();
    expect((await asked).data).toMatchObject({ id, status: 'completed' });
    return performance.now() - startedAt;
  }

  /** Waits until all are refunded; how late each was, sorted, in milliseconds of the database's clock. */
  async function lateness(ids: number[]): Promise<number[]> {
    for (const until = Date.now() + 15_000; Date.now() < until; await sleep(50)) {
      const { rows } = await database.pool.query<{ status: string; late: number }>(
        `select status, (extract(epoch from settled_at - deadline_at) * 1000)::float8 as late
        from market.invocation where id = any ($1)`,
        [ids],
      );
      if (rows.every(({ status }) => status === 'timeout')) return rows.map(({ late }) => late).sort((a, b) => a - b);
    }
    throw new Error('some are still pending');
  }

  async function expectRefunded({ caller }: FleetShop, ids: number[]): Promise<void> {
    const { rows } = await database.pool.query<{ n: number }>(
      `select count(*)::int as n from ledger.settlement s join market.invocation i on i.hold_id = s.hold_id
      where i.id = any ($1) and s.outcome = 'timed_out'`,
      [ids],
    );
    expect(rows).toEqual([{ n: ids.length }]);
    expect(await want(send(here, caller.ownerKey, 'GET', '/owner/wallet'))).toMatchObject({ held: '0' });
  }
});

function percentile(sorted: number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)] ?? 0;
}
