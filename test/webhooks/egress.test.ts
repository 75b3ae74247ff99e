import { once } from 'node:events';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Egress } from '../../libs/platform/egress/egress.js';
import { selfSigned } from '../support/certificate.js';
import { expectInvariants } from '../support/database.js';
import { Hook } from './hook.js';
import { Stage } from './stage.js';

/*
 * What the guard refuses is refused to the sender too: 127.0.0.2 stands for a public address, every other one is as private as it is.
 * Each ends with the reason in the attempt's row and the delivery still pending, so that nothing is lost.
 */
let stage: Stage;
let dialled: string[];
let answers: string[];
const stops: (() => Promise<void> | void)[] = [];

beforeEach(async () => {
  dialled = [];
  answers = [];
  const egress = new Egress(
    { allow: ['127.0.0.2/32'], ports: [{ from: 1, to: 65_535 }], isHttpsOnly: false },
    {
      // A name that answers otherwise each time it is asked; the last answer stays.
      resolve: () => Promise.resolve([(answers.length > 1 ? answers.shift() : answers[0]) ?? '127.0.0.2']),
      connect: (options) => {
        const socket = connect(options);
        socket.once('connect', () => dialled.push(socket.remoteAddress ?? ''));
        return socket;
      },
    },
  );
  stage = await Stage.start({ egress });
});
afterEach(async () => {
  await expectInvariants(stage.database);
  await stage.end();
  for (const stop of stops.splice(0)) await stop();
});

/** A receiver on a "public" address under a name; whoever reaches its port at any other address, 127.0.0.1 above all, is a `secret`. */
async function named(
  answer?: Parameters<typeof Hook.start>[0],
): Promise<{ url: string; hook: Hook; secret: Socket[] }> {
  const hook = await Hook.start(answer, '0.0.0.0');
  stops.push(() => hook.stop());
  const { port } = new URL(hook.url);
  const secret: Socket[] = [];
  hook.onConnection((socket) => {
    if (socket.localAddress !== '127.0.0.2') secret.push(socket);
  });
  return { url: `http://hook.test:${port}/hook`, hook, secret };
}

async function tried(endpoint: bigint, count: number): Promise<Awaited<ReturnType<Stage['rows']>>[number]> {
  await expect.poll(async () => (await stage.rows(endpoint))[0]?.tries.length, { timeout: 20_000 }).toBe(count);
  const [row] = await stage.rows(endpoint);
  if (row === undefined) throw new Error('there is no delivery');
  return row;
}

describe('a name that answers otherwise each time', () => {
  it('is not connected to while one of its answers is forbidden, and gets the delivery once they are not', async () => {
    answers = ['127.0.0.1', '127.0.0.2', '127.0.0.1', '127.0.0.2'];
    // It hangs up after each answer, so every try asks for the name.
    const { url, hook, secret } = await named((response) =>
      response.writeHead(hook.hits.length < 2 ? 500 : 204, { connection: 'close' }).end(),
    );
    const endpoint = await stage.endpoint(url);
    stage.sender().start();
    await stage.invoke();
    const [row] = await stage.settled(endpoint, 1);
    expect(row).toMatchObject({ status: 'delivered', attempt: 4 });
    expect(row?.tries.map(({ status, reason }) => [status, reason])).toEqual([
      [null, 'dns'],
      [500, null],
      [null, 'dns'],
      [204, null],
    ]);
    expect(secret).toEqual([]);
    expect(new Set(dialled)).toEqual(new Set(['127.0.0.2']));
    expect(hook.ids.size).toBe(1);
  });

  it.each(['127.0.0.1', '169.254.169.254', '10.0.0.1', '::1', '::ffff:127.0.0.1'])(
    'and lands on %s is never reached, and its delivery waits',
    async (address) => {
      answers = [address];
      const { url, hook, secret } = await named();
      const endpoint = await stage.endpoint(url, { agentId: stage.caller });
      stage.sender().start();
      await stage.submit(await stage.invoke());
      const row = await tried(endpoint, 1);
      expect(row).toMatchObject({ status: 'pending', tries: [{ status: null, reason: 'dns' }] });
      expect([dialled, secret, hook.hits]).toEqual([[], [], []]);
    },
  );
});

