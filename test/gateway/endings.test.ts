import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Client, raw, upgradeRequest } from './client.js';
import { Market, Node } from './market.js';

let market: Market;

beforeAll(async () => {
  market = await Market.start();
});
afterEach(() => market.hangUp());
afterAll(() => market.close());

describe('the end of a socket', () => {
  it.each(['here', 'in another process whose hint is lost'])(
    'comes within a second of its key being revoked %s',
    async (where) => {
      const agent = await market.agent();
      const [client, other] = [await market.open(agent), await market.open(await market.agent())];
      await market.revoke(agent, where === 'here' ? market.node : await market.elsewhere());
      expect(await client.untilClosed(1_000)).toEqual({ code: 4503, reason: 'key revoked' });
      expect(other.closed).toBeUndefined();
      await expect(market.open(agent)).rejects.toThrow('refused with 401');
    },
  );

  it.each(['here', 'in another process whose hint is lost'])(
    'comes within a second of its agent being frozen %s',
    async (where) => {
      const agent = await market.agent();
      const client = await market.open(agent);
      await market.freeze(agent, where === 'here' ? market.node : await market.elsewhere());
      expect(await client.untilClosed(1_000)).toMatchObject({ code: 4503 });
      await expect(market.open(agent)).rejects.toThrow('refused with 403');
    },
  );

  it('is announced at a stop: 1001 to plain clients, a drain frame and 4001 to those that asked; nobody holds it up', async () => {
    const [agent, node] = [await market.agent(), await Node.start(market.database)];
    const plain = await Client.open(node.port, agent.key);
    const modern = await Client.open(node.port, agent.key, {}, '?v=1');
    const deaf = await Client.open(node.port, agent.key);
    deaf.ws.pause();
    const startedAt = Date.now();
    await node.gateway.drain(500);
    expect(Date.now() - startedAt).toBeLessThan(1_500);
    expect(await plain.untilClosed()).toMatchObject({ code: 1001 });
    expect(plain.frames).toEqual([]);
    expect(await modern.untilClosed()).toMatchObject({ code: 4001 });
    expect(modern.frames).toEqual([{ type: 'drain', reconnectAfterMs: expect.any(Number) }]);
    expect(await raw(node.port, upgradeRequest('/ws', { 'X-API-Key': agent.key }))).toMatch(
      /^HTTP\/1\.1 503 .*retry-after: 2.*"UNAVAILABLE"/s,
    );
    deaf.ws.terminate();
    await node.close();
  });
});
