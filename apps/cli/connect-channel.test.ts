import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { Channel, TIMINGS } from './connect-channel.js';
import type { ConnectEvent } from './connect-log.js';
import { PROTOCOL, type ServerFrame } from './connect-protocol.js';

type Talk = { ws: WebSocket; heard: Record<string, unknown>[]; say(frame: object): void };
type Script = (talk: Talk) => void;

const WELCOME = { type: 'welcome', session: 's', head: 3, acked: 1, pingMs: 20_000, ackMs: 30_000, window: 64 };

/** A server that says what a test tells it to, one script a connection. */
class Peer {
  readonly talks: Talk[] = [];
  private readonly scripts: Script[] = [];

  private constructor(
    private readonly http: Server,
    private readonly server: WebSocketServer,
  ) {}

  static async start(): Promise<Peer> {
    const http = createServer();
    const peer = new Peer(http, new WebSocketServer({ noServer: true, autoPong: false }));
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    http.on('upgrade', (request, socket, head) => {
      const script = peer.scripts.shift();
      if (script === undefined) return void socket.end('HTTP/1.1 503 Busy\r\nretry-after: 0\r\n\r\n');
      if ('refusal' in script) return void socket.end(String(script.refusal));
      peer.server.handleUpgrade(request, socket, head, (ws) => {
        const heard: Record<string, unknown>[] = [];
        const talk = { ws, heard, say: (frame: object) => ws.send(JSON.stringify(frame)) };
        peer.talks.push(talk);
        ws.on('message', (raw: Buffer) => {
          heard.push(JSON.parse(raw.toString()) as Record<string, unknown>);
          if (heard.length === 1) script(talk);
        });
      });
    });
    return peer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`;
  }

  /** What happens to the next connections, after their first frame. */
  next(...scripts: Script[]): void {
    this.scripts.push(...scripts);
  }

  refuses(answer: string): void {
    this.scripts.push(Object.assign(() => undefined, { refusal: answer }));
  }

  async close(): Promise<void> {
    for (const { ws } of this.talks) ws.terminate();
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }
}

let peer: Peer;
let logged: { event: ConnectEvent; facts: Readonly<Record<string, unknown>> }[];
let frames: ServerFrame[];
let channel: Channel;
let waiting: (() => void)[];

beforeEach(async () => {
  peer = await Peer.start();
  [logged, frames, waiting] = [[], [], []];
  channel = channelWith();
});
afterEach(() => peer.close());

function channelWith(timings: Partial<typeof TIMINGS> = {}, random = Math.random): Channel {
  const wake = (): void => waiting.splice(0).forEach((resume) => resume());
  return new Channel({
    endpoint: peer.url,
    key: 'c4c_agent_x',
    userAgent: 'c4c/test',
    log: (event, facts = {}) => {
      logged.push({ event, facts });
      wake();
    },
    hello: () => ({ type: 'hello', v: 1, consumer: 'connect', window: 64 }),
    welcomed: ({ session }) => {
      logged.push({ event: 'connected', facts: { session } });
      wake();
    },
    onFrame: (frame) => {
      frames.push(frame);
      wake();
    },
    timings: { ...TIMINGS, ...timings },
    random,
  });
}

function refusal(status: number, code: string): string {
  const body = JSON.stringify({ success: false, error: { code, message: 'because' } });
  return `HTTP/1.1 ${status} No\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

const names = (): ConnectEvent[] => logged.map(({ event }) => event);
const welcome: Script = ({ say }) => say(WELCOME);

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise<void>((resolve) => waiting.push(resolve));
}

async function stopped(running: Promise<void>): Promise<void> {
  await channel.stop(Promise.resolve());
  await running;
}

describe('a conversation', () => {
  it('begins with a hello on c4c.v1, and stands when it is welcome', async () => {
    let asked = false;
    peer.next(({ say }) => {
      asked = names().includes('connected');
      say(WELCOME);
      say({ type: 'caught_up', seq: 3 });
    });
    const running = channel.run();
    await until(() => frames.length === 1);
    expect(asked).toBe(false);
    expect(peer.talks[0]?.ws.protocol).toBe(PROTOCOL);
    expect(peer.talks[0]?.heard).toEqual([{ type: 'hello', v: 1, consumer: 'connect', window: 64 }]);
    expect(frames).toEqual([{ type: 'caught_up', seq: 3 }]);
    await stopped(running);
  });

  it('ends with pause, what is finished, and bye', async () => {
    peer.next(welcome);
    const running = channel.run();
    await until(() => names().includes('connected'));
    await channel.stop(Promise.resolve().then(() => channel.send({ type: 'ack', seq: 2, attempt: 1 })));
    await running;
    const [talk] = peer.talks;
    if (talk !== undefined && talk.ws.readyState !== talk.ws.CLOSED)
      await new Promise((resolve) => talk.ws.once('close', resolve));
    expect(talk?.heard.map(({ type }) => type)).toEqual(['hello', 'pause', 'ack', 'bye']);
    expect(names()).not.toContain('disconnected');
  });

  it('is held at 40 frames a second; acknowledgements pass', async () => {
    const sent: number[] = [];
    peer.next(({ ws, say }) => {
      ws.on('message', () => sent.push(performance.now()));
      say(WELCOME);
    });
    const running = channel.run();
    await until(() => names().includes('connected'));
    for (let seq = 1; seq <= 60; seq += 1) channel.send({ type: 'progress', seq });
    channel.send({ type: 'ack', seq: 1, attempt: 1 });
    const [talk] = peer.talks;
    await new Promise<void>((resolve) => talk?.ws.on('message', () => talk.heard.length >= 61 && resolve()));
    const kinds = talk?.heard.slice(1).map(({ type }) => type) ?? [];
    // The hello was the first of the forty.
    expect(kinds.indexOf('ack')).toBe(39);
    const spread = (sent[60] ?? 0) - (sent[0] ?? 0);
    expect(spread).toBeGreaterThan(900);
    await stopped(running);
  });
});

it('says whether what is to be sent is sent', async () => {
  expect(channel.send({ type: 'ack', seq: 1, attempt: 1 })).toBe(false);
  let isOpen = false;
  peer.next(({ say, ws }) => {
    say(WELCOME);
    isOpen = true;
    ws.once('message', () => ws.close(4004, 'try again'));
  });
  const running = channel.run();
  await until(() => isOpen && names().includes('connected'));
  expect(channel.send({ type: 'ack', seq: 1, attempt: 1 })).toBe(true);
  await until(() => names().includes('disconnected'));
  expect(channel.send({ type: 'ack', seq: 1, attempt: 1 })).toBe(false);
  await stopped(running);
});

describe('a connection that ends', () => {
  it('comes back when a server that drains has asked for it', async () => {
    peer.next(({ say, ws }) => {
      say(WELCOME);
      say({ type: 'drain', reconnectAfterMs: 1 });
      ws.close(4001, 'server is stopping');
    }, welcome);
    const running = channel.run();
    await until(() => names().filter((name) => name === 'connected').length === 2);
    expect(names()).toEqual(['connected', 'draining', 'disconnected', 'connected']);
    expect(Number(logged[2]?.facts['retryInMs'])).toBeLessThanOrEqual(1);
    await stopped(running);
  });

  it('is given up by itself when the server is silent', async () => {
    peer.next(({ say }) => say({ ...WELCOME, pingMs: 100 }), welcome);
    const running = channel.run();
    await until(() => names().includes('disconnected'));
    expect(logged.find(({ event }) => event === 'disconnected')?.facts['reason']).toBe('the server is silent');
    await until(() => names().filter((name) => name === 'connected').length === 2);
    await stopped(running);
  });

  it('is no end when the server is busy', async () => {
    peer.refuses('HTTP/1.1 503 Busy\r\nretry-after: 0\r\n\r\n');
    peer.next(welcome);
    const running = channel.run();
    await until(() => names().includes('connected'));
    expect(logged[0]).toMatchObject({ event: 'disconnected', facts: { reason: 'the server answered HTTP 503' } });
    await stopped(running);
  });
});

describe('a limit that the handshake meets', () => {
  it.each([
    ['is named', refusal(429, 'TOO_MANY_CONNECTIONS'), 'the server answered HTTP 429: because'],
    ['without words is one all the same', 'HTTP/1.1 429 Busy\r\n\r\n<html>', 'the server answered HTTP 429'],
    ['cut off in its words, too', 'HTTP/1.1 429 Busy\r\ncontent-length: 99\r\n\r\n{', 'the server answered HTTP 429'],
  ])('%s', async (_, answer, reason) => {
    peer.refuses(answer);
    peer.next(welcome);
    const running = channel.run();
    await until(() => names().includes('connected'));
    expect(logged[0]).toMatchObject({ event: 'disconnected', facts: { reason } });
    await stopped(running);
  });
});

describe('the wait before it comes back', () => {
  const closes: Script = ({ say, ws }) => {
    say(WELCOME);
    ws.close(4004, 'failed');
  };
  const waits = (): unknown[] =>
    logged.filter(({ event }) => event === 'disconnected').map(({ facts }) => facts['retryInMs']);

  it('has the limits that its page names', () => {
    expect(TIMINGS).toEqual({
      backoff: { baseMs: 500, maxMs: 30_000 },
      goodAfterMs: 60_000,
      handshakeMs: 10_000,
    });
  });

  it.each([
    ['doubles while no connection stands for long', 60_000, [4, 8, 10]],
    ['is short again after one that stood', 0, [4, 4, 4]],
  ])('%s', async (_, goodAfterMs, expected) => {
    channel = channelWith({ backoff: { baseMs: 4, maxMs: 10 }, goodAfterMs }, () => 0.999);
    peer.next(closes, closes, closes, welcome);
    const running = channel.run();
    await until(() => names().filter((name) => name === 'connected').length === 4);
    expect(waits()).toEqual(expected);
    await stopped(running);
  });

  it.each([0.1, 0.123456, 0.999])('is whole milliseconds, also by chance %d', async (chance) => {
    channel = channelWith({ backoff: { baseMs: 7, maxMs: 7 } }, () => chance);
    peer.next(closes);
    const running = channel.run();
    await until(() => names().includes('disconnected'));
    expect(waits().map((ms) => Number.isInteger(ms))).toEqual([true]);
    await stopped(running);
  });

  it('is at least what a busy server asks for', async () => {
    channel = channelWith({}, () => 0);
    peer.refuses('HTTP/1.1 503 Busy\r\nretry-after: 7\r\n\r\n');
    const running = channel.run();
    await until(() => names().includes('disconnected'));
    expect(waits()).toEqual([7_000]);
    await stopped(running);
  });

  it('begins when a server does not welcome within the limit of the handshake', async () => {
    channel = channelWith({ handshakeMs: 50, backoff: { baseMs: 0, maxMs: 0 } });
    peer.next(() => undefined, welcome);
    const running = channel.run();
    await until(() => names().includes('connected'));
    expect(logged[0]).toMatchObject({ event: 'disconnected', facts: { reason: 'the server does not welcome' } });
    await stopped(running);
  });
});

describe('what no return helps against', () => {
  it.each([
    [4500, 4],
    [4501, 1],
    [4502, 5],
    [4503, 4],
    [4504, 9],
    [4999, 1],
  ])('close code %i ends with exit code %i', async (code, exitCode) => {
    peer.next(({ say, ws }) => {
      say(WELCOME);
      ws.close(code, 'no');
    });
    await expect(channel.run()).rejects.toMatchObject({ exitCode });
  });

  it('a hello with other types than the open copies have ends with exit code 5 and says what to do', async () => {
    peer.next(({ say, ws }) => {
      say({ type: 'error', code: 'CONSUMER_TYPES', message: 'because' });
      ws.close(4501, 'CONSUMER_TYPES');
    });
    await expect(channel.run()).rejects.toMatchObject({ exitCode: 5, message: expect.stringContaining('--consumer') });
  });

  it('an agent that is frozen meanwhile ends with exit code 5', async () => {
    peer.next(({ say, ws }) => {
      say(WELCOME);
      ws.close(4503, 'agent frozen');
    });
    await expect(channel.run()).rejects.toMatchObject({ code: 'AGENT_FROZEN', exitCode: 5 });
  });

  it.each([
    ['VALIDATION_FAILED', 2],
    ['CONSUMER_LIMIT', 5],
  ])('a hello that is refused with %s ends with exit code %i and says why', async (code, exitCode) => {
    peer.next(({ say, ws }) => {
      say({ type: 'error', code, message: 'because' });
      ws.close(4501, code);
    });
    await expect(channel.run()).rejects.toMatchObject({ code, exitCode, message: expect.stringContaining('because') });
  });

  it('a key that the handshake refuses ends with exit code 4', async () => {
    peer.refuses('HTTP/1.1 401 Unauthorized\r\n\r\n');
    await expect(channel.run()).rejects.toMatchObject({ exitCode: 4 });
  });

  it.each([
    [401, 'UNAUTHENTICATED', 4],
    [403, 'SCOPE_MISSING', 4],
    [403, 'AGENT_FROZEN', 5],
  ])('a handshake refused with %i %s ends with exit code %i and says why', async (status, code, exitCode) => {
    peer.refuses(refusal(status, code));
    await expect(channel.run()).rejects.toMatchObject({ code, exitCode, message: expect.stringContaining('because') });
  });

  it('a hello with wrong fields names each', async () => {
    peer.next(({ say, ws }) => {
      const errors = [{ field: 'types', message: 'must be known' }];
      say({ type: 'error', code: 'VALIDATION_FAILED', message: 'A field is wrong', errors });
      ws.close(4501, 'VALIDATION_FAILED');
    });
    await expect(channel.run()).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('A field is wrong; types must be known'),
    });
  });

  it('a server of plain frames ends with exit code 5 and its words', async () => {
    peer.next(({ say }) => say({ type: 'error', code: 'FRAME_NOT_SUPPORTED', message: 'plain frames only' }));
    await expect(channel.run()).rejects.toMatchObject({
      exitCode: 5,
      message: expect.stringContaining('plain frames only'),
    });
  });

  it('an address without a market ends at first, and is waited for later', async () => {
    peer.refuses('HTTP/1.1 404 Not Found\r\n\r\n');
    await expect(channel.run()).rejects.toMatchObject({ exitCode: 1 });
  });
});
