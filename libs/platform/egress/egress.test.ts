import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import net, { type AddressInfo, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { selfSigned } from '../../../test/support/certificate.js';
import { PRIVATE_HOSTS } from '../../../test/support/private-hosts.js';
import { realDoors, type Doors } from './doors.js';
import { Egress, type EgressRequest } from './egress.js';
import type { EgressResult } from './line.js';

/*
 * 127.0.0.2 and 127.0.0.3 stand for public addresses, every other one is as private as it is. Nothing here leaves the machine.
 */
const PUBLIC = ['127.0.0.2/32', '127.0.0.3/32'];
const settings = { allow: PUBLIC, ports: [{ from: 1, to: 65_535 }], isHttpsOnly: false };

const stops: (() => void)[] = [];
let dialled: string[];
let names: Map<string, string[] | (() => string[])>;
let egress: Egress;

beforeEach(() => {
  dialled = [];
  names = new Map();
  egress = egressThrough();
});
afterEach(() => {
  egress.close();
  for (const stop of stops.splice(0)) stop();
});

function egressThrough(change: Partial<Doors> = {}): Egress {
  const real = realDoors();
  return new Egress(settings, {
    async resolve(host) {
      const known = names.get(host);
      if (known !== undefined) return typeof known === 'function' ? known() : known;
      if (host.endsWith('localhost')) return real.resolve(host);
      throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    },
    connect(options) {
      dialled.push(options.host ?? '');
      return real.connect(options);
    },
    ...change,
  });
}

const post = (url: string, change: Partial<EgressRequest> = {}): Promise<EgressResult> =>
  egress.post({ url, headers: {}, body: Buffer.from('{"a":1}'), totalMs: 5_000, ...change });

/** A server on a "public" address, and the connections it has got. */
async function receiver(answer: RequestListener, host = '127.0.0.2'): Promise<{ url: string; sockets: Socket[] }> {
  return listening(createServer(answer), 'http', host);
}

async function tlsReceiver(names: string[], until?: Date): Promise<{ url: string; sockets: Socket[]; cert: string }> {
  const certificate = selfSigned(names, until);
  const server = createTlsServer(certificate, (_request, response) => response.end('secured'));
  server.on('tlsClientError', () => undefined);
  return { ...(await listening(server, 'https', '127.0.0.2')), cert: certificate.cert };
}

async function listening(
  server: Pick<Server, 'listen' | 'on' | 'once' | 'address' | 'close'>,
  scheme: string,
  host?: string,
): Promise<{ url: string; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  server.on('connection', (socket: Socket) => {
    sockets.push(socket.on('error', () => undefined));
  });
  server.listen(0, host);
  await once(server as Server, 'listening');
  stops.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { url: `${scheme}://${host ?? ''}:${(server.address() as AddressInfo).port}`, sockets };
}

/** A server that speaks in bytes. */
async function rawReceiver(onRequest: (socket: Socket) => void): Promise<{ url: string; sockets: Socket[] }> {
  const server = net.createServer((socket) => socket.once('data', () => onRequest(socket)));
  return listening(server as unknown as Server, 'http', '127.0.0.2');
}

/** A listener on every address of this machine that must never be reached; answers its port. */
async function forbidden(): Promise<{ port: string; sockets: Socket[] }> {
  const { url, sockets } = await listening(
    createServer((_request, response) => response.end('secret')),
    'http',
  );
  return { port: url.slice(url.lastIndexOf(':') + 1), sockets };
}

describe('an answer', () => {
  it('comes with its status, headers, body and the time of every phase', async () => {
    let got = '';
    const { url } = await receiver((request, response) => {
      request.on('data', (chunk: Buffer) => (got += chunk.toString()));
      request.on('end', () => {
        got += ` ${String(request.headers['x-a'])} ${request.method} ${request.url}`;
        response.writeHead(207, { 'x-b': 'c' }).end('ok');
      });
    });
    names.set('hook.test', ['127.0.0.2']);
    const result = await post(`${url.replace('127.0.0.2', 'hook.test')}/a?b=c`, { headers: { 'x-a': 'b' } });
    expect(result).toMatchObject({ kind: 'answered', status: 207, headers: { 'x-b': 'c' }, body: Buffer.from('ok') });
    expect(got).toBe('{"a":1} b POST /a?b=c');
    const { dnsMs, connectMs, tlsMs, firstByteMs, totalMs } = result.timings;
    expect(tlsMs).toBeNull();
    for (const phase of [dnsMs, connectMs, firstByteMs]) expect(phase).toBeGreaterThanOrEqual(0);
    expect((dnsMs ?? 0) + (connectMs ?? 0) + (firstByteMs ?? 0)).toBeLessThanOrEqual(totalMs + 0.02);
  });

  it('over TLS is taken when an authority vouches for the name', async () => {
    const { url, cert } = await tlsReceiver(['hook.test', '127.0.0.2']);
    names.set('hook.test', ['127.0.0.2']);
    egress = egressThrough({ authorities: [cert] });
    for (const target of [url, url.replace('127.0.0.2', 'hook.test')]) {
      const result = await post(target);
      expect(result).toMatchObject({ kind: 'answered', status: 200, body: Buffer.from('secured') });
      expect(result.timings.tlsMs).toBeGreaterThan(0);
    }
  });

  it('may have 64 KiB and not a byte more', async () => {
    const { url } = await receiver((request, response) => response.end(Buffer.alloc(Number(request.url?.slice(1)))));
    const most = await post(`${url}/${64 * 1_024}`);
    expect(most.kind === 'answered' && most.body.length).toBe(64 * 1_024);
    expect(await post(`${url}/${64 * 1_024 + 1}`)).toMatchObject({ kind: 'failed', reason: 'too-large' });
  });

  it('is not decompressed: a bomb stays as small as it was sent, and a large one is cut off', async () => {
    const small = gzipSync(Buffer.alloc(40 * 1_024 * 1_024));
    const large = gzipSync(Buffer.alloc(100 * 1_024 * 1_024));
    let asked: unknown;
    const { url } = await receiver((request, response) => {
      asked = request.headers['accept-encoding'];
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(request.url === '/small' ? small : large);
    });
    const result = await post(`${url}/small`, { headers: { 'accept-encoding': 'gzip' } });
    expect(result.kind === 'answered' && result.body.equals(small)).toBe(true);
    expect(asked).toBe('identity');
    expect(await post(`${url}/large`)).toMatchObject({ kind: 'failed', reason: 'too-large' });
  });

  it('that sends elsewhere is an answer, and nobody goes there', async () => {
    const { port, sockets } = await forbidden();
    for (const location of [`http://127.0.0.1:${port}/`, 'http://169.254.169.254/latest/meta-data/']) {
      for (const status of [301, 302, 303, 307, 308]) {
        const { url } = await receiver((_request, response) => response.writeHead(status, { location }).end());
        expect(await post(url)).toMatchObject({ kind: 'answered', status });
      }
    }
    expect(sockets).toEqual([]);
    expect(new Set(dialled)).toEqual(new Set(['127.0.0.2']));
  });

  it('comes straight from the target, whatever proxies the environment names', async () => {
    const proxy = await forbidden();
    const before = { ...process.env };
    for (const key of ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy']) {
      process.env[key] = `http://127.0.0.1:${proxy.port}`;
    }
    process.env['NODE_USE_ENV_PROXY'] = '1';
    try {
      const { url } = await receiver((_request, response) => response.end('straight'));
      egress = egressThrough();
      expect(await post(url)).toMatchObject({ kind: 'answered', body: Buffer.from('straight') });
    } finally {
      process.env = before;
    }
    expect(proxy.sockets).toEqual([]);
  });
});

describe('an address that is not public', () => {
  it(`is seen through in all its ${PRIVATE_HOSTS.length} spellings, and never dialled`, async () => {
    expect(PRIVATE_HOSTS.length).toBeGreaterThanOrEqual(60);
    const { port, sockets } = await forbidden();
    for (const host of PRIVATE_HOSTS) {
      const result = await post(`http://${host}:${port}/`);
      expect(result, host).toMatchObject({ kind: 'failed', reason: 'forbidden-address' });
    }
    expect(dialled).toEqual([]);
    expect(sockets).toEqual([]);
  });

  it.each([
    [['127.0.0.1']],
    [['::1']],
    [['::ffff:10.0.0.1']],
    [['169.254.169.254']],
    [['127.0.0.2', '127.0.0.1']],
    [['127.0.0.2', '::1']],
    [['fd00::1', '127.0.0.2']],
  ])('is not reached by a name for %j', async (addresses) => {
    const { port, sockets } = await forbidden();
    names.set('hook.test', addresses);
    const result = await post(`http://hook.test:${port}/`);
    expect(result).toMatchObject({ kind: 'failed', reason: 'forbidden-address' });
    expect(dialled).toEqual([]);
    expect(sockets).toEqual([]);
  });

  it('is not reached by a name that changes with every look', async () => {
    const { port, sockets } = await forbidden();
    const good = await receiver((_request, response) => response.end('public'));
    let looks = 0;
    names.set('hook.test', () => [looks++ % 2 === 0 ? '127.0.0.2' : '127.0.0.1']);
    const kinds: string[] = [];
    for (let i = 0; i < 6; i += 1) {
      const own = await post(`http://hook.test:${new URL(good.url).port}/`);
      const other = await post(`http://hook.test:${port}/`);
      kinds.push(own.kind, other.kind === 'failed' ? other.reason : other.kind);
    }
    // Each connection looks once, so the public answer is always used for the public server and the other one never.
    expect(kinds).toEqual(Array.from({ length: 6 }, () => ['answered', 'forbidden-address']).flat());
    expect(looks).toBe(12);
    expect(sockets).toEqual([]);
  });

  it('is not spoken to, even when the network leads there by itself', async () => {
    const { port, sockets } = await forbidden();
    let bytes = 0;
    egress = egressThrough({
      connect: () =>
        net.connect(Number(port), '127.0.0.1').on('close', function (this: Socket) {
          bytes += this.bytesWritten;
        }),
    });
    expect(await post('http://127.0.0.2:9999/')).toMatchObject({ kind: 'failed', reason: 'forbidden-address' });
    await expect.poll(() => sockets.length).toBe(1);
    expect(bytes).toBe(0);
  });
});

describe('a far side that misbehaves', () => {
  it('is left at the deadline when it drips', async () => {
    const { url, sockets } = await receiver((_request, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write('.'), 20);
      response.on('close', () => clearInterval(drip));
    });
    const result = await post(url, { totalMs: 500 });
    expect(result).toMatchObject({ kind: 'failed', reason: 'timeout' });
    expect(result.timings.totalMs).toBeGreaterThanOrEqual(499);
    expect(result.timings.totalMs).toBeLessThan(1_500);
    await expect.poll(() => sockets.every(({ destroyed }) => destroyed)).toBe(true);
  });

  it('is left when its headers drip, or never come', async () => {
    const { url } = await rawReceiver((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const drip = setInterval(() => socket.write('x-a: b\r\n'), 20);
      socket.on('close', () => clearInterval(drip));
    });
    expect(await post(url, { totalMs: 300 })).toMatchObject({ kind: 'failed', reason: 'timeout' });
    const silent = await receiver(() => undefined);
    const result = await post(silent.url, { firstByteMs: 200 });
    expect(result).toMatchObject({ kind: 'failed', reason: 'timeout', detail: 'no answer within 200 ms' });
    expect(result.timings.totalMs).toBeLessThan(1_500);
  });

  it('is cut off when it never ends', async () => {
    const { url, sockets } = await receiver((_request, response) => {
      const chunk = Buffer.alloc(64 * 1_024);
      const pour = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', pour);
      pour();
    });
    expect(await post(url)).toMatchObject({ kind: 'failed', reason: 'too-large' });
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
    const { url } = await rawReceiver((socket) => void onRequest(socket));
    expect(await post(url)).toMatchObject({ kind: 'failed', reason });
  });

  it('is a tls failure without a certificate that holds', async () => {
    const stranger = await tlsReceiver(['127.0.0.2']);
    expect(await post(stranger.url)).toMatchObject({ kind: 'failed', reason: 'tls' });
    for (const bad of [
      await tlsReceiver(['other.test']),
      await tlsReceiver(['127.0.0.2'], new Date(Date.now() - 1_000)),
    ]) {
      egress = egressThrough({ authorities: [bad.cert] });
      expect(await post(bad.url)).toMatchObject({ kind: 'failed', reason: 'tls' });
    }
    const plain = await receiver((_request, response) => response.end());
    expect(await post(plain.url.replace('http:', 'https:'))).toMatchObject({ kind: 'failed', reason: 'tls' });
  });

  it('is a tls failure or a timeout when the handshake stops', async () => {
    const { url } = await rawReceiver(() => undefined);
    const result = await post(url.replace('http:', 'https:'), { totalMs: 300 });
    expect(result).toMatchObject({ kind: 'failed', reason: 'timeout' });
    expect(result.timings.totalMs).toBeLessThan(1_500);
  });

  it('is no connection where nobody listens', async () => {
    const { url } = await receiver(() => undefined);
    for (const stop of stops.splice(0)) stop();
    expect(await post(url)).toMatchObject({
      kind: 'failed',
      reason: 'connect',
      detail: 'no connection (ECONNREFUSED)',
    });
  });

  it('is given up at the deadline while it is looked up or dialled', async () => {
    egress = egressThrough({ resolve: () => new Promise(() => undefined), connect: () => new net.Socket() });
    for (const url of ['http://hook.test/', 'http://127.0.0.2/']) {
      const result = await post(url, { totalMs: 200 });
      expect(result).toMatchObject({ kind: 'failed', reason: 'timeout' });
      expect(result.timings.totalMs).toBeLessThan(1_500);
    }
  });

  it('is unknown when its name has no address', async () => {
    names.set('empty.test', []);
    for (const host of ['nobody.test', 'empty.test']) {
      expect(await post(`http://${host}/`)).toMatchObject({ kind: 'failed', reason: 'dns' });
    }
  });
});

