import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { serveHealth } from './connect-health.js';
import type { Health } from './connect-place.js';

let port: number;
let taken: Server;
let health: Health;

beforeEach(async () => {
  taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  ({ port } = taken.address() as AddressInfo);
  health = { connected: false, lastSeq: 7, lag: 2, inFlight: 1 };
});
afterEach(() => taken.close());

it('is 503 until there is a connection, and says how far it is either way', async () => {
  await new Promise((done) => taken.close(done));
  const served = await serveHealth(port, () => health);
  const ask = (path = '/healthz', method = 'GET'): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}${path}`, { method });
  const before = await ask();
  expect([before.status, await before.json()]).toEqual([503, health]);
  health = { ...health, connected: true };
  const after = await ask();
  expect([after.status, await after.json()]).toEqual([200, health]);
  expect((await ask('/healthz?x=1', 'HEAD')).status).toBe(200);
  expect((await ask('/')).status).toBe(404);
  expect((await ask('/healthz', 'POST')).status).toBe(405);
  served.close();
  await expect(ask()).rejects.toThrow();
});

it('says that the port is taken', async () => {
  await expect(serveHealth(port, () => health)).rejects.toMatchObject({
    code: 'HEALTH_PORT',
    exitCode: 1,
    message: expect.stringContaining('EADDRINUSE'),
  });
});