describe('a receiver that', () => {
  it.each([301, 302, 303, 307, 308])(
    'sends on to 169.254.169.254 with %d is refused, and nobody goes there',
    async (status) => {
      const location = 'http://169.254.169.254/latest/meta-data/';
      const { url } = await named((response) => response.writeHead(status, { location }).end());
      const endpoint = await stage.endpoint(url, { agentId: stage.caller });
      stage.sender().start();
      await stage.submit(await stage.invoke());
      const row = await tried(endpoint, 1);
      expect(row).toMatchObject({ status: 'pending', tries: [{ status, reason: null }] });
      expect(dialled).toEqual(['127.0.0.2']);
    },
  );

  it('has a certificate that nobody vouches for is not told anything', async () => {
    let asked = 0;
    const server = createTlsServer(selfSigned(['127.0.0.2']), (_request, response) => {
      asked += 1;
      response.end();
    });
    server.on('tlsClientError', () => undefined).listen(0, '127.0.0.2');
    await once(server, 'listening');
    stops.push(() => void server.close());
    const endpoint = await stage.endpoint(`https://127.0.0.2:${(server.address() as AddressInfo).port}/`, {
      agentId: stage.caller,
    });
    stage.sender().start();
    await stage.submit(await stage.invoke());
    const row = await tried(endpoint, 1);
    expect(row).toMatchObject({ status: 'pending', tries: [{ status: null, reason: 'tls' }] });
    expect(asked).toBe(0);
  });

  it('hangs is given up after ten seconds', async () => {
    const { url } = await named(() => undefined);
    const endpoint = await stage.endpoint(url, { agentId: stage.caller });
    stage.sender().start();
    await stage.submit(await stage.invoke());
    const row = await tried(endpoint, 1);
    expect(row).toMatchObject({ status: 'pending', tries: [{ status: null, reason: 'timeout' }] });
    expect(row.tries[0]?.total).toBeGreaterThanOrEqual(9_990);
    expect(row.tries[0]?.total).toBeLessThan(11_500);
  });

  it('nobody is at is told so', async () => {
    const { url, hook } = await named();
    await hook.stop();
    stops.shift();
    const endpoint = await stage.endpoint(url, { agentId: stage.caller });
    stage.sender().start();
    await stage.submit(await stage.invoke());
    expect(await tried(endpoint, 1)).toMatchObject({
      status: 'pending',
      tries: [{ status: null, reason: 'connect' }],
    });
  });
});

/** What is in use when everything that nobody holds has been thrown away. */
function usedBytes(): number {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

it('answers without end, and connections that break, leave nothing in memory', { timeout: 120_000 }, async () => {
  let asked = 0;
  const chunk = Buffer.alloc(16_384, 'x');
  const { url } = await named((response, _hit, request) => {
    asked += 1;
    if (asked % 3 === 0) {
      request.socket.resetAndDestroy();
      return;
    }
    response.writeHead(asked % 3 === 1 ? 200 : 500);
    const more = (): void => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', more);
    more();
  });
  const agents = await Promise.all(Array.from({ length: 40 }, () => stage.otherProvider()));
  const endpoints: bigint[] = [];
  for (const { provider } of agents) endpoints.push(await stage.endpoint(url, { agentId: provider }));
  stage.sender().start();
  const round = async (n: number): Promise<number> => {
    // Other names each time, since a host that fails so is left alone.
    for (const endpoint of endpoints)
      await stage.set(endpoint, `url = '${url.replace('hook.test', `h${n}-${endpoint}.test`)}'`);
    const until = asked + agents.length;
    for (const { provider, service } of agents) {
      await stage.invoke(service);
      stage.hint(provider);
    }
    await expect.poll(() => asked, { timeout: 20_000 }).toBeGreaterThanOrEqual(until);
    await stage.database.pool.query(
      `update market.delivery set status = 'cancelled', ended_at = platform.clock(), claim_id = null where status = 'pending'`,
    );
    await stage.database.pool.query(
      `update market.webhook_endpoint set state = 'active', consecutive_failures = 0, first_failure_at = null, breaker_until = null,
        breaker_opened = 0`,
    );
    return usedBytes();
  };
  await round(0);
  const first = await round(1);
  let last = first;
  for (let n = 2; n < 10; n += 1) last = await round(n);
  const { rows } = await stage.database.pool.query<{ most: number; tries: number }>(
    'select max(octet_length(response)) as most, count(*)::int as tries from market.delivery_attempt',
  );
  expect(rows[0]?.most ?? 0).toBeLessThanOrEqual(4_096);
  expect(rows[0]?.tries).toBeGreaterThanOrEqual(200);
  // 320 tries have ended in between: what one of them left, an answer of 64 KiB, would be 20 MiB.
  expect(last - first).toBeLessThan(8 * 1_024 * 1_024);
});