describe('a connection', () => {
  it('is used again only for requests of the same name', async () => {
    const { url, sockets } = await receiver((_request, response) => response.end());
    for (const reuse of ['a', 'a', 'b', 'b', 'a']) expect((await post(url, { reuse })).kind).toBe('answered');
    expect(sockets.length).toBe(2);
    await post(url);
    await post(url);
    expect(sockets.length).toBe(4);
    const again = await post(url, { reuse: 'a' });
    expect(again.timings).toMatchObject({ dnsMs: null, connectMs: null, tlsMs: null });
  });

  it('is not shared by requests at the same time', async () => {
    const { url, sockets } = await receiver((_request, response) => response.end());
    const results = await Promise.all(Array.from({ length: 8 }, () => post(url, { reuse: 'a' })));
    expect(results.every(({ kind }) => kind === 'answered')).toBe(true);
    expect(sockets.length).toBe(8);
  });

  it('is opened anew, and judged anew, when the far side has hung up', async () => {
    const { url, sockets } = await receiver((_request, response) => response.end());
    names.set('hook.test', ['127.0.0.2']);
    const named = url.replace('127.0.0.2', 'hook.test');
    await post(named, { reuse: 'a' });
    sockets[0]?.end();
    await once(sockets[0] as Socket, 'close');
    expect((await post(named, { reuse: 'a' })).kind).toBe('answered');
    sockets[1]?.end();
    await once(sockets[1] as Socket, 'close');
    names.set('hook.test', ['127.0.0.1']);
    expect(await post(named, { reuse: 'a' })).toMatchObject({ kind: 'failed', reason: 'forbidden-address' });
  });

  it('is not kept after a failure', async () => {
    const { url, sockets } = await receiver((request, response) =>
      request.url === '/bad' ? response.end(Buffer.alloc(100_000)) : response.end(),
    );
    await post(`${url}/bad`, { reuse: 'a' });
    await post(`${url}/good`, { reuse: 'a' });
    expect(sockets.length).toBe(2);
  });

  it('that waits is closed with the guard', async () => {
    const { url, sockets } = await receiver((_request, response) => response.end());
    await post(url, { reuse: 'a' });
    egress.close();
    await expect.poll(() => sockets.every(({ destroyed }) => destroyed)).toBe(true);
  });
});
