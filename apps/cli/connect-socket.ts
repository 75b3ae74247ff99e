import { backoffMs } from '#kernel';
import { WebSocket, type RawData } from 'ws';
import { retryAfterMs } from './api-client.js';
import { rowOf, type Row } from './answer.js';
import { CliError } from './cli-error.js';
import { EXIT } from './exit-codes.js';
import type { Log } from './connect-log.js';

export type SocketOptions = {
  endpoint: string;
  key: string;
  userAgent: string;
  /** Facts to name when the connection stands. */
  facts: Readonly<Record<string, unknown>>;
  onFrame: (frame: Row) => void;
  log: Log;
};

type End = { reason: string; upMs: number; retryAfterMs?: number; fatal?: CliError; isFatalLater?: boolean };

const BACKOFF = { baseMs: 500, maxMs: 30_000 };
/** A connection that stood this long was a good one: the next wait is short again. */
const GOOD_AFTER_MS = 60_000;
const HANDSHAKE_MS = 10_000;
const WATCH_EVERY_MS = 5_000;
const PING_EVERY_MS = 15_000;
/** Two pings and a bit without a sign of life: the other side is gone, whatever the socket says. */
const SILENCE_MAX_MS = 40_000;
/** The clock on the wall ran ahead of the process: the machine slept, and the connection is most likely dead. */
const SLEPT_MS = 5_000;
const CLOSE_WAIT_MS = 1_000;

/** A socket to the market that comes back by itself, until it is stopped or its key is refused. */
export class ConnectSocket {
  private readonly stopped = new AbortController();
  private socket: WebSocket | undefined;

  constructor(private readonly options: SocketOptions) {}

  /**
   * Ends when `stop` is called.
   * @throws {CliError} authentication, when the key is refused or revoked; other, when there is no market at the address
   */
  async run(): Promise<void> {
    const { log, endpoint } = this.options;
    log('connecting', { endpoint });
    let attempt = 0;
    let wasConnected = false;
    while (!this.stopped.signal.aborted) {
      const end = await this.connectOnce();
      if (this.stopped.signal.aborted) return;
      // A market that was there and answers nonsense now is being replaced; one that never was is a wrong address.
      wasConnected ||= end.upMs > 0;
      if (end.fatal !== undefined && (!wasConnected || end.isFatalLater !== false)) throw end.fatal;
      if (end.upMs >= GOOD_AFTER_MS) attempt = 0;
      const retryInMs = backoffMs(attempt, BACKOFF) + (end.retryAfterMs ?? 0);
      attempt += 1;
      log('disconnected', { reason: end.reason, retryInMs });
      await this.pause(retryInMs);
    }
  }

  stop(): void {
    this.stopped.abort();
    const { socket } = this;
    socket?.close(1000, 'bye');
    // A server that does not answer the close is not waited for.
    setTimeout(() => socket?.terminate(), CLOSE_WAIT_MS).unref();
  }

  private connectOnce(): Promise<End> {
    const { endpoint, key, userAgent, facts, onFrame, log } = this.options;
    const socket = new WebSocket(`${endpoint.replace(/^http/, 'ws')}/ws`, {
      headers: { 'x-api-key': key, 'user-agent': userAgent },
      handshakeTimeout: HANDSHAKE_MS,
      perMessageDeflate: false,
      maxPayload: 4 * 1024 * 1024,
    });
    this.socket = socket;
    return new Promise((resolve) => {
      let openedAt: number | undefined;
      let watch: NodeJS.Timeout | undefined;
      let reason = '';
      let ended = false;
      const end = (how: Omit<End, 'upMs'>): void => {
        if (ended) return;
        ended = true;
        clearInterval(watch);
        // The old socket is gone before a new one is opened.
        socket.terminate();
        resolve({ ...how, upMs: openedAt === undefined ? 0 : performance.now() - openedAt });
      };
      const life = new SignsOfLife();

      socket.on('open', () => {
        openedAt = performance.now();
        log('connected', { endpoint, ...facts });
        watch = setInterval(() => {
          reason = life.check(socket) ?? reason;
          if (reason !== '') end({ reason });
        }, WATCH_EVERY_MS);
      });
      socket.on('message', (raw) => {
        life.seen();
        const frame = parseFrame(raw);
        if (frame['type'] === 'ping') socket.send(JSON.stringify({ type: 'pong', timestamp: frame['timestamp'] }));
        else onFrame(frame);
      });
      socket.on('ping', () => life.seen());
      socket.on('pong', () => life.seen());
      socket.on('unexpected-response', (_, response) => {
        response.resume();
        end(refusalOf(response.statusCode ?? 0, new Headers({ 'retry-after': response.headers['retry-after'] ?? '' })));
      });
      socket.on('error', (error) => (reason = describe(error)));
      socket.on('close', (code, text) => end(closeOf(code, text.toString(), reason)));
    });
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.stopped.signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.stopped.signal.addEventListener('abort', done);
    });
  }
}

/** Notices silence, and that the machine slept. */
class SignsOfLife {
  private lastSeen = performance.now();
  private lastPing = performance.now();
  private lag = Date.now() - performance.now();

  seen(): void {
    this.lastSeen = performance.now();
  }

  /** Why the connection must be given up, if it must. */
  check(socket: WebSocket): string | undefined {
    const now = performance.now();
    const lag = Date.now() - now;
    const slept = lag - this.lag;
    this.lag = lag;
    if (slept > SLEPT_MS) return 'this machine slept';
    if (now - this.lastSeen > SILENCE_MAX_MS) return 'the server is silent';
    if (now - this.lastPing >= PING_EVERY_MS && socket.readyState === WebSocket.OPEN) {
      this.lastPing = now;
      socket.ping();
    }
    return undefined;
  }
}

/** The handshake was answered with a plain HTTP status. */
export function refusalOf(status: number, headers: Headers): Omit<End, 'upMs'> {
  const reason = `the server answered HTTP ${status}`;
  if (status === 401 || status === 403) {
    const message =
      status === 401 ? 'The key is not accepted: it is wrong, revoked or expired.' : 'The key may not connect.';
    return { reason, fatal: new CliError('UNAUTHENTICATED', message, EXIT.authentication) };
  }
  if (status === 429 || status >= 500) {
    const after = retryAfterMs(headers);
    return { reason, ...(after === undefined ? {} : { retryAfterMs: after }) };
  }
  const message = `There is no c4c server at this endpoint: the handshake was answered with HTTP ${status}.`;
  return { reason, fatal: new CliError('BAD_ANSWER', message, EXIT.other), isFatalLater: false };
}

/** 4500 to 4999 mean: do not come back. Everything else is a reason to try again. */
export function closeOf(code: number, text: string, error: string): Omit<End, 'upMs'> {
  const reason = error !== '' ? error : text !== '' ? `${text} (${code})` : `closed (${code})`;
  if (code < 4500 || code > 4999) return { reason };
  if (code === 4500 || code === 4503) {
    const message = code === 4503 ? 'The key was revoked.' : 'The key is not accepted.';
    return { reason, fatal: new CliError('UNAUTHENTICATED', message, EXIT.authentication) };
  }
  const exit = code === 4504 ? EXIT.rateLimit : EXIT.other;
  return { reason, fatal: new CliError('CLOSED', `The server closed the connection for good: ${reason}.`, exit) };
}

function parseFrame(raw: RawData): Row {
  try {
    // With the default binaryType every message is a Buffer.
    return rowOf(JSON.parse((raw as Buffer).toString('utf8')));
  } catch {
    return {};
  }
}

function describe(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return code === '' || error.message.includes(code) ? error.message || code : `${error.message} (${code})`;
}
