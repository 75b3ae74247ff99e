import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Market } from './market.js';

let market: Market;

beforeAll(async () => {
  market = await Market.start();
});
afterEach(() => market.hangUp());
afterAll(() => market.close());

describe('frames of a client', () => {
  it('ping is answered in both ways, pong is taken', async () => {
    const client = await market.open(await market.agent());
    const ponged = new Promise((resolve) => client.ws.once('pong', (payload) => resolve(payload.toString())));
    client.ws.ping('hello');
    expect(await ponged).toBe('hello');
    client.send({ type: 'pong', timestamp: new Date().toISOString() });
    client.send({ type: 'ping', timestamp: new Date().toISOString() });
    await client.until(() => client.frames.length > 0);
    expect(client.frames).toEqual([{ type: 'pong', timestamp: expect.any(String) }]);
  });

  it('so many pings at once as a socket has frames a second are all answered', async () => {
    const client = await market.open(await market.agent());
    const ponged: string[] = [];
    client.ws.on('pong', (payload) => ponged.push(payload.toString()));
    const pings = Array.from({ length: 50 }, (_, n) => String(n));
    for (const ping of pings) client.ws.ping(ping);
    await expect.poll(() => ponged).toEqual(pings);
    expect(client.closed).toBeUndefined();
  });

  it('hello on a plain socket is told how to get c4c.v1', async () => {
    const client = await market.open(await market.agent());
    client.send({ type: 'hello' });
    await client.until(() => client.frames.length > 0);
    expect(client.frames[0]).toMatchObject({ type: 'error', code: 'FRAME_NOT_SUPPORTED' });
    expect(client.frames[0]?.['message']).toContain('/ws?v=1');
  });

  it('ack and progress do what their requests do', async () => {
    const shop = await market.shop();
    const client = await market.open(shop.provider);
    const [first, second] = [await market.invoke(shop), await market.invoke(shop)];
    client.send({ type: 'ack', invocationId: first });
    client.send({ type: 'progress', invocationId: second, percent: 40, note: 'half' });
    await sleep(300);
    expect(await market.phase(first)).toBe('acknowledged');
    expect(await market.phase(second)).toBe('acknowledged');
    expect(client.errors).toEqual([]);
  });

  it('about what is not theirs get the error of the request, as a frame', async () => {
    const [shop, stranger] = [await market.shop(), await market.shop()];
    const id = await market.invoke(shop);
    const [foreign, caller] = [await market.open(stranger.provider), await market.open(shop.caller)];
    foreign.send({ type: 'ack', invocationId: id });
    caller.send({ type: 'progress', invocationId: id, percent: 1 });
    await foreign.until(() => foreign.errors.length > 0);
    await caller.until(() => caller.errors.length > 0);
    expect([...foreign.errors, ...caller.errors]).toEqual(['NOT_FOUND', 'NOT_FOUND']);
    const reader = await market.open(await market.agent(['read']));
    reader.send({ type: 'ack', invocationId: id });
    await reader.until(() => reader.errors.includes('SCOPE_MISSING'));
  });

  it.each([
    ['no JSON', '{', 'FRAME_MALFORMED'],
    ['nested far too deep', '['.repeat(100_000), 'FRAME_MALFORMED'],
    ['no object', '[1]', 'FRAME_MALFORMED'],
    ['without a type', '{}', 'FRAME_MALFORMED'],
    ['of an unknown type', '{"type":"__proto__"}', 'FRAME_NOT_SUPPORTED'],
    ['hello', '{"type":"hello","v":1}', 'FRAME_NOT_SUPPORTED'],
    ['ack of nothing', '{"type":"ack","invocationId":"7"}', 'VALIDATION_FAILED'],
    ['ack beyond 2^53', '{"type":"ack","invocationId":1e300}', 'VALIDATION_FAILED'],
    ['progress beyond 100', '{"type":"progress","invocationId":7,"percent":101}', 'VALIDATION_FAILED'],
    [
      'a note with half a character',
      '{"type":"progress","invocationId":7,"percent":1,"note":"\\ud800"}',
      'VALIDATION_FAILED',
    ],
    ['a note with U+0000', '{"type":"progress","invocationId":7,"percent":1,"note":"\\u0000"}', 'VALIDATION_FAILED'],
  ])('that are wrong (%s) get an error frame, and the socket stays open', async (_name, text, code) => {
    const client = await market.open(await market.agent());
    client.send(text);
    await client.until(() => client.errors.length > 0);
    expect(client.frames[0]).toMatchObject({ type: 'error', code, message: client.frames[0]?.['content'] });
    client.send({ type: 'ping' });
    await client.until(() => client.frames.some((frame) => frame.type === 'pong'));
  });
});

describe('a hostile client', () => {
  it('is closed with 1009 for a frame beyond 256 KiB, 1003 for a binary one, 1007 for bad UTF-8', async () => {
    const agent = await market.agent();
    const [big, binary, broken] = [await market.open(agent), await market.open(agent), await market.open(agent)];
    big.send('x'.repeat(256 * 1024 + 1));
    binary.ws.send(Buffer.from([1, 2, 3]));
    broken.ws.send(Buffer.from([0xff, 0xfe]), { binary: false });
    expect([await big.untilClosed(), await binary.untilClosed(), await broken.untilClosed()]).toMatchObject([
      { code: 1009 },
      { code: 1003 },
      { code: 1007 },
    ]);
    expect(binary.errors).toEqual(['FRAME_NOT_SUPPORTED']);
  });

  it('is closed with 1008 for a message in more than 64 fragments', async () => {
    const client = await market.open(await market.agent());
    for (let n = 0; n < 100; n += 1) client.ws.send('x', { fin: false });
    expect([1008, 1009]).toContain((await client.untilClosed()).code);
  });

  it.each(['frames', 'pings', 'pongs'])('is closed for a flood of %s, and leaves one line in the log', async (kind) => {
    const agent = await market.agent();
    const client = await market.open(agent);
    for (let n = 0; n < 500; n += 1) {
      if (kind === 'frames') client.send('{');
      else if (kind === 'pings') client.ws.ping();
      else client.ws.pong();
    }
    // More than ten pings whose pongs it does not read are cut off by the socket library itself.
    expect(kind === 'pings' ? [1006, 1008] : [1008]).toContain((await client.untilClosed()).code);
    await sleep(100);
    const lines = market.node.lines.filter((line) => line.includes(`"agentId":"${String(agent.id)}"`));
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain(agent.key);
  });
});
