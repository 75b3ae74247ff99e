import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DelayQueue } from '#platform';
import { bucketOf, jobIdOf } from '../../libs/platform/bell-bucket.js';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { Fleet, invoke, send, want, type FleetShop } from '../support/fleet.js';
import type { AppProcess } from '../support/processes.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { Channels, Made } from './channels.js';

const DEADLINES = 'deadlines';
const BEFORE_MS = 1_500;
const AFTER_MS = 1_500;
// Less than any time-out of a connection to Redis: nobody waited for one.
const ANSWERED_WITHIN_MS = 1_900;
// One look of a channel, every 750 ms, and what a busy machine adds.
const REACHED_WITHIN_MS = 2_500;
const LATE_MAX_MS = 2_500;
const CONSUMES_WITHIN_MS = 2_000;

/** Kills Redis under load with every channel open, and starts it again, empty, after so long. */
export function survivesWithoutRedis({ awayMs }: { awayMs: number }): void {
  let redis: TestRedis;
  let database: TestDatabase;
  let fleet: Fleet;
  let here: AppProcess;
  let there: AppProcess;
  let worker: AppProcess;
  let channels: Channels;
  let hurried: FleetShop;

  beforeAll(async () => {
    redis = await startTestRedis();
    database = await createTestDatabase();
    fleet = await Fleet.on(database, { REDIS_URL: redis.url, C4C_EGRESS_ALLOW: '127.0.0.0/8' });
    [here, there, worker] = await Promise.all([fleet.start('api'), fleet.start('api'), fleet.start('worker')]);
    channels = await Channels.open(fleet, here, [() => here, () => there]);
    // The shortest deadline there is: one second.
    hurried = await fleet.shop(there, { avgResponseMs: 1 });
  }, 120_000);
  afterAll(async () => {
    await channels?.close();
    await fleet?.end();
    await redis?.stop();
    await database?.drop();
  });

  it(`away for ${awayMs / 1_000} s and back empty`, { timeout: awayMs + 60_000 }, async () => {
    const made = new Made(() => here, [channels.live, channels.hooked]);
    made.start(3, 40);
    await sleep(BEFORE_MS);
    redis.process?.kill('SIGKILL');
    const diedAt = performance.now();
    const silent: number[] = [];
    for (; performance.now() < diedAt + awayMs; await sleep(250))
      silent.push((await want(invoke(there, hurried))).invocationId);
    await redis.restart();
    const backAt = performance.now();
    const consumedMs = await workerConsumes();
    await sleep(AFTER_MS);
    await made.stop();

    await channels.reach(made, REACHED_WITHIN_MS);
    const answered = (from: number, to: number): number[] =>
      sorted(made.all.flatMap(({ answeredAt, tookMs }) => (answeredAt > from && answeredAt < to ? [tookMs] : [])));
    const [before, meanwhile] = [answered(0, diedAt), answered(diedAt, backAt)];
    const late = channels.lateness(made, (at) => at > diedAt && at < backAt);
    const lateEnds = await refunded(silent);
    console.log(
      `invoke p50 ${ms(before, 0.5)} before, ${ms(meanwhile, 0.5)} without; p99 ${ms(before, 0.99)}, ${ms(meanwhile, 0.99)}; ` +
        `a job is consumed ${Math.round(consumedMs)} ms after the return; refunds late by ${ms(lateEnds, 0.99)} at p99; ` +
        Object.entries(late)
          .map(([channel, each]) => `${channel} p50 ${ms(each, 0.5)}, max ${ms(each, 1)}`)
          .join('; '),
    );
    expect(made.repeated).toBe(0);
    expect(percentile(meanwhile, 0.5)).toBeLessThan(2 * percentile(before, 0.5) + 20);
    expect(meanwhile.at(-1)).toBeLessThan(ANSWERED_WITHIN_MS);
    for (const [channel, each] of Object.entries(late)) expect(each.at(-1), channel).toBeLessThan(REACHED_WITHIN_MS);
    expect(consumedMs).toBeLessThan(CONSUMES_WITHIN_MS);
    expect(lateEnds).toHaveLength(silent.length);
    expect(lateEnds.at(0)).toBeGreaterThanOrEqual(0);
    expect(lateEnds.at(-1)).toBeLessThan(LATE_MAX_MS);
    expect(await want(send(here, hurried.caller.ownerKey, 'GET', '/owner/wallet'))).toEqual({
      available: '1000',
      held: '0',
    });
    await expectInvariants(database);
    for (const one of [here, there, worker])
      expect({ isRunning: one.isRunning, errors: one.errors }).toEqual({ isRunning: true, errors: [] });
  });

  /** Rings for a half second that is over; answers how long after now the worker has taken the job. */
  async function workerConsumes(): Promise<number> {
    const startedAt = performance.now();
    const client = new Redis(redis.url);
    const queue = new DelayQueue(DEADLINES, {
      redisUrl: redis.url,
      directUrl: database.appUrl,
      onError: () => undefined,
    });
    try {
      const job = jobIdOf(bucketOf(Date.now() - 60_000));
      await queue.add(job, Date.now());
      while ((await client.exists(`{c4c}:${DEADLINES}:${job}`)) === 1) {
        if (performance.now() - startedAt > 20_000) throw new Error('no worker consumes');
        await sleep(10);
      }
      return performance.now() - startedAt;
    } finally {
      await queue.close();
      client.disconnect();
    }
  }

  /** How late each was refunded, sorted, in milliseconds of the database's clock; each settled once. */
  async function refunded(ids: number[]): Promise<number[]> {
    await expect
      .poll(
        async () => {
          const { rows } = await database.pool.query(
            `select from market.invocation where id = any ($1) and status = 'pending'`,
            [ids],
          );
          return rows.length;
        },
        { timeout: 5_000 },
      )
      .toBe(0);
    const { rows } = await database.pool.query<{ late: number }>(
      `select (extract(epoch from i.settled_at - i.deadline_at) * 1000)::float8 as late
      from market.invocation i join ledger.settlement s on s.hold_id = i.hold_id and s.outcome = 'timed_out'
      where i.id = any ($1)`,
      [ids],
    );
    return sorted(rows.map(({ late }) => late));
  }
}

function sorted(values: number[]): number[] {
  return values.sort((a, b) => a - b);
}

function percentile(sortedValues: readonly number[], part: number): number {
  return sortedValues[Math.min(sortedValues.length - 1, Math.ceil(sortedValues.length * part) - 1)] ?? Number.NaN;
}

function ms(sortedValues: readonly number[], part: number): string {
  return `${Math.round(percentile(sortedValues, part))} ms`;
}
