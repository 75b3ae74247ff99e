import type { WebSocket } from 'ws';
import type { AgentPrincipal } from '#owners';
import { CLOSE } from './close-codes.js';
import { FrameBudget } from './frame-budget.js';

/** Beyond this the socket gets nothing more until it has read on. */
export const BUFFERED_MAX_BYTES = 512 * 1024;
const STUCK_AFTER_MS = 30_000;
// 20 s and 8 s: a peer that vanished without a goodbye is noticed within 28 s.
export const PING_EVERY_MS = 20_000;
const PONG_WITHIN_MS = 8_000;
// Behind a backlog that is being read, a ping and its pong may take longer.
const BUSY_PONG_WITHIN_MS = 16_000;
const INBOUND_PER_SECOND = 50;
const CLOSE_GRACE_MS = 1_000;

/** Whom the socket belongs to. */
export type SocketOwner = AgentPrincipal & {
  /** The client asked for the protocol `c4c.v1`, or for another version of it. */
  readonly isV1: boolean;
  /** It is told so on its socket, since not every client sees how an upgrade is refused. */
  readonly isOtherVersion: boolean;
};

/** One open socket: what was sent, what was answered, and whether its peer still reads. */
export class LiveSocket {
  readonly openedAtMs = Date.now();
  /** Number of the last event that went out here. */
  cursor = 0n;
  /** False until the pending notifications are out; live events wait for that. */
  isLive = false;
  /** Message ids that went out as pending; an event up to this number may bring one of them again. Most sockets have none. */
  sentAsPending: Set<string> | undefined;
  pendingEndsAt = 0n;
  readonly budget = new FrameBudget(INBOUND_PER_SECOND);
  framesIn = 0;
  framesOut = 0;
  error: string | undefined;

  private pings = 0;
  private nextPingAtMs = Date.now() + PING_EVERY_MS * (0.5 + Math.random() / 2);
  private pongDueAtMs: number | undefined;
  private progressAtMs = Date.now();
  private waiting: (() => void)[] | undefined;
  private isStarved = false;

  constructor(
    readonly ws: WebSocket,
    readonly owner: SocketOwner,
    private readonly onReadOn: () => void,
  ) {
    ws.on('error', (error) => (this.error = error.message));
  }

  get isOpen(): boolean {
    return this.ws.readyState === this.ws.OPEN;
  }

  /** The peer has not read what it was sent; nothing more may be queued for it. */
  get isBlocked(): boolean {
    return this.ws.bufferedAmount > BUFFERED_MAX_BYTES;
  }

  send(text: string): void {
    if (!this.isOpen) return;
    this.framesOut += 1;
    // As long as it is not blocked it owes us no progress.
    if (!this.isBlocked) this.progressAtMs = Date.now();
    this.ws.send(text, () => this.flushed());
  }

  /** Answers a frame of the peer. A peer that asks and never reads is cut off instead of being buffered for. */
  reply(text: string): void {
    if (this.isBlocked) this.ws.terminate();
    else this.send(text);
  }

  /** Answers a protocol ping. Of a peer that pings and never reads so much is kept and no more. */
  pong(payload: Buffer): void {
    if (this.ws.bufferedAmount > 2 * BUFFERED_MAX_BYTES) this.ws.terminate();
    else if (this.isOpen) this.ws.pong(payload);
  }

  /** Goes on to this event; tells whether its frame is still to be sent, or went out as pending already. */
  advance({ seq, eventId }: { seq: bigint; eventId: string }): boolean {
    this.cursor = seq;
    const isNew = this.sentAsPending?.has(eventId) !== true;
    if (seq >= this.pendingEndsAt) this.sentAsPending = undefined;
    return isNew;
  }

  /** Notes that events wait for this socket: `onReadOn` is called when its peer has read on. */
  starve(): void {
    this.isStarved = true;
  }

  /** Resolves when more may be sent, or the socket is gone. */
  async readyForMore(): Promise<void> {
    while (this.isOpen && this.isBlocked) await new Promise<void>((resolve) => (this.waiting ??= []).push(resolve));
  }

  /** Sends a protocol ping; a pong that carries this number or a higher one answers it. */
  ping(nowMs: number, pongWithinMs = BUSY_PONG_WITHIN_MS): number {
    this.pings += 1;
    this.pongDueAtMs ??= nowMs + pongWithinMs;
    this.nextPingAtMs = nowMs + PING_EVERY_MS;
    if (this.isOpen) this.ws.ping(String(this.pings));
    return this.pings;
  }

  /** The number of the ping that this pong answers, or 0 for one that answers none. */
  ponged(payload: string): number {
    this.pongDueAtMs = undefined;
    const number = /^\d{1,15}$/.test(payload) ? Number(payload) : 0;
    return number <= this.pings ? number : 0;
  }

  /** Pings when it is time, and ends the socket of a peer that no longer answers or no longer reads. */
  tick(nowMs: number): void {
    // A ping waits behind what is buffered, so a slow reader is judged by whether it reads at all.
    const { isBlocked } = this;
    const isStuck = isBlocked && nowMs - this.progressAtMs > STUCK_AFTER_MS;
    const isSilent = !isBlocked && this.pongDueAtMs !== undefined && nowMs > this.pongDueAtMs;
    if (isSilent || isStuck) {
      this.error ??= isSilent ? 'no pong' : 'does not read';
      if (!this.owner.isV1) this.ws.terminate();
      else if (this.isOpen) this.close(isSilent ? CLOSE.noPong : CLOSE.slow, this.error);
    } else if (nowMs >= this.nextPingAtMs) {
      this.ping(nowMs, PONG_WITHIN_MS);
    }
  }

  /** Says goodbye, and does not wait long for the peer's own. */
  close(code: number, reason: string, graceMs = CLOSE_GRACE_MS): void {
    this.isLive = false;
    if (this.isOpen) this.ws.close(code, reason);
    const timer = setTimeout(() => this.ws.terminate(), graceMs);
    this.ws.once('close', () => clearTimeout(timer));
    if (this.ws.readyState === this.ws.CLOSED) clearTimeout(timer);
  }

  /** The socket has ended: nobody waits for it any more. */
  ended(): void {
    this.wake();
  }

  private flushed(): void {
    this.progressAtMs = Date.now();
    if (this.isBlocked) return;
    this.wake();
    if (!this.isStarved) return;
    this.isStarved = false;
    this.onReadOn();
  }

  private wake(): void {
    const { waiting } = this;
    this.waiting = undefined;
    for (const resume of waiting ?? []) resume();
  }
}
