import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { upgradeRequest, type Client } from './client.js';
import { Market, type Agent } from './market.js';

let market: Market;

beforeAll(async () => {
  market = await Market.start();
});
afterEach(() => market.hangUp());
afterAll(() => market.close());

type Protocol = 'plain' | 'c4c.v1' | 'c4c.v1 before its hello';

const MISDEEDS: { what: string; codes: Record<'plain' | 'v1', number[]>; by: (client: Client) => void }[] = [
  { what: 'a frame beyond 256 KiB', codes: same([1009]), by: (client) => client.send('x'.repeat(256 * 1024 + 1)) },
  { what: 'a binary frame', codes: { plain: [1003], v1: [4501] }, by: ({ ws }) => ws.send(Buffer.from([1, 2, 3])) },
  { what: 'bad UTF-8', codes: same([1007]), by: ({ ws }) => ws.send(Buffer.from([0xff]), { binary: false }) },
  {
    what: 'too many fragments',
    codes: same([1008]),
    by: ({ ws }) => times(100, () => ws.send('x', { fin: false })),
  },
  {
    what: 'a flood of pings',
    codes: { plain: [1008], v1: [4006] },
    by: ({ ws }) => times(200, () => ws.ping()),
  },
  { what: 'a flood of pongs', codes: { plain: [1008], v1: [4006] }, by: ({ ws }) => times(500, () => ws.pong()) },
  {
    what: 'a flood of bad JSON',
    codes: { plain: [1008], v1: [4501] },
    by: (client) => times(500, () => client.send('{')),
  },
  {
    what: 'a flood of acknowledgements of nothing',
    // Before its hello already the first one ends it.
    codes: { plain: [1008], v1: [4006, 4501] },
    by: (client) => times(500, () => client.send({ type: 'ack', seq: 1, attempt: 1 })),
  },
];

describe.each<Protocol>(['plain', 'c4c.v1', 'c4c.v1 before its hello'])('a client of %s is closed for', (protocol) => {
  it.each(MISDEEDS)(
    '$what: with the right code, one line in the log, and nobody else hears of it',
    async ({ codes, by }) => {
      const neighbour = await market.open(await market.agent());
      const client = await greeted(protocol, await market.agent());
      const before = market.node.lines.length;
      by(client);
      expect(codes[protocol === 'plain' ? 'plain' : 'v1']).toContain((await client.untilClosed()).code);
      neighbour.send({ type: 'ping' });
      await neighbour.until(() => neighbour.ofType('pong').length === 1, 1_000);
      await expect.poll(() => market.node.lines.length - before).toBe(1);
      expect(market.node.lines.at(-1)).toContain('socket closed');
    },
  );
});

describe('bytes that are no frames of a client', () => {
  const BYTES: [string, number[]][] = [
    ['an unmasked frame', [0x81, 0x02, 0x68, 0x69]],
    ['a reserved bit', [0xf1, 0x80, 0, 0, 0, 0]],
    ['an unknown opcode', [0x83, 0x80, 0, 0, 0, 0]],
    ['a ping of more than 125 bytes', [0x89, 0xfe, 0x01, 0x00, 0, 0, 0, 0]],
    ['a length of 2^63', [0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['a continuation of nothing', [0x80, 0x80, 0, 0, 0, 0]],
  ];

  it.each(BYTES)('end the socket with 1002 or 1009 and one line: %s', async (_what, bytes) => {
    const socket = await upgraded(await market.agent());
    const before = market.node.lines.length;
    let answer = Buffer.alloc(0);
    const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.on('data', (chunk) => (answer = Buffer.concat([answer, chunk])));
    socket.write(Buffer.from(bytes));
    await ended;
    // A close frame: 0x88, its length, the code.
    expect(answer[0]).toBe(0x88);
    expect([1002, 1009]).toContain(answer.readUInt16BE(2));
    await expect.poll(() => market.node.lines.length - before).toBe(1);
  });
});

async function greeted(protocol: Protocol, agent: Agent): Promise<Client> {
  if (protocol === 'c4c.v1') return market.greet(agent);
  return market.open(agent, {}, protocol === 'plain' ? '' : '?v=1');
}

/** A bare socket behind its upgrade. */
async function upgraded({ key }: Agent): Promise<Socket> {
  const socket = connect(market.port, '127.0.0.1');
  socket.on('error', () => undefined);
  const opened = new Promise((resolve) => socket.once('data', resolve));
  socket.write(upgradeRequest('/ws', { 'X-API-Key': key }));
  expect(String(await opened)).toContain('101 Switching Protocols');
  return socket;
}

function same(codes: number[]): Record<'plain' | 'v1', number[]> {
  return { plain: codes, v1: codes };
}

function times(count: number, act: () => void): void {
  for (let n = 0; n < count; n += 1) act();
}
