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
      expect(result, host).toMatchObject({ kind: 'failed', reason: 'forbidden-address' });
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
    expect(result).toMatchObject({ kind: 'failed', reason: 'forbidden-address' });
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
    expect(kinds).toEqual(Array.from({ length: 6 }, () => ['answered', 'forbidden-address']).flat());
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
