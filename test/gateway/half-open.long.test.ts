import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { Client } from './client.js';
import { Market } from './market.js';

// A ping every 20 s, its pong within 8 s, a look at the clock every 250 ms, and a second for the goodbye.
const NOTICED_WITHIN_MS = 28_000 + 2_000;

let market: Market;

beforeAll(async () => {
  market = await Market.start();
});
afterAll(() => market.close());

describe('a connection whose cable is pulled', () => {
  it.each(['plain', 'c4c.v1'])('is noticed within 28 s (%s); what came meanwhile is not lost', async (protocol) => {
    const shop = await market.shop();
    const cable = await startTcpProxy({ host: '127.0.0.1', port: market.port });
    const client = await through(cable, shop.provider.key, protocol);
    const first = await market.invoke(shop);
    await client.until(() => client.ofType(protocol === 'plain' ? 'notification' : 'event').length === 1);
    cable.freeze();
    const frozenAt = performance.now();
    const second = await market.invoke(shop);
    await expect
      .poll(() => market.socketsOf(shop.provider).length, { timeout: NOTICED_WITHIN_MS, interval: 50 })
      .toBe(0);
    console.log(`${protocol}: noticed after ${Math.round(performance.now() - frozenAt)} ms`);
    // Not a moment too early either: the peer may only be slow.
    expect(performance.now() - frozenAt).toBeGreaterThan(8_000);
    expect(market.node.lines.filter((line) => line.includes(`"agentId":"${shop.provider.id}"`))).toEqual([
      expect.stringContaining('no pong'),
    ]);
    const next = await market.open(shop.provider);
    await next.until(() => next.invoked.length === 2);
    expect(next.invoked).toEqual([first, second]);
    await next.leave();
    await cable.close();
  });

  it('keeps its events from a new socket of its consumer for seconds only', async () => {
    const shop = await market.shop();
    const cable = await startTcpProxy({ host: '127.0.0.1', port: market.port });
    const lost = await through(cable, shop.provider.key, 'c4c.v1');
    await market.invoke(shop);
    await lost.until(() => lost.events.length === 1);
    cable.freeze();
    const next = await market.greet(shop.provider);
    const greetedAt = performance.now();
    await next.until(() => next.events.includes('1.2'), 6_000);
    console.log(`taken over ${Math.round(performance.now() - greetedAt)} ms after the new hello`);
    await cable.close();
  });
});

async function through(cable: TcpProxy, key: string, protocol: string): Promise<Client> {
  const port = Number(new URL(cable.url(`http://127.0.0.1:${market.port}`)).port);
  const client = await Client.open(port, key, {}, '', protocol === 'plain' ? [] : ['c4c.v1']);
  if (protocol === 'plain') return client;
  client.send({ type: 'hello' });
  await client.until(() => client.welcome !== undefined);
  return client;
}
