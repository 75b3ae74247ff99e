import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EgressStage } from '../../../test/support/egress-stage.js';

let stage: EgressStage;

beforeEach(() => {
  stage = new EgressStage();
});
afterEach(() => stage.end());

describe('a connection', () => {
  it('is used again only for requests of the same name', async () => {
    const { url, sockets } = await stage.receiver((_request, response) => response.end());
    for (const reuse of ['a', 'a', 'b', 'b', 'a']) expect((await stage.post(url, { reuse })).kind).toBe('answered');
    expect(sockets.length).toBe(2);
    await stage.post(url);
    await stage.post(url);
    expect(sockets.length).toBe(4);
    const again = await stage.post(url, { reuse: 'a' });
    expect(again.timings).toMatchObject({ dnsMs: null, connectMs: null, tlsMs: null });
  });

  it('is not shared by requests at the same time', async () => {
    const { url, sockets } = await stage.receiver((_request, response) => response.end());
    const results = await Promise.all(Array.from({ length: 8 }, () => stage.post(url, { reuse: 'a' })));
    expect(results.every(({ kind }) => kind === 'answered')).toBe(true);
    expect(sockets.length).toBe(8);
  });

  it('is opened anew, and judged anew, when the far side has hung up', async () => {
    const { url, sockets } = await stage.receiver((_request, response) => response.end());
    stage.names.set('hook.test', ['127.0.0.2']);
    const named = url.replace('127.0.0.2', 'hook.test');
    await stage.post(named, { reuse: 'a' });
    sockets[0]?.end();
    await once(sockets[0] as Socket, 'close');
    expect((await stage.post(named, { reuse: 'a' })).kind).toBe('answered');
    sockets[1]?.end();
    await once(sockets[1] as Socket, 'close');
    stage.names.set('hook.test', ['127.0.0.1']);
    expect(await stage.post(named, { reuse: 'a' })).toMatchObject({ kind: 'failed', reason: 'dns' });
  });

  it('is not kept after a failure', async () => {
    const { url, sockets } = await stage.receiver((request, response) =>
      request.url === '/bad' ? response.end(Buffer.alloc(100_000)) : response.end(),
    );
    await stage.post(`${url}/bad`, { reuse: 'a' });
    await stage.post(`${url}/good`, { reuse: 'a' });
    expect(sockets.length).toBe(2);
  });

  it('that waits is closed with the guard', async () => {
    const { url, sockets } = await stage.receiver((_request, response) => response.end());
    await stage.post(url, { reuse: 'a' });
    stage.egress.close();
    await expect.poll(() => sockets.every(({ destroyed }) => destroyed)).toBe(true);
  });
});
