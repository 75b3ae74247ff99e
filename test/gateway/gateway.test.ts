import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Client, raw, upgradeRequest } from './client.js';
import { SmallMarket } from './small-market.js';

let market: SmallMarket;

beforeEach(async () => {
  market = await SmallMarket.start();
});

afterEach(async () => {
  await market.gateway.drain(200);
  await market.app.close();
});

describe('the door', () => {
  it.each([
    ['no key', '/ws', {}],
    ['an unknown key', '/ws', { 'X-API-Key': 'nobody' }],
    ['an unknown key in the query', '/ws?api_key=nobody', {}],
    ['two keys in the query', '/ws?api_key=key-1&api_key=key-1', {}],
  ])('refuses %s with 401 and the envelope before any upgrade', async (_name, path, headers) => {
    market.agent();
    const answer = await raw(market.port, upgradeRequest(path, headers));
    expect(answer).toMatch(/^HTTP\/1\.1 401 Unauthorized\r\n/);
    expect(answer).toMatch(/connection: close/);
    const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as {
      success: boolean;
      error: { code: string };
      traceId: string;
    };
    expect(body).toMatchObject({ success: false, error: { code: 'UNAUTHENTICATED' } });
    expect(answer).toContain(`x-trace-id: ${body.traceId}`);
  });

  it('takes the key from the header or the query', async () => {
    const agent = market.agent();
    expect(await raw(market.port, upgradeRequest('/ws', { 'X-API-Key': agent.key }), 300)).toMatch(/^HTTP\/1\.1 101 /);
    expect(await raw(market.port, upgradeRequest(`/ws?api_key=${agent.key}`), 300)).toMatch(/^HTTP\/1\.1 101 /);
  });

  it('refuses a frozen agent and a key without a fitting scope with 403', async () => {
    const frozen = market.agent();
    frozen.isFrozen = true;
    expect(await raw(market.port, upgradeRequest('/ws', { 'X-API-Key': frozen.key }))).toMatch(
      /^HTTP\/1\.1 403 .*"AGENT_FROZEN"/s,
    );
    const narrow = market.agent(['profile']);
    expect(await raw(market.port, upgradeRequest('/ws', { 'X-API-Key': narrow.key }))).toMatch(
      /^HTTP\/1\.1 403 .*"SCOPE_MISSING"/s,
    );
  });

  it('answers 404 for other paths, also when they ask for another protocol', async () => {
    const agent = market.agent();
    expect(await raw(market.port, upgradeRequest('/other', { 'X-API-Key': agent.key }))).toMatch(
      /^HTTP\/1\.1 404 .*"NOT_FOUND"/s,
    );
    expect(await raw(market.port, upgradeRequest('/other', { Upgrade: 'h2c' }))).toMatch(
      /^HTTP\/1\.1 404 .*"NOT_FOUND"/s,
    );
  });

  it('refuses a sixth socket of an agent with 429 and lets one in again when one has left', async () => {
    const agent = market.agent();
    const clients = [];
    for (let n = 0; n < 5; n += 1) clients.push(await Client.open(market.port, agent.key));
    const answer = await raw(market.port, upgradeRequest('/ws', { 'X-API-Key': agent.key }));
    expect(answer).toMatch(/^HTTP\/1\.1 429 .*retry-after: 5.*"TOO_MANY_CONNECTIONS"/s);
    await clients[0]?.leave();
    await Client.open(market.port, agent.key);
    await Client.open(market.port, market.agent().key);
  });

  it('is not held open by a handshake that is no WebSocket', async () => {
    const agent = market.agent();
    for (let n = 0; n < 8; n += 1) {
      const answer = await raw(
        market.port,
        upgradeRequest('/ws', { 'X-API-Key': agent.key, 'Sec-WebSocket-Key': 'short' }),
      );
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    }
  });
});

describe('notifications', () => {
  it('brings live events in their order to every socket of the agent, and to nobody else', async () => {
    const [agent, other] = [market.agent(), market.agent()];
    const [first, second, stranger] = [
      await Client.open(market.port, agent.key),
      await Client.open(market.port, agent.key),
      await Client.open(market.port, other.key),
    ];
    const ids = Array.from({ length: 60 }, () => Number(market.invoke(agent)));
    await first.until(() => first.invoked.length >= 60);
    await second.until(() => second.invoked.length >= 60);
    expect(first.invoked).toEqual(ids);
    expect(second.invoked).toEqual(ids);
    expect(stranger.frames).toEqual([]);
  });

  it('sends what is still pending at connect, once, and then what follows', async () => {
    const agent = market.agent();
    const old = Array.from({ length: 70 }, () => market.invoke(agent));
    market.settled.add(old[3] ?? 0n);
    const client = await Client.open(market.port, agent.key);
    const fresh = market.invoke(agent);
    const expected = [...old.filter((id) => !market.settled.has(id)), fresh].map(Number);
    await client.until(() => client.invoked.length >= expected.length);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(client.invoked).toEqual(expected);
  });

  it('finds within a second and a bit what no hint announced', async () => {
    const agent = market.agent();
    const client = await Client.open(market.port, agent.key);
    const id = market.invoke(agent, { hint: false });
    await client.until(() => client.invoked.includes(Number(id)), 2_000);
  });

  it('loses nothing over a reconnect', async () => {
    const agent = market.agent();
    const before = await Client.open(market.port, agent.key);
    const seen = market.invoke(agent);
    await before.until(() => before.invoked.includes(Number(seen)));
    await before.leave();
    const missed = market.invoke(agent);
    const after = await Client.open(market.port, agent.key);
    await after.until(() => after.invoked.length === 2);
    expect(after.invoked).toEqual([Number(seen), Number(missed)]);
    expect(after.frames[0]?.messageId).toBe(before.frames[0]?.messageId);
  });
});

