import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { PostgresProxy } from '../support/postgres-proxy.js';
import type { Client } from './client.js';
import { Market, Node, type Shop } from './market.js';

const WITHIN = { timeout: 10_000 };

// The provider's sockets are at a process whose database is behind a network that fails; everybody else's is sound.
let market: Market;
let proxy: PostgresProxy;
let node: Node;
let shop: Shop;
let client: Client;

beforeAll(async () => {
  market = await Market.start();
  proxy = await PostgresProxy.start(market.database.appUrl);
  node = await Node.start(market.database, { DATABASE_URL: proxy.url(market.database.appUrl) });
});
beforeEach(async () => {
  market.hangUp();
  shop = await market.shop();
  client = await market.greet(shop.provider, {}, node);
  node.lines.length = 0;
});
afterAll(async () => {
  market.hangUp();
  await node.close();
  await proxy.close();
  await market.close();
});

const failed = (): Promise<void> =>
  expect.poll(() => node.lines.join('\n'), WITHIN).toContain('hand-overs could not be recorded');
const reaches = (id: number, phase: string): Promise<void> => expect.poll(() => market.phase(id), WITHIN).toBe(phase);

/** The next event, as the client has it. */
async function invoked(): Promise<number> {
  const before = client.events.length;
  const id = await market.invoke(shop);
  await client.until(() => client.events.length > before);
  return id;
}

function acknowledge(seq: number): void {
  client.send({ type: 'ack', seq, attempt: 1 });
}

it('keeps an acknowledgement that the database did not take, and writes it with the next one', async () => {
  const first = await invoked();
  await reaches(first, 'handed_over');
  const lost = proxy.next('invocations-acknowledge', 'lose-request');
  acknowledge(1);
  await lost;
  await failed();
  expect(await market.phase(first)).toBe('handed_over');
  const second = await invoked();
  acknowledge(2);
  await reaches(second, 'acknowledged');
  await reaches(first, 'acknowledged');
});

it('keeps it also when it is lost together with its hand-over', async () => {
  // While this one is held, the next one's hand-over and acknowledgement gather behind it.
  const held = proxy.next('invocation-handed-over', 'hold-request');
  await invoked();
  await held;
  const first = await invoked();
  acknowledge(2);
  client.send({ type: 'ping', n: 1 });
  await client.until(() => client.ofType('pong').length === 1);
  const lost = proxy.next('invocations-taken', 'lose-request');
  proxy.release();
  await lost;
  await failed();
  const second = await invoked();
  acknowledge(3);
  await reaches(second, 'acknowledged');
  await reaches(first, 'acknowledged');
});
