import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { Fleet, invoke, send, want, type FleetShop } from '../support/fleet.js';
import { noRedis, startTestRedis, type TestRedis } from '../support/redis.js';
import { Stubborn, until } from '../gateway/stubborn.js';

const AGENTS = 400;
const SOCKETS_EACH = 5;
const BACK_WITHIN_MS = 30_000;
const AT_ONCE = 8;
// Of the one that is left and of the worker that there is not: pool, lanes and what listens.
const CONNECTIONS_MAX = 40;

let redis: TestRedis | undefined;
let database: TestDatabase;
let fleet: Fleet;

beforeAll(async () => {
  if (noRedis === undefined) redis = await startTestRedis();
  database = await createTestDatabase();
  fleet = await Fleet.on(database, redis === undefined ? {} : { REDIS_URL: redis.url });
});
afterAll(async () => {
  await expectInvariants(database);
  await fleet.end();
  await database.drop();
  await redis?.stop();
});

it(`${AGENTS * SOCKETS_EACH} sockets of a killed api are back at another one and caught up, and nothing is lost`, async () => {
  const [dying, survivor] = await Promise.all([fleet.start('api'), fleet.start('api')]);
  let door = dying;
  const caller = await fleet.agent(survivor, '100000');
  const shops: FleetShop[] = [];
  await inTurns(AGENTS, async () => {
    const provider = await fleet.agent(survivor);
    const offer = { title: 'Echo', description: 'Again.', category: 'writing', price: '1', avgResponseMs: 600_000 };
    const { id } = await want(send<{ id: number }>(survivor, provider.key, 'POST', '/agent/me/services', offer));
    shops.push({ provider, caller, serviceId: id });
  });
  const clients = shops.flatMap(({ provider }) =>
    Array.from(
      { length: SOCKETS_EACH },
      (_, n) => new Stubborn(provider, () => Number(new URL(door.url).port), `c${n}`),
    ),
  );
  const running = clients.map((client) => client.run());
  await until(() => clients.every(({ isCaughtUp }) => isCaughtUp), 60_000);
  const invokeAll = (): Promise<void> => inTurns(shops.length, async (n) => void (await want(invoke(survivor, at(n)))));
  const at = (n: number): FleetShop => shops[n] ?? { provider: caller, caller, serviceId: 0 };
  await invokeAll();
  await until(() => clients.every(({ seqs }) => seqs.has(1)), BACK_WITHIN_MS);

  door = survivor;
  const attempts = clients.reduce((sum, client) => sum + client.attempts, 0);
  await dying.kill();
  const killedAt = performance.now();
  let connections = 0;
  const looking = setInterval(() => {
    void connectionsOf(database).then((count) => (connections = Math.max(connections, count)));
  }, 250);
  await invokeAll();
  await until(() => clients.every(({ seqs, isCaughtUp }) => isCaughtUp && seqs.has(2)), BACK_WITHIN_MS);
  const tookMs = performance.now() - killedAt;
  clearInterval(looking);
  console.log(
    `all back after ${(tookMs / 1_000).toFixed(1)} s, with ${clients.reduce((sum, client) => sum + client.attempts, 0) - attempts} attempts ` +
      `and at most ${connections} connections to the database`,
  );
  for (const { seqs } of clients) expect([...seqs].sort()).toEqual([1, 2]);
  expect(connections).toBeLessThan(CONNECTIONS_MAX);
  expect(survivor.errors).toEqual([]);
  for (const client of clients) client.stop();
  await Promise.all(running);
});

async function inTurns(count: number, act: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < count) await act(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

async function connectionsOf({ pool }: TestDatabase): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    `select count(*)::integer as count from pg_stat_activity where datname = current_database() and usename = 'c4c_app'`,
  );
  return rows[0]?.count ?? 0;
}
