import { backoffMs } from '#kernel';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket, type RawData } from 'ws';
import { BAD_FRAME, closeOf, NOT_SUPPORTED, otherProtocol, refusalOf, type End, type Said } from './connect-end.js';
import { PROTOCOL, readFrame, type ClientFrame, type ServerFrame, type Welcome } from './connect-protocol.js';
import { Pace } from './connect-pace.js';
import { SignsOfLife } from './connect-life.js';
import type { Log } from './connect-log.js';

export type ChannelOptions = {
  endpoint: string;
  key: string;
  userAgent: string;
  log: Log;
  /** Called once the socket is open; what it answers opens the conversation. */
  hello: () => ClientFrame;
  /** Called when the server has taken it. */
  welcomed: (welcome: Welcome) => void;
  onFrame: (frame: ServerFrame) => void;
  timings?: typeof TIMINGS;
  random?: () => number;
};

export const TIMINGS = {
  backoff: { baseMs: 500, maxMs: 30_000 },
  /** A connection that stood this long was a good one: the next wait is short again. */
  goodAfterMs: 60_000,
  /** From the first byte to the welcome. */
  handshakeMs: 10_000,
};
const CLOSE_WAIT_MS = 1_000;
const BODY_WAIT_MS = 1_000;
const BODY_LENGTH_MAX = 65_536;
const FRAME_BYTES_MAX = 4 * 1024 * 1024;

/** A conversation with the market that is taken up again by itself, until it is stopped or coming back is no use. */
export class Channel {
  private readonly stopped = new AbortController();
  private socket: WebSocket | undefined;
  private pace = new Pace(() => undefined);
  private isWelcome = false;
  private readonly timings: typeof TIMINGS;

  constructor(private readonly options: ChannelOptions) {
    this.timings = options.timings ?? TIMINGS;
  }

  /** The server has said welcome and the connection stands. */
  get isConnected(): boolean {
    return this.isWelcome;
  }

  /**
   * Ends when `stop` is called.
   * @throws {CliError} authentication, when the key is refused or revoked; conflict, when the server speaks another protocol;
   * rate limit, when there are too many connections; other, when there is no market at the address
   */
  async run(): Promise<void> {
    let attempt = 0;
    let wasWelcome = false;
    while (!this.stopped.signal.aborted) {
      const opened = performance.now();
      const end = await this.talk();
      const stood = this.isWelcome ? performance.now() - opened : 0;
      wasWelcome ||= this.isWelcome;
      this.isWelcome = false;
      if (this.stopped.signal.aborted) return;
      // A market that was there and answers nonsense now is being replaced; one that never was is a wrong address.
      if (end.fatal !== undefined && !(wasWelcome && end.isFatalAtFirst === true)) throw end.fatal;
      if (stood >= this.timings.goodAfterMs) attempt = 0;
      const retryInMs = Math.ceil(
        end.returnAfterMs ?? backoffMs(attempt, this.timings.backoff, this.options.random) + (end.retryAfterMs ?? 0),
      );
      attempt += 1;
      this.options.log('disconnected', { reason: end.reason, retryInMs });
      await sleep(retryInMs, undefined, { signal: this.stopped.signal }).catch(() => undefined);
    }
  }

  /** Sends at the pace that the server allows. False while there is no connection: it is not said then, and the server asks again. */
  send(frame: ClientFrame): boolean {
    if (!this.isWelcome || this.socket?.readyState !== WebSocket.OPEN) return false;
    if (frame.type === 'ack') this.pace.pass(JSON.stringify(frame));
    else this.pace.send(JSON.stringify(frame));
    return true;
  }

  /** Asks for nothing more, waits for `finished`, and says goodbye. */
  async stop(finished: Promise<unknown>): Promise<void> {
    this.stopped.abort();
    this.send({ type: 'pause' });
    await finished;
    this.send({ type: 'bye' });
    await this.pace.drained(CLOSE_WAIT_MS);
    const { socket } = this;
    socket?.close(1000, 'bye');
    // A server that does not answer the close is not waited for.
    setTimeout(() => socket?.terminate(), CLOSE_WAIT_MS).unref();
  }

