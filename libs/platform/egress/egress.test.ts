import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EgressStage } from '../../../test/support/egress-stage.js';

let stage: EgressStage;

beforeEach(() => {
  stage = new EgressStage();
});
afterEach(() => stage.end());

describe('an answer', () => {
  it('comes with its status, headers, body and the time of every phase', async () => {
    let got = '';
    const { url } = await stage.receiver((request, response) => {
      request.on('data', (chunk: Buffer) => (got += chunk.toString()));
      request.on('end', () => {
        got += ` ${String(request.headers['x-a'])} ${request.method} ${request.url}`;
        response.writeHead(207, { 'x-b': 'c' }).end('ok');
      });
    });
    stage.names.set('hook.test', ['127.0.0.2']);
    const result = await stage.post(`${url.replace('127.0.0.2', 'hook.test')}/a?b=c`, { headers: { 'x-a': 'b' } });
    expect(result).toMatchObject({ kind: 'answered', status: 207, headers: { 'x-b': 'c' }, body: Buffer.from('ok') });
    expect(got).toBe('{"a":1} b POST /a?b=c');
    const { dnsMs, connectMs, tlsMs, firstByteMs, totalMs } = result.timings;
    expect(tlsMs).toBeNull();
    for (const phase of [dnsMs, connectMs, firstByteMs]) expect(phase).toBeGreaterThanOrEqual(0);
    expect((dnsMs ?? 0) + (connectMs ?? 0) + (firstByteMs ?? 0)).toBeLessThanOrEqual(totalMs + 0.02);
  });

  it('over TLS is taken when an authority vouches for the name', async () => {
    const { url, cert } = await stage.tlsReceiver(['hook.test', '127.0.0.2']);
    stage.names.set('hook.test', ['127.0.0.2']);
    stage.through({ authorities: [cert] });
    for (const target of [url, url.replace('127.0.0.2', 'hook.test')]) {
      const result = await stage.post(target);
      expect(result).toMatchObject({ kind: 'answered', status: 200, body: Buffer.from('secured') });
      expect(result.timings.tlsMs).toBeGreaterThan(0);
    }
  });

  it('may have 64 KiB and not a byte more', async () => {
    const { url } = await stage.receiver((request, response) =>
      response.end(Buffer.alloc(Number(request.url?.slice(1)))),
    );
    const most = await stage.post(`${url}/${64 * 1_024}`);
    expect(most.kind === 'answered' && most.body.length).toBe(64 * 1_024);
    expect(await stage.post(`${url}/${64 * 1_024 + 1}`)).toMatchObject({ kind: 'failed', reason: 'too-large' });
  });

  it('is not decompressed: a bomb stays as small as it was sent, and a large one is cut off', async () => {
    const small = gzipSync(Buffer.alloc(40 * 1_024 * 1_024));
    const large = gzipSync(Buffer.alloc(100 * 1_024 * 1_024));
    let asked: unknown;
    const { url } = await stage.receiver((request, response) => {
      asked = request.headers['accept-encoding'];
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(request.url === '/small' ? small : large);
    });
    const result = await stage.post(`${url}/small`, { headers: { 'accept-encoding': 'gzip' } });
    expect(result.kind === 'answered' && result.body.equals(small)).toBe(true);
    expect(asked).toBe('identity');
    expect(await stage.post(`${url}/large`)).toMatchObject({ kind: 'failed', reason: 'too-large' });
  });

  it('that sends elsewhere is an answer, and nobody goes there', async () => {
    const { port, sockets } = await stage.forbidden();
    for (const location of [`http://127.0.0.1:${port}/`, 'http://169.254.169.254/latest/meta-data/']) {
      for (const status of [301, 302, 303, 307, 308]) {
        const { url } = await stage.receiver((_request, response) => response.writeHead(status, { location }).end());
        expect(await stage.post(url)).toMatchObject({ kind: 'answered', status });
      }
    }
    expect(sockets).toEqual([]);
    expect(new Set(stage.dialled)).toEqual(new Set(['127.0.0.2']));
  });

  it('comes straight from the target, whatever proxies the environment names', async () => {
    const proxy = await stage.forbidden();
    const before = { ...process.env };
    for (const key of ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy']) {
      process.env[key] = `http://127.0.0.1:${proxy.port}`;
    }
    process.env['NODE_USE_ENV_PROXY'] = '1';
    try {
      const { url } = await stage.receiver((_request, response) => response.end('straight'));
      stage.through();
      expect(await stage.post(url)).toMatchObject({ kind: 'answered', body: Buffer.from('straight') });
    } finally {
      for (const key of Object.keys(process.env)) if (!(key in before)) Reflect.deleteProperty(process.env, key);
      Object.assign(process.env, before);
    }
    expect(proxy.sockets).toEqual([]);
  });
});
