import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Client } from './client.js';
import { Market, Node } from './market.js';

let market: Market;

beforeAll(async () => {
  market = await Market.start();
});
afterEach(() => market.hangUp());
afterAll(() => market.close());

function submission(ref: number, invocationId: number): object {
  return { type: 'submit', ref, invocationId, status: 'completed', output: { text: 'y' } };
}

describe('a socket of c4c.v1 ends', () => {
  it.each(['?v=1', 'c4c.v1'])('with 4501 when no hello comes within 5 s (%s)', async (way) => {
    const agent = await market.agent();
    const protocols = way === 'c4c.v1' ? ['other', 'c4c.v1'] : [];
    const client = await Client.open(market.port, agent.key, {}, way === '?v=1' ? '?v=1' : '', protocols);
    expect(await client.untilClosed(7_000)).toEqual({ code: 4501, reason: 'FRAME_NOT_SUPPORTED' });
    expect(client.frames).toMatchObject([{ type: 'error', code: 'FRAME_NOT_SUPPORTED', retryable: false }]);
    expect(client.ws.protocol).toBe(way === 'c4c.v1' ? 'c4c.v1' : '');
  });

  it.each([
    ['no JSON', '{', 4501, 'FRAME_MALFORMED'],
    ['an unknown type', { type: 'speech' }, 4501, 'FRAME_NOT_SUPPORTED'],
    ['a second hello', { type: 'hello' }, 4501, 'FRAME_NOT_SUPPORTED'],
    ['an ack of nothing', { type: 'ack' }, 4501, 'VALIDATION_FAILED'],
    ['another version', { type: 'hello', v: 2 }, 4502, 'PROTOCOL_VERSION'],
  ])('for good after a frame that cannot be taken: %s', async (_name, frame, code, problem) => {
    const client = await market.greet(await market.agent());
    client.send(frame);
    expect(await client.untilClosed()).toMatchObject({ code });
    expect(client.errors).toEqual([problem]);
  });

  it('for good after anything else than a hello', async () => {
    const client = await market.open(await market.agent(), {}, '?v=1');
    client.send({ type: 'ack', seq: 1, attempt: 1 });
    expect(await client.untilClosed()).toMatchObject({ code: 4501 });
  });

  it('for good after the 32nd name of a consumer', async () => {
    const agent = await market.agent();
    for (let n = 0; n < 32; n += 1) await (await market.greet(agent, { consumer: `c${String(n)}` })).leave();
    const one = await market.open(agent, {}, '?v=1');
    one.send({ type: 'hello', consumer: 'c32' });
    expect(await one.untilClosed()).toMatchObject({ code: 4501, reason: 'CONSUMER_LIMIT' });
    expect((await market.greet(agent, { consumer: 'c31' })).welcome).toBeDefined();
    const path = '/agent/me/consumers';
    const { consumers } = await market.node.call<{ consumers: object[] }>(agent.key, 'GET', path);
    expect(consumers).toHaveLength(32);
    await market.node.call(agent.key, 'DELETE', `${path}/c0`);
    expect((await market.greet(agent, { consumer: 'c32' })).welcome).toBeDefined();
  });

  it('with 1009 for a frame beyond 256 KiB, 4501 for a binary one, 1007 for bad UTF-8, 1008 for too many fragments', async () => {
    const agent = await market.agent();
    const [big, binary, broken, pieces] = [
      await market.greet(agent),
      await market.greet(agent),
      await market.greet(agent),
      await market.greet(agent),
    ];
    big.send('x'.repeat(256 * 1024 + 1));
    binary.ws.send(Buffer.from([1, 2, 3]));
    broken.ws.send(Buffer.from([0xff, 0xfe]), { binary: false });
    for (let n = 0; n < 100; n += 1) pieces.ws.send('x', { fin: false });
    expect([await big.untilClosed(), await binary.untilClosed(), await broken.untilClosed()]).toMatchObject([
      { code: 1009 },
      { code: 4501 },
      { code: 1007 },
    ]);
    expect([1008, 1009]).toContain((await pieces.untilClosed()).code);
  });

  it.each(['frames', 'pings', 'stale acknowledgements'])(
    'for a flood of %s, with one line in the log',
    async (kind) => {
      const agent = await market.agent();
      const client = await market.greet(agent);
      for (let n = 0; n < 500; n += 1) {
        if (kind === 'frames') client.send({ type: 'ping', n });
        else if (kind === 'pings') client.ws.ping();
        else client.ack('1.1');
      }
      expect([1006, 1008, 4006]).toContain((await client.untilClosed()).code);
      await sleep(100);
      const lines = market.node.lines.filter((line) => line.includes(`"agentId":"${String(agent.id)}"`));
      expect(lines).toHaveLength(1);
      expect(lines[0]).not.toContain(agent.key);
    },
  );

  it('not for as many acknowledgements a second as it has events', async () => {
    const shop = await market.shop();
    for (let n = 0; n < 120; n += 1) await market.invoke(shop);
    const client = await market.greet(shop.provider, { after: 0 });
    let acked = 0;
    await client.until(() => {
      client.ack(...client.events.slice(acked));
      acked = client.events.length;
      return acked === 120;
    });
    await client.until(() => client.ofType('caught_up').length === 1);
    expect(client.closed).toBeUndefined();
  });

  it.each([
    ['nack', (seq: number) => ({ type: 'nack', seq, attempt: 1, delayMs: 60_000 })],
    ['progress', (seq: number) => ({ type: 'progress', seq })],
    ['submit', (seq: number, invocationId: number) => submission(seq, invocationId)],
  ])('not for a %s of each event of its window at once', async (type, frameOf) => {
    const shop = await market.shop();
    const ids: number[] = [];
    for (let n = 0; n < 64; n += 1) ids.push(await market.invoke(shop));
    const client = await market.greet(shop.provider, { after: 0 });
    await client.until(() => client.events.length === 64);
    ids.forEach((id, n) => client.send(frameOf(n + 1, id)));
    client.send({ type: 'ping', n: 1 });
    await client.until(() => client.ofType('pong').length === 1);
    if (type === 'submit') await client.until(() => client.ofType('reply').length === 64);
    expect(client.ofType('reply').filter(({ ok }) => ok !== true)).toEqual([]);
    expect(client.closed).toBeUndefined();
  });

  it.each([
    ['reports of progress on one event', { type: 'progress', seq: 1 }],
    ['submissions that are refused', submission(1, 999_999_999)],
  ])('for a flood of %s', async (_name, frame) => {
    const shop = await market.shop();
    await market.invoke(shop);
    const client = await market.greet(shop.provider, { after: 0 });
    await client.until(() => client.events.length === 1);
    for (let n = 0; n < 500; n += 1) client.send(frame);
    expect(await client.untilClosed()).toMatchObject({ code: 4006, reason: 'FRAME_RATE_EXCEEDED' });
    // Slower it may come back, and both say so.
    expect(client.ofType('error').at(-1)).toMatchObject({ code: 'FRAME_RATE_EXCEEDED', retryable: true });
  });

  it('with 4503 when its key is revoked, and what it held goes to others', async () => {
    const shop = await market.shop();
    const key = await market.node.call<{ id: number; key: string }>(
      shop.provider.ownerKey,
      'POST',
      `/owner/agents/${String(shop.provider.id)}/keys`,
      { scopes: ['read', 'provide'] },
    );
    const client = await market.greet({ ...shop.provider, key: key.key }, { window: 1 });
    await market.invoke(shop);
    await client.until(() => client.events.length === 1);
    const heir = await market.greet(shop.provider, { window: 1 });
    await market.revoke({ ...shop.provider, keyId: key.id });
    expect(await client.untilClosed(1_000)).toMatchObject({ code: 4503 });
    await heir.until(() => heir.events.includes('1.2'), 1_000);
  });

  it('with 4003 when its peer is gone without a word; who comes instead has its events within seconds', async () => {
    const shop = await market.shop();
    const mute = await market.open(shop.provider, { autoPong: false }, '?v=1');
    mute.send({ type: 'hello' });
    await mute.until(() => mute.welcome !== undefined);
    await market.invoke(shop);
    await mute.until(() => mute.events.length === 1);
    const next = await market.greet(shop.provider);
    await next.until(() => next.events.includes('1.2'), 6_000);
    expect(await mute.untilClosed()).toMatchObject({ code: 4003 });
  });

  it('with 4002 when much waits and nothing is read for 30 s; it held little, and another gets all', async () => {
    // A key that may not read gets inputs with their events, however long.
    const shop = await market.shop(['provide']);
    const sleeper = await market.greet(shop.provider);
    sleeper.ws.pause();
    const input = { text: 'x'.repeat(200_000) };
    const [socket] = market.socketsOf(shop.provider);
    let made = 0;
    for (; made < 60 && socket?.isBlocked === false; made += 1) await market.invoke(shop, { input });
    expect(socket?.isBlocked).toBe(true);
    for (let n = 0; n < 10; n += 1) await market.invoke(shop, { input });
    await sleep(1_000);
    expect(market.buffered(shop.provider)).toBeLessThan(512 * 1024 + 250_000);
    socket?.tick(Date.now() + 31_000);
    const next = await market.greet(shop.provider);
    const seen = new Set<string>();
    await next.until(() => {
      for (const event of next.events.slice(seen.size)) {
        seen.add(event);
        next.ack(event);
      }
      return new Set(next.events.map((event) => event.split('.')[0])).size === made + 10;
    }, 15_000);
    sleeper.ws.resume();
    expect([4002, 1006]).toContain((await sleeper.untilClosed()).code);
  });

  it('at a stop of the server when it has acknowledged what it has, with 4001', async () => {
    const shop = await market.shop();
    const node = await Node.start(market.database);
    const client = await market.greet(shop.provider, {}, node);
    await market.invoke(shop);
    await client.until(() => client.events.length === 1, 3_000);
    const stopped = node.gateway.drain();
    await client.until(() => client.ofType('drain').length === 1);
    expect(client.ofType('drain')[0]?.['reconnectAfterMs']).toBeLessThanOrEqual(10_000);
    // What happens now waits for whoever comes next.
    await market.invoke(shop);
    await sleep(200);
    expect([client.closed, client.events]).toEqual([undefined, ['1.1']]);
    client.ack('1.1');
    expect(await client.untilClosed(1_000)).toMatchObject({ code: 4001 });
    await stopped;
    const next = await market.greet(shop.provider);
    expect(next.welcome).toMatchObject({ acked: 1, head: 2 });
    await next.until(() => next.events.includes('2.1'));
    const { rows } = await market.database.pool.query('select node from market.gateway_node');
    expect(rows).toHaveLength(1);
    await node.close();
  });
});