  private talk(): Promise<End> {
    const { endpoint, key, userAgent, hello, log } = this.options;
    const { handshakeMs } = this.timings;
    const socket = new WebSocket(`${endpoint.replace(/^http/, 'ws')}/ws`, PROTOCOL, {
      headers: { 'x-api-key': key, 'user-agent': userAgent },
      handshakeTimeout: handshakeMs,
      perMessageDeflate: false,
      maxPayload: FRAME_BYTES_MAX,
    });
    this.socket = socket;
    return new Promise((resolve) => {
      let error = '';
      let said: Said | undefined;
      let drainedUntil: number | undefined;
      let hasEnded = false;
      const end = (how: End): void => {
        if (hasEnded) return;
        hasEnded = true;
        clearTimeout(welcomeIsDue);
        life.end();
        this.pace.end();
        // The old socket is gone before a new one is opened.
        socket.terminate();
        const returnAfterMs = drainedUntil === undefined ? undefined : Math.max(0, drainedUntil - performance.now());
        resolve({ ...(returnAfterMs === undefined ? {} : { returnAfterMs }), ...how });
      };
      const welcomeIsDue = setTimeout(() => end({ reason: 'the server does not welcome' }), handshakeMs);
      const life = new SignsOfLife((reason, isAsleep) => end({ reason, ...(isAsleep ? { returnAfterMs: 0 } : {}) }));

      socket.on('open', () => {
        this.pace = new Pace((text) => socket.send(text));
        this.pace.send(JSON.stringify(hello()));
      });
      socket.on('message', (raw: RawData) => {
        life.seen();
        // With the default binaryType every message is a Buffer.
        const frame = readFrame((raw as Buffer).toString('utf8'));
        if (frame.type === 'welcome') {
          clearTimeout(welcomeIsDue);
          life.expect(frame.pingMs, () => socket.ping());
          this.isWelcome = true;
          this.options.welcomed(frame);
        } else if (frame.type === 'drain') {
          drainedUntil = performance.now() + frame.reconnectAfterMs;
          log('draining', { reconnectAfterMs: frame.reconnectAfterMs });
        } else if (!hasEnded) {
          if (frame.type === 'error') said = frame;
          this.options.onFrame(frame);
          // A server of plain frames leaves the connection open.
          if (said?.code === NOT_SUPPORTED && !this.isWelcome) end(closeOf(BAD_FRAME, '', said));
        }
      });
      socket.on('ping', () => life.seen());
      socket.on('pong', () => life.seen());
      socket.on('unexpected-response', (_, response) => {
        const headers = new Headers({ 'retry-after': response.headers['retry-after'] ?? '' });
        void bodyOf(response).then((body) => end(refusalOf(response.statusCode ?? 0, headers, body)));
      });
      socket.on('error', (problem) => {
        // What `ws` says when the answer to the upgrade names no subprotocol.
        if (problem.message === NO_SUBPROTOCOL) end({ reason: problem.message, fatal: otherProtocol(problem.message) });
        error = describe(problem);
      });
      socket.on('close', (code, text) => end(error === '' ? closeOf(code, text.toString(), said) : { reason: error }));
    });
  }
}

/** What there is of it within a second: it explains a refusal, which stands without it. */
async function bodyOf(response: IncomingMessage): Promise<string> {
  const timer = setTimeout(() => response.destroy(), BODY_WAIT_MS);
  let text = '';
  try {
    for await (const chunk of response) {
      text += String(chunk);
      // Leaving the loop closes the connection.
      if (text.length > BODY_LENGTH_MAX) break;
    }
  } catch {
    // It was cut off.
  }
  clearTimeout(timer);
  return text;
}

const NO_SUBPROTOCOL = 'Server sent no subprotocol';

function describe(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return code === '' || error.message.includes(code) ? error.message || code : `${error.message} (${code})`;
}
