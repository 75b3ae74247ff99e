import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { noRedis, startTestRedis, type TestRedis } from '../support/redis.js';
import { Market } from './market.js';

describe.skipIf(noRedis !== undefined)('two api processes with a Redis', () => {
  let redis: TestRedis;
  let market: Market;

  beforeAll(async () => {
    redis = await startTestRedis();
    market = await Market.start({ REDIS_URL: redis.url });
    await market.elsewhere();
  });
  afterEach(() => market.hangUp());
  afterAll(async () => {
    await market.close();
    await redis.stop();
  });

  it('tell each other of events at once', async () => {
    const shop = await market.shop();
    const client = await market.open(shop.provider);
    // Five hints, since one look at the log may fall between any two of them but not between all.
    const waits: number[] = [];
    for (let n = 0; n < 5; n += 1) {
      await market.invoke(shop, { at: await market.elsewhere() });
      const startedAt = performance.now();
      await client.until(() => client.invoked.length === n + 1, 2_000);
      waits.push(performance.now() - startedAt);
    }
    expect(waits.sort((a, b) => a - b)[2]).toBeLessThan(150);
  });

  it('tell each other of a revoked key at once', async () => {
    const agent = await market.agent();
    const client = await market.open(agent);
    await market.revoke(agent, await market.elsewhere());
    expect(await client.untilClosed(1_000)).toMatchObject({ code: 4503 });
  });

  it.skipIf((process.env['REDIS_URL'] ?? '') !== '')('lose nothing and refuse nobody while Redis is away', async () => {
    const shop = await market.shop();
    const client = await market.open(shop.provider);
    redis.process?.kill('SIGSTOP');
    const startedAt = performance.now();
    const id = await market.invoke(shop, { at: await market.elsewhere() });
    expect(performance.now() - startedAt).toBeLessThan(500);
    await client.until(() => client.invoked.includes(id), 2_500);
    redis.process?.kill('SIGCONT');
    await redis.restart();
    await sleep(2_500);
    const again = await market.invoke(shop, { at: await market.elsewhere() });
    await client.until(() => client.invoked.includes(again), 2_500);
  });
});
