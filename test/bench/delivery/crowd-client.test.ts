import { EventEmitter, once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { CrowdClient, type Ears } from './crowd-client.js';

let server: WebSocketServer;
let client: CrowdClient;
let heard: EventEmitter;
let ends: string[];

const event = (seq: number, id: string, attempt = 1): string =>
  JSON.stringify({ type: 'event', event: 'result_submitted', seq, id, attempt });
const ears: Ears = {
  invoked: () => undefined,
  ended: (_client, why) => ends.push(why),
  caughtUp: () => heard.emit('caught up'),
  refused: () => undefined,
};

beforeEach(async () => {
  [heard, ends] = [new EventEmitter(), []];
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'c4c.v1' });
  await once(server, 'listening');
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  client = new CrowdClient({ url, key: 'key', consumer: 'c0', after: 7 }, ears);
});
afterEach(async () => {
  client.stop();
  for (const socket of server.clients) socket.terminate();
  await new Promise((done) => server.close(done));
});

/** The next socket that says hello, and its hello. */
async function greeted(): Promise<{ socket: WebSocket; hello: Record<string, unknown> }> {
  const [socket] = (await once(server, 'connection')) as [WebSocket];
  const hello = await said(socket);
  socket.send(JSON.stringify({ type: 'welcome' }));
  return { socket, hello };
}

async function said(socket: WebSocket): Promise<Record<string, unknown>> {
  const [data] = (await once(socket, 'message')) as [Buffer];
  return JSON.parse(data.toString()) as Record<string, unknown>;
}

it('makes something of an event once, acknowledges it each time, and counts the repetition', async () => {
  client.connect();
  const { socket, hello } = await greeted();
  expect(hello).toMatchObject({ type: 'hello', consumer: 'c0', after: 7 });
  socket.send(event(8, 'evt_a'));
  expect(await said(socket)).toEqual({ type: 'ack', seq: 8, attempt: 1 });
  socket.send(event(8, 'evt_a', 2));
  expect(await said(socket)).toEqual({ type: 'ack', seq: 8, attempt: 2 });
  expect([...client.made]).toEqual([[8, 1]]);
  expect(client.repeated).toBe(1);
});

it('counts two ids of one number as made twice', async () => {
  client.connect();
  const { socket } = await greeted();
  socket.send(event(8, 'evt_a'));
  await said(socket);
  socket.send(event(8, 'evt_b'));
  await said(socket);
  expect([...client.made]).toEqual([[8, 2]]);
});

it('comes back when it was dropped, and leaves its place to the server', async () => {
  client.connect();
  const { socket } = await greeted();
  const caughtUp = once(heard, 'caught up');
  socket.send(JSON.stringify({ type: 'caught_up', seq: 7 }));
  await caughtUp;
  const again = greeted();
  client.drop();
  const { hello } = await again;
  expect(hello['after']).toBeUndefined();
  expect(ends).toHaveLength(1);
});
