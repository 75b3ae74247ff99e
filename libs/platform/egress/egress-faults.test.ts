import net, { type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EgressStage } from '../../../test/support/egress-stage.js';

let stage: EgressStage;

beforeEach(() => {
  stage = new EgressStage();
});
afterEach(() => stage.end());

describe('a far side that misbehaves', () => {
  it('is left at the deadline when it drips', async () => {
    const { url, sockets } = await stage.receiver((_request, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write('.'), 20);
      response.on('close', () => clearInterval(drip));
    });
    const result = await stage.post(url, { totalMs: 500 });
    expect(result).toMatchObject({ kind: 'failed', reason: 'timeout' });
    expect(result.timings.totalMs).toBeGreaterThanOrEqual(499);
    expect(result.timings.totalMs).toBeLessThan(1_500);
    await expect.poll(() => sockets.every(({ destroyed }) => destroyed)).toBe(true);
  });

  it('is left when its headers drip, or never come', async () => {
    const { url } = await stage.rawReceiver((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const drip = setInterval(() => socket.write('x-a: b\r\n'), 20);
      socket.on('close', () => clearInterval(drip));
    });
    expect(await stage.post(url, { totalMs: 300 })).toMatchObject({ kind: 'failed', reason: 'timeout' });
    const silent = await stage.receiver(() => undefined);
    const result = await stage.post(silent.url, { firstByteMs: 200 });
    expect(result).toMatchObject({ kind: 'failed', reason: 'timeout', detail: 'no answer within 200 ms' });
    expect(result.timings.totalMs).toBeLessThan(1_500);
  });

  it('is cut off when it never ends', async () => {
    const { url, sockets } = await stage.receiver((_request, response) => {
      const chunk = Buffer.alloc(64 * 1_024);
      const pour = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', pour);
      pour();
    });
    expect(await stage.post(url)).toMatchObject({ kind: 'failed', reason: 'too-large' });
    await expect.poll(() => sockets.every(({ destroyed }) => destroyed)).toBe(true);
  });

  it.each([
    ['reset', 'before it answers', (socket: Socket) => socket.resetAndDestroy()],
    ['reset', 'and hangs up before it answers', (socket: Socket) => socket.end()],
    [
      'reset',
      'in the middle of the body',
      (socket: Socket) =>
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc', () => socket.resetAndDestroy()),
    ],
    ['reset', 'and breaks off', (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')],
    ['protocol', 'with no HTTP', (socket: Socket) => socket.end('220 mail ready\r\n')],
    [
      'protocol',
      'with bad chunks',
      (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'),
    ],
    [
      'reset',
      'by changing protocols',
      (socket: Socket) => socket.write('HTTP/1.1 101 Now\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
    ],
    [
      'too-large',
      'with endless headers',
      (socket: Socket) => socket.write(`HTTP/1.1 200 OK\r\nx-a: ${'b'.repeat(20_000)}`),
    ],
  ])('is a %s when it answers %s', async (reason, _how, onRequest) => {
    const { url } = await stage.rawReceiver((socket) => void onRequest(socket));
    expect(await stage.post(url)).toMatchObject({ kind: 'failed', reason });
  });

  it('is a tls failure without a certificate that holds', async () => {
    const stranger = await stage.tlsReceiver(['127.0.0.2']);
    expect(await stage.post(stranger.url)).toMatchObject({ kind: 'failed', reason: 'tls' });
    for (const bad of [
      await stage.tlsReceiver(['other.test']),
      await stage.tlsReceiver(['127.0.0.2'], new Date(Date.now() - 1_000)),
    ]) {
      stage.through({ authorities: [bad.cert] });
      expect(await stage.post(bad.url)).toMatchObject({ kind: 'failed', reason: 'tls' });
    }
    const plain = await stage.receiver((_request, response) => response.end());
    expect(await stage.post(plain.url.replace('http:', 'https:'))).toMatchObject({ kind: 'failed', reason: 'tls' });
  });

  it('is a tls failure or a timeout when the handshake stops', async () => {
    const { url } = await stage.rawReceiver(() => undefined);
    const result = await stage.post(url.replace('http:', 'https:'), { totalMs: 300 });
    expect(result).toMatchObject({ kind: 'failed', reason: 'timeout' });
    expect(result.timings.totalMs).toBeLessThan(1_500);
  });

  it('is no connection where nobody listens', async () => {
    const { url } = await stage.receiver(() => undefined);
    stage.stopServers();
    expect(await stage.post(url)).toMatchObject({
      kind: 'failed',
      reason: 'connect',
      detail: 'no connection (ECONNREFUSED)',
    });
  });

  it('is given up at the deadline while it is looked up or dialled', async () => {
    stage.through({ resolve: () => new Promise(() => undefined), connect: () => new net.Socket() });
    for (const url of ['http://hook.test/', 'http://127.0.0.2/']) {
      const result = await stage.post(url, { totalMs: 200 });
      expect(result).toMatchObject({ kind: 'failed', reason: 'timeout' });
      expect(result.timings.totalMs).toBeLessThan(1_500);
    }
  });

  it('is unknown when its name has no address', async () => {
    stage.names.set('empty.test', []);
    for (const host of ['nobody.test', 'empty.test']) {
      expect(await stage.post(`http://${host}/`)).toMatchObject({ kind: 'failed', reason: 'dns' });
    }
  });
});