describe('hand-over', () => {
  it('is recorded, and counts as acknowledged when the socket answers a ping 2 s later', async () => {
    const agent = market.agent();
    const client = await Client.open(market.port, agent.key);
    const id = market.invoke(agent);
    await client.until(() => market.handedOver.includes(id));
    expect(market.acknowledged).toEqual([]);
    await client.until(() => market.acknowledged.includes(id), 3_000);
  });

  it('is not acknowledged by a peer that answers no pings, nor by a key that may not provide', async () => {
    const [agent, watching] = [market.agent(), market.agent(['read'])];
    const mute = await Client.open(market.port, agent.key, { autoPong: false });
    const watcher = await Client.open(market.port, watching.key);
    const [first, second] = [market.invoke(agent), market.invoke(watching)];
    await watcher.until(() => watcher.invoked.length === 1);
    await mute.until(() => mute.invoked.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(market.handedOver).toEqual([first]);
    expect(market.acknowledged).toEqual([]);
    expect(second).toBeGreaterThan(first);
  });
});

describe('frames of the client', () => {
  it('answers pings of both kinds, takes pongs, acks and progress', async () => {
    const agent = market.agent();
    const client = await Client.open(market.port, agent.key);
    const ponged = new Promise((resolve) => client.ws.once('pong', (payload) => resolve(payload.toString())));
    client.ws.ping('hello');
    expect(await ponged).toBe('hello');
    client.send({ type: 'ping', timestamp: new Date().toISOString() });
    await client.until(() => client.frames.some((frame) => frame.type === 'pong'));
    client.send({ type: 'pong', timestamp: new Date().toISOString() });
    client.send({ type: 'ack', invocationId: 7 });
    client.send({ type: 'progress', invocationId: 7, percent: 40, note: 'half' });
    await client.until(() => market.told.length === 2);
    expect(market.told).toEqual(['ack 1 7', 'progress 1 7 40 half']);
    expect(client.errors).toEqual([]);
  });

  it.each([
    ['no JSON', '{', 'FRAME_MALFORMED'],
    ['nested far too deep', '['.repeat(100_000), 'FRAME_MALFORMED'],
    ['no object', '[1]', 'FRAME_MALFORMED'],
    ['no type', '{}', 'FRAME_MALFORMED'],
    ['an unknown type', '{"type":"__proto__"}', 'FRAME_NOT_SUPPORTED'],
    ['a chat frame', '{"type":"message","employmentId":1,"content":"x"}', 'FRAME_NOT_SUPPORTED'],
    ['a hello', '{"type":"hello","v":1}', 'FRAME_NOT_SUPPORTED'],
    ['an ack of nothing', '{"type":"ack","invocationId":"7"}', 'VALIDATION_FAILED'],
    ['progress beyond 100', '{"type":"progress","invocationId":7,"percent":101}', 'VALIDATION_FAILED'],
    [
      'a note with half a character',
      '{"type":"progress","invocationId":7,"percent":1,"note":"\\ud800"}',
      'VALIDATION_FAILED',
    ],
  ])('answers %s with an error frame and stays open', async (_name, text, code) => {
    const client = await Client.open(market.port, market.agent().key);
    client.send(text);
    await client.until(() => client.errors.length > 0);
    expect(client.frames[0]).toMatchObject({ type: 'error', code, message: client.frames[0]?.['content'] });
    client.send({ type: 'ping' });
    await client.until(() => client.frames.some((frame) => frame.type === 'pong'));
  });

  it('refuses marks from a key that may not provide', async () => {
    const client = await Client.open(market.port, market.agent(['read']).key);
    client.send({ type: 'ack', invocationId: 7 });
    await client.until(() => client.errors.includes('SCOPE_MISSING'));
    expect(market.told).toEqual([]);
  });
});

describe('a hostile peer', () => {
  it('is closed with 1009 for a frame beyond 256 KiB, with 1003 for a binary one', async () => {
    const big = await Client.open(market.port, market.agent().key);
    big.send('x'.repeat(256 * 1024 + 1));
    expect(await big.untilClosed()).toMatchObject({ code: 1009 });
    const binary = await Client.open(market.port, market.agent().key);
    binary.ws.send(Buffer.from([1, 2, 3]));
    expect(await binary.untilClosed()).toMatchObject({ code: 1003 });
    expect(binary.errors).toEqual(['FRAME_NOT_SUPPORTED']);
  });

  it('is closed with 1007 for text that is no UTF-8', async () => {
    const client = await Client.open(market.port, market.agent().key);
    client.ws.send(Buffer.from([0xff, 0xfe]), { binary: false });
    expect(await client.untilClosed()).toMatchObject({ code: 1007 });
  });

  it.each(['frames', 'pings'])(
    'is closed with 1008 for a flood of %s, and leaves one line in the log',
    async (kind) => {
      const client = await Client.open(market.port, market.agent().key);
      for (let n = 0; n < 500; n += 1) {
        if (kind === 'frames') client.send('{');
        else client.ws.ping();
      }
      const { code } = await client.untilClosed();
      // Pings beyond ten unanswered ones are cut off by the socket library itself.
      expect(kind === 'frames' ? [1008] : [1008, 1006]).toContain(code);
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(market.lines.filter((line) => line.includes('socket'))).toHaveLength(1);
    },
  );

  it('that never reads is not buffered for, while others get everything; when it reads on it gets the rest', async () => {
    const [slow, quick] = [market.agent(), market.agent()];
    const sleeper = await Client.open(market.port, slow.key);
    const reader = await Client.open(market.port, quick.key);
    sleeper.ws.pause();
    const input = 'x'.repeat(100_000);
    const before = process.memoryUsage();
    for (let n = 0; n < 400; n += 1) market.invoke(slow, { input });
    for (let n = 0; n < 20; n += 1) market.invoke(quick);
    await reader.until(() => reader.invoked.length === 20);
    await new Promise((resolve) => setTimeout(resolve, 500));
    // 40 MB wait for the sleeper; what the process holds for it is its share of buffers.
    expect(process.memoryUsage().external - before.external).toBeLessThan(10 * 1024 * 1024);
    expect(sleeper.frames.length).toBeLessThan(400);
    sleeper.ws.resume();
    await sleeper.until(() => sleeper.invoked.length === 400, 20_000);
    expect(sleeper.invoked).toEqual([...sleeper.invoked].sort((a, b) => a - b));
  });
});

describe('the end of a socket', () => {
  it.each([
    [
      'a revoked key, by a hint',
      (agent: ReturnType<SmallMarket['agent']>) => {
        agent.isRevoked = true;
        market.bus.publish('key-revoked', { keyId: String(agent.keyId) });
      },
      300,
    ],
    [
      'a revoked key whose hint was lost',
      (agent: ReturnType<SmallMarket['agent']>) => {
        agent.isRevoked = true;
      },
      1_300,
    ],
    [
      'a frozen agent, by a hint',
      (agent: ReturnType<SmallMarket['agent']>) => {
        agent.isFrozen = true;
        market.bus.publish('agent-frozen', { agentId: String(agent.id) });
      },
      300,
    ],
  ] as const)('comes for %s, with 4503, in time', async (_name, end, withinMs) => {
    const agent = market.agent();
    const [client, other] = [
      await Client.open(market.port, agent.key),
      await Client.open(market.port, market.agent().key),
    ];
    end(agent);
    expect(await client.untilClosed(withinMs)).toMatchObject({ code: 4503 });
    expect(other.closed).toBeUndefined();
    await expect(Client.open(market.port, agent.key)).rejects.toThrow(/refused with 40[13]/);
  });

  it('is announced at a drain: 1001 to plain clients, a drain frame and 4001 to those that asked', async () => {
    const agent = market.agent();
    const plain = await Client.open(market.port, agent.key);
    const modern = await Client.open(market.port, agent.key, {}, '?v=1');
    const deaf = await Client.open(market.port, agent.key);
    deaf.ws.pause();
    const startedAt = Date.now();
    await market.gateway.drain(500);
    expect(Date.now() - startedAt).toBeLessThan(1_500);
    expect(await plain.untilClosed()).toMatchObject({ code: 1001 });
    expect(plain.frames).toEqual([]);
    expect(await modern.untilClosed()).toMatchObject({ code: 4001 });
    expect(modern.frames).toEqual([{ type: 'drain', reconnectAfterMs: expect.any(Number) }]);
    const answer = await raw(market.port, upgradeRequest('/ws', { 'X-API-Key': agent.key }));
    expect(answer).toMatch(/^HTTP\/1\.1 503 .*retry-after: 2.*"UNAVAILABLE"/s);
  });
});
