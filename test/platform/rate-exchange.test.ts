import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectRedis } from '#platform';
import { RateExchange } from '../../libs/platform/rate-limit/rate-exchange.js';
import { RateLimits } from '../../libs/platform/rate-limit/rate-limits.js';
import { noRedis, startTestRedis, type TestRedis } from '../support/redis.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';

// Ten a minute: in the time that a test takes, less than one runs off.
const QUOTA = 10;
const CONFIG = { rates: { key: 0, owner: 0, wrongKeys: QUOTA, keyless: 0 }, trustProxy: undefined };

/** What an api process has of it. */
class Process {
  readonly limits = new RateLimits(CONFIG);
  readonly errors: unknown[] = [];
  private readonly exchange: RateExchange;

  constructor(redis: Redis) {
    this.exchange = new RateExchange(redis, this.limits.now, (error) => this.errors.push(error));
  }

  /** How many of so many guesses from there pass. */
  guess(address: string, times: number): number {
    let passed = 0;
    for (let n = 0; n < times; n += 1) {
      try {
        this.limits.guess(address, { rateFields: null });
        passed += 1;
      } catch {
        // Refused.
      }
    }
    return passed;
  }

  tick(): Promise<void> {
    return this.limits.tick(this.exchange);
  }
}

describe.skipIf(noRedis !== undefined)('limits of several processes with a Redis', () => {
  let server: TestRedis;
  let proxy: TcpProxy;
  const connections: Redis[] = [];
  let redis: Redis;
  let [a, b]: Process[] = [];
  let address = '';

  const connected = async (url: string): Promise<Redis> => {
    const connection = connectRedis(url, 'producer', () => undefined);
    connections.push(connection);
    await once(connection, 'ready');
    return connection;
  };

  beforeAll(async () => {
    server = await startTestRedis();
    const { hostname, port } = new URL(server.url);
    proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    redis = await connected(server.url);
  });
  beforeEach(async () => {
    address = randomUUID();
    proxy.mend();
    a = new Process(await connected(proxy.url(server.url)));
    b = new Process(await connected(proxy.url(server.url)));
  });
  afterEach(() => connections.splice(1).forEach((one) => one.disconnect()));
  afterAll(async () => {
    connections.forEach((one) => one.disconnect());
    await proxy.close();
    await server.stop();
  });

  const processes = (): [Process, Process] => {
    if (a === undefined || b === undefined) throw new Error('not started');
    return [a, b];
  };

  it('are one limit after an exchange', async () => {
    const [one, other] = processes();
    expect(one.guess(address, 6)).toBe(6);
    await one.tick();
    expect(other.guess(address, 1)).toBe(1);
    await other.tick();
    expect(other.guess(address, 99)).toBe(3);
    await other.tick();
    // It has not asked since it was the only one.
    expect(one.guess(address, 1)).toBe(1);
    await one.tick();
    expect(one.guess(address, 99)).toBe(0);
  });

  it('let no more pass beyond the quota than arrives within one exchange', async () => {
    const [one, other] = processes();
    let passed = 0;
    for (let n = 0; n < 20; n += 1) {
      for (const process of [one, other]) {
        passed += process.guess(address, 1);
        await process.tick();
      }
    }
    // Each judges by what it heard after its own last request: the other may have had one since.
    expect(passed).toBeGreaterThanOrEqual(QUOTA);
    expect(passed).toBeLessThanOrEqual(QUOTA + 1);
  });

  it('make what was too much a debt of both', async () => {
    const [one, other] = processes();
    expect([one.guess(address, 99), other.guess(address, 99)]).toEqual([QUOTA, QUOTA]);
    await one.tick();
    await other.tick();
    one.guess(address, 1);
    await one.tick();
    for (const process of [one, other]) {
      const { policy } = process.limits.tables[0] ?? {};
      const bucket = process.limits.tables[0]?.peek(address);
      if (policy === undefined || bucket === undefined) throw new Error('no bucket');
      expect(policy.waitS(bucket, process.limits.now())).toBeGreaterThan(60);
    }
  });

  it('give a right guess back to both', async () => {
    const [one, other] = processes();
    const guess = one.limits.guess(address, { rateFields: null });
    await one.tick();
    guess.wasRight();
    await one.tick();
    other.guess(address, 1);
    await other.tick();
    expect(other.guess(address, 99)).toBe(QUOTA - 1);
  });

  it('go on by themselves while Redis is away, and tell it afterwards', async () => {
    const [one, other] = processes();
    one.guess(address, 4);
    await one.tick();
    proxy.refuse();
    expect(one.guess(address, 99)).toBe(QUOTA - 4);
    await one.tick();
    await one.tick();
    expect(one.errors.length).toBeGreaterThan(0);
    expect(one.guess(address, 99)).toBe(0);
    proxy.mend();
    const url = proxy.url(server.url);
    const back = new Process(await connected(url));
    await heals(one);
    back.guess(address, 1);
    await back.tick();
    // Coming back may take so long that one has run off.
    expect(back.guess(address, 99)).toBeLessThanOrEqual(1);
    expect(other.errors).toEqual([]);
  });

  it('neither wait nor open when Redis takes and never answers', async () => {
    const [one] = processes();
    proxy.swallowAnswers();
    one.guess(address, 3);
    const hanging = one.tick();
    const startedAt = performance.now();
    expect(one.guess(address, 99)).toBe(QUOTA - 3);
    // One exchange at a time: this one returns at once.
    await one.tick();
    expect(performance.now() - startedAt).toBeLessThan(500);
    await hanging;
    expect(one.errors).toHaveLength(1);
    expect(one.guess(address, 99)).toBe(0);
  });

  it('stay used up when Redis forgets everything', async () => {
    const [one] = processes();
    one.guess(address, 99);
    await one.tick();
    expect(await redis.del(`{c4c}:rate:address:${address}`)).toBe(1);
    one.guess(address, 1);
    await one.tick();
    expect(one.guess(address, 99)).toBe(0);
  });

  it('leave nothing behind: a key expires when its bucket has run empty', async () => {
    const [one] = processes();
    one.guess(address, 1);
    await one.tick();
    const leftMs = await redis.pttl(`{c4c}:rate:address:${address}`);
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(60_000 / QUOTA + 1_000);
  });

  it('are exchanged in batches, however many there are', async () => {
    const [one, other] = processes();
    const addresses = Array.from({ length: 1_700 }, (_, n) => `${address}-${n}`);
    for (const each of addresses) one.guess(each, QUOTA);
    await one.tick();
    expect(one.errors).toEqual([]);
    for (const each of addresses) other.guess(each, 1);
    await other.tick();
    expect(addresses.filter((each) => other.guess(each, 1) > 0)).toEqual([]);
  });

  async function heals(process: Process): Promise<void> {
    for (const until = performance.now() + 10_000; performance.now() < until;) {
      const before = process.errors.length;
      await process.tick();
      if (process.errors.length === before) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error('the exchange does not come back');
  }
});
