import { setTimeout as sleep } from 'node:timers/promises';
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
      // A process that heard no hint may answer from memory for half a second.
      if (where !== 'here') await sleep(600);
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
      if (where !== 'here') await sleep(600);
      await expect(market.open(agent)).rejects.toThrow('refused with 403');
    },
  );

  it('comes for a peer that answers no pings, within 28 s', async () => {
    const agent = await market.agent();
    const [mute, alive] = [await market.open(agent, { autoPong: false }), await market.open(agent)];
    // The gateway's own clockwork, hurried: a ping is due every 20 s, its pong within 8 s.
    const sockets = market.socketsOf(agent);
    for (const socket of sockets) socket.tick(Date.now() + 20_000);
    await sleep(200);
    for (const socket of sockets) socket.tick(Date.now() + 28_001);
    expect(await mute.untilClosed(1_000)).toMatchObject({ code: 1006 });
    expect(alive.closed).toBeUndefined();
  });

  it('comes for a peer that has read nothing for 30 s although much waits for it', async () => {
    const shop = await market.shop();
    const sleeper = await market.open(shop.provider);
    sleeper.ws.pause();
    const input = { text: 'x'.repeat(200_000) };
    const [socket] = market.socketsOf(shop.provider);
    for (let n = 0; n < 100 && socket?.isBlocked === false; n += 1) await market.invoke(shop, { input });
    expect(socket?.isBlocked).toBe(true);
    // Not even for a missing pong: a ping waits behind the backlog.
    socket?.ping(Date.now(), 1_000);
    socket?.tick(Date.now() + 12_000);
    expect(socket?.isOpen).toBe(true);
    socket?.tick(Date.now() + 31_000);
    expect(socket?.isOpen).toBe(false);
  });

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
