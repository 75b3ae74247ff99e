import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { noRedis, startTestRedis, type TestRedis } from '../support/redis.js';
import { Client } from './client.js';
import { Market, type Agent, type Node, type Shop } from './market.js';
import { Stubborn, until } from './stubborn.js';

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const sorted = (seqs: Iterable<number>): number[] => [...seqs].sort((a, b) => a - b);

describe('a storm of 500 sockets', () => {
  it('that are dropped at once are all back and caught up, with nothing lost', async () => {
    const market = await Market.start({
      C4C_RATE_KEY: '1000000',
      C4C_RATE_OWNER: '1000000',
      C4C_RATE_WRONG_KEYS: '1000000',
    });
    const shops: Shop[] = [];
    for (let n = 0; n < 100; n += 1) shops.push({ ...(await market.shop()) });
    const clients = shops.flatMap(({ provider }) =>
      upTo(5).map((n) => new Stubborn(provider, () => market.port, `c${String(n)}`)),
    );
    const running = clients.map((client) => client.run());
    await until(() => clients.every(({ isCaughtUp }) => isCaughtUp), 30_000);
    for (const shop of shops) await market.invoke(shop);
    for (const client of clients) client.drop();
    const droppedAt = performance.now();
    for (const shop of shops) await market.invoke(shop);
    await until(() => clients.every(({ seqs, isCaughtUp }) => isCaughtUp && seqs.size === 2), 30_000);
    expect(performance.now() - droppedAt).toBeLessThan(30_000);
    for (const { seqs } of clients) expect(sorted(seqs)).toEqual([1, 2]);
    for (const client of clients) client.stop();
    await Promise.all(running);
    await market.close();
  }, 120_000);
});

describe('PostgreSQL that ends every connection', () => {
  it('costs the consumers no event', async () => {
    const market = await Market.start();
    const shop = await market.shop();
    const client = new Stubborn(shop.provider, () => market.port, 'main');
    const running = client.run();
    await until(() => client.isCaughtUp, 5_000);
    for (let n = 0; n < 5; n += 1) {
      await market.invoke(shop);
      await market.database.pool.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
      );
      await sleep(100);
      // Who meets a connection that has just ended is told to repeat it.
      await until(() => client.seqs.size > n, 10_000);
    }
    expect(sorted(client.seqs)).toEqual(upTo(5));
    client.stop();
    await running;
    await market.close();
  });
});

describe.skipIf(noRedis !== undefined)('two api processes with a Redis', () => {
  let redis: TestRedis;
  let market: Market;
  let there: Node;

  beforeAll(async () => {
    redis = await startTestRedis();
    market = await Market.start({ REDIS_URL: redis.url });
    there = await market.elsewhere();
  });
  afterEach(() => market.hangUp());
  afterAll(async () => {
    await market.close();
    await redis.stop();
  });

  const isOurs = (process.env['REDIS_URL'] ?? '') === '';
  const refused = (agent: Agent, node: Node): Promise<string> =>
    Client.open(node.port, agent.key).then(
      (client) => (client.ws.terminate(), 'let in'),
      (error: Error) => error.message,
    );

  it('let an agent have five sockets altogether', async () => {
    const agent = await market.agent();
    const open = [
      await market.greet(agent),
      await market.greet(agent),
      await market.greet(agent),
      await market.greet(agent, {}, there),
      await market.greet(agent, {}, there),
    ];
    expect(await refused(agent, there)).toBe('refused with 429');
    expect(await refused(agent, market.node)).toBe('refused with 429');
    await open[0]?.leave();
    await sleep(100);
    expect(await refused(agent, there)).toBe('let in');
  });

  it('remember an agent’s sockets although Redis has forgotten them', async () => {
    const agent = await market.agent();
    for (let n = 0; n < 3; n += 1) await market.greet(agent);
    for (let n = 0; n < 2; n += 1) await market.greet(agent, {}, there);
    await redis.flush();
    await sleep(4_500);
    expect(await refused(agent, there)).toBe('refused with 429');
  });

  it('lose no event of a shared consumer over a FLUSHALL', async () => {
    const shop = await market.shop();
    const clients = [
      new Stubborn(shop.provider, () => market.port, 'pool'),
      new Stubborn(shop.provider, () => there.port, 'pool'),
    ];
    const running = clients.map((client) => client.run());
    await until(() => clients.every(({ isCaughtUp }) => isCaughtUp), 5_000);
    for (let n = 0; n < 20; n += 1) {
      await market.invoke(shop, { at: n % 2 === 0 ? market.node : there });
      if (n % 5 === 0) await redis.flush();
    }
    const got = (): number[] => sorted(clients.flatMap(({ seqs }) => [...seqs]));
    await until(() => got().length >= 20, 5_000);
    // Each went to one of them.
    expect(got()).toEqual(upTo(20));
    for (const client of clients) client.stop();
    await Promise.all(running);
  });

  it.skipIf(!isOurs)(
    'lose no event, and refuse nobody, while Redis is frozen and when it comes back empty',
    async () => {
      const shop = await market.shop();
      const clients = [
        new Stubborn(shop.provider, () => market.port, 'pool'),
        new Stubborn(shop.provider, () => there.port, 'pool'),
      ];
      const running = clients.map((client) => client.run());
      await until(() => clients.every(({ isCaughtUp }) => isCaughtUp), 5_000);
      redis.process?.kill('SIGSTOP');
      const startedAt = performance.now();
      expect(await refused(shop.caller, market.node)).toBe('let in');
      expect(performance.now() - startedAt).toBeLessThan(1_000);
      for (let n = 0; n < 6; n += 1) await market.invoke(shop, { at: n % 2 === 0 ? market.node : there });
      const got = (): number[] => sorted(clients.flatMap(({ seqs }) => [...seqs]));
      await until(() => got().length === 6, 3_000);
      redis.process?.kill('SIGCONT');
      await redis.restart();
      for (let n = 0; n < 6; n += 1) await market.invoke(shop, { at: n % 2 === 0 ? market.node : there });
      await until(() => got().length === 12, 5_000);
      expect(got()).toEqual(upTo(12));
      for (const client of clients) client.stop();
      await Promise.all(running);
    },
  );
});
