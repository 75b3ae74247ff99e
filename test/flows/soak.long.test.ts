import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Redis } from 'ioredis';
import { expectInvariants } from '../support/database.js';
import { Fleet } from '../support/fleet.js';
import { killPostgres, untilAnswers } from '../support/kill-postgres.js';
import { PostgresProxy } from '../support/postgres-proxy.js';
import type { AppName, AppProcess } from '../support/processes.js';
import { noRedis, startTestRedis, type TestRedis } from '../support/redis.js';
import { startDurableDatabase, untilNoHoldIsOpen } from './crash-rounds.js';
import { Load, pick } from './soak.js';

const SOAK_MS = Number(process.env['SOAK_S'] ?? 300) * 1_000;
const CLIENTS = 8;
// The launcher's watch gives a server up that ends more than five times in a minute.
const POSTGRES_KILLS_APART_MS = 20_000;

let database: Awaited<ReturnType<typeof startDurableDatabase>>;
let proxy: PostgresProxy;
let fleet: Fleet;
let redis: TestRedis | undefined;
const apis: AppProcess[] = [];
const workers: AppProcess[] = [];

beforeAll(async () => {
  database = await startDurableDatabase();
  proxy = await PostgresProxy.start(database.appUrl);
  // A Redis of REDIS_URL is not ours to kill; the queue then stands on PostgreSQL.
  if (noRedis === undefined && (process.env['REDIS_URL'] ?? '') === '') redis = await startTestRedis();
  fleet = await Fleet.on(database, {
    DATABASE_URL: proxy.url(database.appUrl),
    DATABASE_DIRECT_URL: proxy.url(database.appUrl),
    C4C_LOG_LEVEL: 'info',
    ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
  });
  apis.push(...(await Promise.all([fleet.start('api'), fleet.start('api')])));
  workers.push(await fleet.start('worker'));
}, 120_000);

afterAll(async () => {
  await fleet?.end();
  await redis?.stop();
  await proxy?.close();
  await database?.end();
});

it(`survives ${SOAK_MS / 1_000} s of load, kills, stops, cuts and restarts`, async () => {
  const [first] = apis;
  if (first === undefined) throw new Error('no api');
  const shops = [];
  for (const avgResponseMs of [500, 1_000, 3_000]) shops.push(await fleet.shop(first, { avgResponseMs }, '1000000'));
  const load = new Load(() => apis.filter(({ isRunning }) => isRunning), shops);
  const done: Record<string, number> = {};
  load.start(CLIENTS);
  const endsAt = Date.now() + SOAK_MS;
  let postgresAt = 0;
  while (Date.now() < endsAt) {
    const mayKillPostgres = Date.now() - postgresAt > POSTGRES_KILLS_APART_MS;
    const fault = pick(Object.keys(FAULTS).filter((name) => name !== 'kill postgres' || mayKillPostgres));
    if (fault === 'kill postgres') postgresAt = Date.now();
    done[fault] = (done[fault] ?? 0) + 1;
    await FAULTS[fault]?.();
    await sleep(500 + Math.random() * 2_500);
  }
  await load.stop();
  await untilAnswers(database.pool);
  await untilNoHoldIsOpen(database.pool, 30_000);
  console.log(
    `${load.requests} requests, ${load.repeated} repeated, ${load.told.length} invocations; ${JSON.stringify(done)}`,
  );

  expect(load.unexpected).toEqual({});
  const { rows } = await database.pool.query<{
    id: string;
    key: string;
    agent: string;
    status: string;
    cancelled: boolean;
    at: Date | null;
  }>(
    `select i.id::text, t.key, k.principal_id::text as agent, i.status, i.cancelled, i.settled_at as at
    from market.invocation i
    join ledger.idempotency k on k.operation = 'invoke' and k.result_id = i.id
    left join unnest($1::text[]) as t (key) on ledger.key_hash('agent', t.key) = k.key_hash`,
    [load.told.map(({ key }) => key)],
  );
  const found = new Map(rows.map((row) => [`${row.agent} ${row.key}`, row]));
  expect(found.size).toBe(load.told.length);
  const wrong = load.told.filter(({ key, shop, id, end, completedAt }) => {
    const row = found.get(`${shop.caller.id} ${key}`);
    if (row === undefined || Number(row.id) !== id) return true;
    if (completedAt !== undefined && row.at?.toISOString() !== completedAt) return true;
    switch (end) {
      case 'silent':
        return row.status !== 'timeout';
      case 'unknown':
        return row.status === 'pending';
      case 'cancelled':
        return row.status !== 'failed' || !row.cancelled;
      case 'completed':
      case 'failed':
        return row.status !== end;
    }
  });
  expect(wrong).toEqual([]);
  await expectInvariants(database);
});

const FAULTS: Record<string, () => Promise<void>> = {
  'kill an api': () => replace('api', apis, (one) => one.kill()),
  'restart an api': () => replace('api', apis, (one) => one.stop()),
  'stop an api for a while': () => pause(pick(apis), 2_000),
  'kill the worker': () => replace('worker', workers, (one) => one.kill()),
  'restart the worker': () => replace('worker', workers, (one) => one.stop()),
  'stop the worker for a while': () => pause(pick(workers), 4_000),
  'kill postgres': () => killPostgres(database.server),
  'cut all connections': () => Promise.resolve(proxy.cutAll()),
  'lose an answer': () => soon(proxy.next(pick(['invocation-open', 'invocation-close']), 'lose-answer')),
  'flush redis': async () => {
    if (redis === undefined) return;
    const client = new Redis(redis.url);
    await client.flushall();
    client.disconnect();
  },
  'freeze redis for a while': async () => {
    redis?.process?.kill('SIGSTOP');
    await sleep(3_000);
    redis?.process?.kill('SIGCONT');
  },
  'kill redis': async () => {
    redis?.process?.kill('SIGKILL');
    await sleep(1_000);
    await redis?.restart();
  },
};

/** Ends one and starts another in its place. */
async function replace(name: AppName, among: AppProcess[], end: (one: AppProcess) => Promise<void>): Promise<void> {
  const one = pick(among);
  await end(one);
  among.splice(among.indexOf(one), 1, await fleet.start(name));
}

async function pause(one: AppProcess, ms: number): Promise<void> {
  one.signal('SIGSTOP');
  await sleep(ms);
  one.signal('SIGCONT');
}

/** The fault needs a call to happen to; without one it is forgotten. */
async function soon(caught: Promise<void>): Promise<void> {
  await Promise.race([caught, sleep(1_000)]);
}
