import { Client, type Dispatcher } from 'undici';
import type { IncomingHttpHeaders } from 'node:http';
import type { Doors } from './doors.js';
import { EgressFailure, failureOf, type EgressReason } from './failure.js';
import { guardedConnect, milliseconds, type ConnectTimings, type OnUnresolved } from './guarded-connect.js';
import type { Target } from './target.js';

/** How long each phase took, in milliseconds; null for one that was not needed (a connection used again) or not reached.
 *  `firstByteMs` counts from the moment there was a connection, `totalMs` from the beginning to the end. */
export type EgressTimings = ConnectTimings & { firstByteMs: number | null; totalMs: number };

/** What became of a request. Whatever the far side does ends in one of the two. */
export type EgressResult =
  | { kind: 'answered'; status: number; headers: IncomingHttpHeaders; body: Buffer; timings: EgressTimings }
  | { kind: 'failed'; reason: EgressReason; detail: string; timings: EgressTimings };

export type LineRequest = {
  headers: Readonly<Record<string, string>>;
  body: Buffer;
  /** From the look-up of the name to the last byte of the body. */
  totalMs: number;
  /** From the look-up of the name to the headers of the answer. */
  firstByteMs?: number | undefined;
  /** Whether the connection is kept for the next request. */
  isKept: boolean;
};

const ANSWER_MAX = 64 * 1024;
const HEADERS_MAX = 16 * 1024;

/** Shorter than what servers wait (Node: 5 s), so that we hang up and not they, just when a request is under way. */
const IDLE_MS = 4_000;

/** One connection to one target, opened when it is needed, for one request at a time. */
export class Line {
  private readonly client: Client;
  private ending = new AbortController();
  private timings = noTimings();
  private connectedAt: number | undefined;

  constructor(
    target: Omit<Target, 'path'>,
    doors: Doors,
    isAllowed: (address: string) => boolean,
    onUnresolved: OnUnresolved,
  ) {
    const connect = async (): Promise<Awaited<ReturnType<typeof guardedConnect>>> => {
      const { timings, ending } = this;
      const socket = await guardedConnect(target, { doors, isAllowed, onUnresolved, timings, signal: ending.signal });
      this.connectedAt = performance.now();
      return socket;
    };
    // Every limit of time is ours, in post: undici's own timers are a second or two late.
    this.client = new Client(target.origin, {
      connect: (_options, callback) => {
        connect().then(
          (socket) => callback(null, socket),
          (error: Error) => callback(error, null),
        );
      },
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: IDLE_MS,
      maxHeaderSize: HEADERS_MAX,
      maxResponseSize: ANSWER_MAX,
    });
  }

  get isUsable(): boolean {
    return !this.client.destroyed;
  }

  async post(path: string, { headers, body, totalMs, firstByteMs, isKept }: LineRequest): Promise<EgressResult> {
    const startedAt = performance.now();
    const timings = (this.timings = noTimings());
    const ending = (this.ending = new AbortController());
    this.connectedAt = undefined;
    const endAfter = (ms: number, what: string): NodeJS.Timeout =>
      setTimeout(() => {
        ending.abort(new EgressFailure('timeout', `${what} within ${ms} ms`));
        this.destroy();
      }, ms);
    const total = endAfter(totalMs, 'no complete answer');
    const first = firstByteMs === undefined ? undefined : endAfter(firstByteMs, 'no answer');
    const finished = (): EgressTimings => ({ ...timings, totalMs: milliseconds(performance.now() - startedAt) });
    try {
      const answer = new Answer(() => {
        clearTimeout(first);
        timings.firstByteMs = milliseconds(performance.now() - (this.connectedAt ?? startedAt));
      });
      this.client.dispatch({ method: 'POST', path, headers, body, reset: !isKept }, answer);
      const { status, headers: answered, bytes } = await answer.whole;
      return { kind: 'answered', status, headers: answered, body: bytes, timings: finished() };
    } catch (error) {
      this.destroy();
      const { reason, detail } = failureOf(ending.signal.aborted ? ending.signal.reason : error);
      return { kind: 'failed', reason, detail, timings: finished() };
    } finally {
      clearTimeout(total);
      clearTimeout(first);
    }
  }

  destroy(): void {
    void this.client.destroy();
  }
}

type Whole = { status: number; headers: IncomingHttpHeaders; bytes: Buffer };

const NOTHING = Buffer.alloc(0);

/** Gathers an answer as it comes. It is small, so no stream is made of it. */
class Answer implements Dispatcher.DispatchHandler {
  readonly whole: Promise<Whole>;
  private readonly settle: { resolve: (whole: Whole) => void; reject: (error: Error) => void };
  private status = 0;
  private headers: IncomingHttpHeaders = {};
  private readonly chunks: Buffer[] = [];

  constructor(private readonly onBegun: () => void) {
    const { promise, ...settle } = Promise.withResolvers<Whole>();
    this.whole = promise;
    this.settle = settle;
  }

  onRequestStart(): void {
    // Nothing is to be held back or called off from here: the line itself is hung up.
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    // Those below 200 announce another one.
    if (status < 200) return;
    this.status = status;
    this.headers = headers;
    this.onBegun();
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.chunks.push(chunk);
  }

  onResponseEnd(): void {
    const { status, headers, chunks } = this;
    this.settle.resolve({ status, headers, bytes: chunks.length === 0 ? NOTHING : Buffer.concat(chunks) });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.settle.reject(error);
  }
}

function noTimings(): Omit<EgressTimings, 'totalMs'> {
  return { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: null };
}
