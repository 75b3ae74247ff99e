import { WebSocket, type RawData } from 'ws';
import { backoffMs } from '#kernel';
import type { Receipt } from './crowd-talk.js';

// As `c4c connect` comes back.
const BACKOFF = { baseMs: 500, maxMs: 30_000 };
const HANDSHAKE_MS = 10_000;
const WINDOW = 64;

export type ClientPlan = {
  url: string;
  key: string;
  consumer: string;
  /** Undefined: the plain protocol. */
  after: number | undefined;
};

type Frame = {
  type?: string;
  event?: string;
  id?: string;
  messageId?: string;
  seq?: number;
  attempt?: number;
  timestamp?: string;
};

/** What the clients of a process tell it. */
export type Ears = {
  invoked(receipt: Receipt): void;
  ended(client: CrowdClient, why: string): void;
  caughtUp(client: CrowdClient): void;
  refused(): void;
};

/** One socket of an agent that comes back after whatever ends it, and makes something of each event once. */
export class CrowdClient {
  isOpen = false;
  isCaughtUp = false;
  frames = 0;
  repeated = 0;
  /** How often something was made of an event, by its number. */
  readonly made = new Map<number, number>();
  private readonly known = new Set<string>();
  private socket: WebSocket | undefined;
  private attempt = 0;
  private hasBegun = false;
  private isStopped = false;

  constructor(
    private readonly plan: ClientPlan,
    private readonly ears: Ears,
  ) {}

  connect(): void {
    const isV1 = this.plan.after !== undefined;
    const socket = new WebSocket(`${this.plan.url.replace(/^http/, 'ws')}/ws`, isV1 ? 'c4c.v1' : [], {
      headers: { 'x-api-key': this.plan.key },
      handshakeTimeout: HANDSHAKE_MS,
      perMessageDeflate: false,
    });
    this.socket = socket;
    let why = '';
    let retryAfterMs = 0;
    socket.on('open', () => {
      this.isOpen = true;
      if (isV1) this.hello(socket);
      else this.isNowCaughtUp();
    });
    socket.on('message', (data: RawData) => this.take(socket, JSON.parse((data as Buffer).toString()) as Frame));
    socket.on('unexpected-response', (_request, response) => {
      why = `refused with ${String(response.statusCode)}`;
      retryAfterMs = Number(response.headers['retry-after'] ?? 0) * 1_000;
      this.ears.refused();
      response.resume();
      socket.terminate();
    });
    socket.on('error', (error) => (why = why === '' ? error.message : why));
    socket.on('close', (code, reason) => {
      const wasOpen = this.isOpen;
      this.isOpen = false;
      this.isCaughtUp = false;
      if (this.isStopped) return;
      if (wasOpen) this.ears.ended(this, why === '' ? `${String(code)} ${reason.toString()}` : why);
      setTimeout(() => this.connect(), backoffMs(this.attempt, BACKOFF) + retryAfterMs);
      this.attempt += 1;
    });
  }

  /** Hangs up without a goodbye. */
  drop(): void {
    this.attempt = 0;
    this.socket?.terminate();
  }

  /** Hangs up for good. */
  stop(): void {
    this.isStopped = true;
    this.socket?.terminate();
  }

  private hello(socket: WebSocket): void {
    const { consumer, after } = this.plan;
    // Coming back it goes on where the server has it.
    const place = this.hasBegun ? {} : { after };
    socket.send(JSON.stringify({ type: 'hello', v: 1, consumer, window: WINDOW, ...place }));
  }

  private take(socket: WebSocket, frame: Frame): void {
    if (frame.type === 'welcome') this.hasBegun = true;
    else if (frame.type === 'caught_up') this.isNowCaughtUp();
    else if (frame.type === 'event' || frame.type === 'notification') this.takeEvent(socket, frame);
    else if (frame.type === 'error') this.ears.ended(this, JSON.stringify(frame));
  }

  private takeEvent(socket: WebSocket, { type, event, id, messageId, seq, attempt, timestamp }: Frame): void {
    this.frames += 1;
    if (event === 'service_invoked') {
      const atMs = performance.timeOrigin + performance.now();
      this.ears.invoked({ eventId: id ?? messageId ?? '', atMs, sinceEventMs: atMs - Date.parse(timestamp ?? '') });
    }
    if (type !== 'event' || seq === undefined || id === undefined) return;
    if (this.known.has(id)) this.repeated += 1;
    else this.made.set(seq, (this.made.get(seq) ?? 0) + 1);
    this.known.add(id);
    socket.send(JSON.stringify({ type: 'ack', seq, attempt }));
  }

  private isNowCaughtUp(): void {
    this.isCaughtUp = true;
    this.ears.caughtUp(this);
  }
}
