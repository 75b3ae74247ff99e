import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Client, raw, upgradeRequest } from './client.js';
import { Market } from './market.js';

let market: Market;

beforeAll(async () => {
  market = await Market.start();
});
afterEach(() => market.hangUp());
afterAll(() => market.close());

describe('the door of the gateway', () => {
  it('gives an absent, malformed, unknown and revoked key, and keys of other kinds, one same 401 before any upgrade', async () => {
    const agent = await market.agent();
    await market.revoke(agent);
    const answers = await Promise.all([
      market.knock({}),
      market.knock({ 'X-API-Key': 'nobody' }),
      market.knock({ 'X-API-Key': agent.key }),
      market.knock({ 'X-API-Key': agent.ownerKey }),
      market.knock({}, '/ws?api_key=nobody'),
      market.knock({}, `/ws?api_key=${agent.key}&api_key=${agent.key}`),
    ]);
    const bodies = answers.map((answer) => {
      expect(answer).toMatch(/^HTTP\/1\.1 401 Unauthorized\r\n/);
      expect(answer).toContain('connection: close');
      const { traceId, ...body } = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as { traceId: string };
      expect(answer).toContain(`x-trace-id: ${traceId}`);
      return body;
    });
    expect(bodies[0]).toMatchObject({ success: false, error: { code: 'UNAUTHENTICATED' }, status: 401 });
    expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1);
  });

  it('takes the key from the header, the query, or both', async () => {
    const { key } = await market.agent();
    for (const answer of await Promise.all([
      market.knock({ 'X-API-Key': key }, '/ws', 300),
      market.knock({}, `/ws?api_key=${key}`, 300),
      market.knock({ 'X-API-Key': key }, `/ws?api_key=${key}`, 300),
    ])) {
      expect(answer).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
    }
  });

  it('refuses a frozen agent and a key without a fitting scope with 403', async () => {
    const [frozen, narrow] = [await market.agent(), await market.agent(['profile'])];
    await market.freeze(frozen);
    expect(await market.knock({ 'X-API-Key': frozen.key })).toMatch(/^HTTP\/1\.1 403 .*"AGENT_FROZEN"/s);
    expect(await market.knock({ 'X-API-Key': narrow.key })).toMatch(/^HTTP\/1\.1 403 .*"SCOPE_MISSING"/s);
  });

  it('serves other paths as plain HTTP, whatever upgrade is offered', async () => {
    const { key } = await market.agent();
    expect(await market.knock({ 'X-API-Key': key }, '/other', 300)).toMatch(/^HTTP\/1\.1 404 .*"NOT_FOUND"/s);
    expect(await market.knock({ Upgrade: 'h2c' }, '/healthz', 300)).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('refuses a sixth socket of an agent with 429 and lets one in again when one has left', async () => {
    const [agent, other] = [await market.agent(), await market.agent()];
    const [first] = await Promise.all(Array.from({ length: 5 }, () => market.open(agent)));
    expect(await market.knock({ 'X-API-Key': agent.key })).toMatch(
      /^HTTP\/1\.1 429 .*retry-after: 5.*"TOO_MANY_CONNECTIONS"/s,
    );
    await market.open(other);
    await first?.leave();
    await market.open(agent);
  });

  it.each([
    ['a short key', { 'Sec-WebSocket-Key': 'short' }, 400, 'Sec-WebSocket-Key'],
    ['another version', { 'Sec-WebSocket-Version': '7' }, 400, 'Sec-WebSocket-Version'],
    ['a broken subprotocol', { 'Sec-WebSocket-Protocol': 'a,,b' }, 400, 'Sec-WebSocket-Protocol'],
  ])('answers a handshake with %s as any other request', async (_what, headers, status, named) => {
    const { key } = await market.agent();
    const answer = await market.knock({ 'X-API-Key': key, ...headers });
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} .*\r\nratelimit-policy: "key".*\r\nratelimit: "`, 's'));
    expect(answer).toContain('\r\nsec-websocket-version: 13, 8\r\n');
    const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as { traceId: string };
    expect(body).toMatchObject({ success: false, status, instance: '/ws', error: { code: 'MALFORMED_REQUEST' } });
    expect(JSON.stringify(body)).toContain(named);
    expect(answer).toContain(`x-trace-id: ${body.traceId}`);
  });

  it.each([
    ['?v=2', []],
    ['?v=c4c.v1', []],
    ['', ['c4c.v2']],
    ['', ['chat', 'c4c.v10']],
  ])('tells who asks for another version (%s %j) so, and ends the socket with 4502', async (query, protocols) => {
    const client = await Client.open(market.port, (await market.agent()).key, {}, query, protocols);
    expect(await client.untilClosed()).toEqual({ code: 4502, reason: 'PROTOCOL_VERSION' });
    expect(client.frames).toMatchObject([{ type: 'error', code: 'PROTOCOL_VERSION', retryable: false }]);
    expect(client.frames[0]?.['message']).toContain('/ws?v=1');
  });

  it('takes c4c.v1 from who offers it beside another version, and other names as before', async () => {
    const agent = await market.agent();
    const both = await Client.open(market.port, agent.key, {}, '', ['c4c.v2', 'c4c.v1']);
    expect(both.ws.protocol).toBe('c4c.v1');
    const other = await Client.open(market.port, agent.key, {}, '', ['chat']);
    other.send({ type: 'ping' });
    await other.until(() => other.frames.length > 0);
    expect(other.frames).toMatchObject([{ type: 'pong', timestamp: expect.any(String) }]);
    both.ws.terminate();
    other.ws.terminate();
  });

  it('opens sockets with GET and nothing else', async () => {
    const { key } = await market.agent();
    const answer = await raw(market.port, upgradeRequest('/ws', { 'X-API-Key': key }).replace('GET', 'POST'));
    expect(answer).toMatch(/^HTTP\/1\.1 405 .*\r\nallow: GET\r\n.*\r\nratelimit: ".*"METHOD_NOT_ALLOWED"/s);
  });

  it('keeps no place for handshakes that fail', async () => {
    const agent = await market.agent();
    for (let n = 0; n < 8; n += 1) {
      expect(await market.knock({ 'X-API-Key': agent.key, 'Sec-WebSocket-Key': 'short' })).toMatch(/^HTTP\/1\.1 400 /);
    }
    await market.open(agent);
  });
});
