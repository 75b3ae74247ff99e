import net, { type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EgressStage } from '../../../test/support/egress-stage.js';
import { PRIVATE_HOSTS } from '../../../test/support/private-hosts.js';

let stage: EgressStage;

beforeEach(() => {
  stage = new EgressStage();
});
afterEach(() => stage.end());

describe('an address that is not public', () => {
  it(`is seen through in all its ${PRIVATE_HOSTS.length} spellings, and never dialled`, async () => {
    expect(PRIVATE_HOSTS.length).toBeGreaterThanOrEqual(60);
    const { port, sockets } = await stage.forbidden();
    for (const host of PRIVATE_HOSTS) {
      const result = await stage.post(`http://${host}:${port}/`);
      // Which names lead inside is nothing to tell to who asks.
      const reason = /calhost/i.test(host) && !host.endsWith('.') ? 'dns' : 'forbidden-address';
      expect(result, host).toMatchObject({ kind: 'failed', reason });
    }
    expect(stage.dialled).toEqual([]);
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
    const { port, sockets } = await stage.forbidden();
    stage.names.set('hook.test', addresses);
    const result = await stage.post(`http://hook.test:${port}/`);
    const unknown = await stage.post(`http://nobody.test:${port}/`);
    for (const each of [result, unknown])
      expect(each).toMatchObject({ kind: 'failed', reason: 'dns', timings: { connectMs: null, tlsMs: null } });
    // But for its name it is told as one that nobody has; the difference is the operator's.
    expect('detail' in result && result.detail.replace('hook', 'nobody')).toBe('detail' in unknown && unknown.detail);
    expect(stage.unresolved).toEqual([
      { host: 'hook.test', why: addresses.find((address) => address !== '127.0.0.2'), isForbidden: true },
      { host: 'nobody.test', why: 'ENOTFOUND', isForbidden: false },
    ]);
    expect(stage.dialled).toEqual([]);
    expect(sockets).toEqual([]);
  });

  it('is not reached by a name that changes with every look', async () => {
    const { port, sockets } = await stage.forbidden();
    const good = await stage.receiver((_request, response) => response.end('public'));
    let looks = 0;
    stage.names.set('hook.test', () => [looks++ % 2 === 0 ? '127.0.0.2' : '127.0.0.1']);
    const kinds: string[] = [];
    for (let i = 0; i < 6; i += 1) {
      const own = await stage.post(`http://hook.test:${new URL(good.url).port}/`);
      const other = await stage.post(`http://hook.test:${port}/`);
      kinds.push(own.kind, other.kind === 'failed' ? other.reason : other.kind);
    }
    // Each connection looks once, so the public answer is always used for the public server and the other one never.
    expect(kinds).toEqual(Array.from({ length: 6 }, () => ['answered', 'dns']).flat());
    expect(looks).toBe(12);
    expect(sockets).toEqual([]);
  });

  it('is not spoken to, even when the network leads there by itself', async () => {
    const { port, sockets } = await stage.forbidden();
    let bytes = 0;
    stage.through({
      connect: () =>
        net.connect(Number(port), '127.0.0.1').on('close', function (this: Socket) {
          bytes += this.bytesWritten;
        }),
    });
    expect(await stage.post('http://127.0.0.2:9999/')).toMatchObject({ kind: 'failed', reason: 'forbidden-address' });
    await expect.poll(() => sockets.length).toBe(1);
    expect(bytes).toBe(0);
  });
});
