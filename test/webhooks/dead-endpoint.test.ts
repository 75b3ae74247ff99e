import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Hook } from './hook.js';
import { Stage } from './stage.js';

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.start();
});
afterEach(() => stage.end());

it('one dead endpoint among a hundred slows nobody else down', { timeout: 120_000 }, async () => {
  const hook = await Hook.start();
  // It takes connections and never says a word.
  const sockets = new Set<Socket>();
  const hole = createServer((socket) => sockets.add(socket.on('error', () => undefined)));
  await new Promise<void>((done) => hole.listen(0, '127.0.0.1', done));
  const dead = `http://127.0.0.1:${(hole.address() as AddressInfo).port}/`;
  const agents = await Promise.all(Array.from({ length: 100 }, () => stage.otherProvider()));
  const endpoints = new Map<bigint, bigint>();
  for (const [n, { provider }] of agents.entries()) {
    endpoints.set(await stage.endpoint(n === 0 ? dead : hook.url, { agentId: provider }), provider);
  }
  stage.sender().start();
  const [first, ...others] = agents;
  if (first === undefined) throw new Error('nobody');
  const startedAt = new Map<string, number>();
  const round = async (withDead: boolean): Promise<number> => {
    hook.hits.length = 0;
    for (const { provider, service } of others) {
      if (withDead) await stage.invoke(first.service);
      startedAt.set(String(await stage.invoke(service)), performance.timeOrigin + performance.now());
      stage.hint(provider);
    }
    await hook.until(others.length);
    const lates = hook.hits.map(({ atMs, body }) => atMs - (startedAt.get(String(body['invocationId'])) ?? 0));
    return lates.sort((a, b) => a - b)[Math.floor(lates.length * 0.99) - 1] ?? Number.NaN;
  };
  await round(false);
  const without = [await round(false), await round(false)];
  const withOne = [await round(true), await round(true)];
  // What a machine that others use adds is not the dead endpoint's doing: one poll of the sender is far below what a try of it takes.
  expect(Math.min(...withOne)).toBeLessThan(Math.min(...without) * 1.1 + 250);
  for (const socket of sockets) socket.destroy();
  await new Promise((done) => hole.close(done));
  await hook.stop();
});
