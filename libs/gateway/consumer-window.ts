/** An event that a session was handed and has not acknowledged. */
export type Held = {
  readonly seq: bigint;
  readonly attempt: number;
  /** The invocation that it asks to be done; null for news. */
  readonly work: bigint | null;
  /** From then on it may be handed out again, and an acknowledgement of this attempt counts no more. */
  dueAtMs: number;
  /** When a report of progress last went uncounted. */
  uncountedAtMs?: number;
};

const UNCOUNTED_EVERY_MS = 1_000;

/** What one session holds: at most so many unacknowledged events. Pure; the time is passed in. */
export class ConsumerWindow {
  private readonly held = new Map<bigint, Held>();

  constructor(readonly max: number) {}

  get size(): number {
    return this.held.size;
  }

  get seqs(): bigint[] {
    return [...this.held.keys()];
  }

  get room(): number {
    return Math.max(0, this.max - this.held.size);
  }

  /** A later attempt of the same event takes the place of the earlier. */
  hold(event: Held): void {
    this.held.set(event.seq, event);
  }

  /** What is acknowledged or given back; undefined for a number that is not held, or held for another attempt. */
  release(seq: bigint, attempt: number): Held | undefined {
    const event = this.held.get(seq);
    if (event?.attempt !== attempt) return undefined;
    this.held.delete(seq);
    return event;
  }

  holds(seq: bigint, attempt: number): boolean {
    return this.held.get(seq)?.attempt === attempt;
  }

  /** Whether a report of progress on this event counts as no frame: one a second does not. */
  takesProgress(seq: bigint, nowMs: number): boolean {
    const event = this.held.get(seq);
    if (event === undefined || nowMs < (event.uncountedAtMs ?? -Infinity) + UNCOUNTED_EVERY_MS) return false;
    event.uncountedAtMs = nowMs;
    return true;
  }

  /** The peer is still at work on it; undefined when it is not held any more. */
  renew(seq: bigint, dueAtMs: number): Held | undefined {
    const event = this.held.get(seq);
    if (event !== undefined) event.dueAtMs = dueAtMs;
    return event;
  }

  /** Forgets what is due again; tells how many that were. */
  expire(nowMs: number): number {
    const before = this.held.size;
    for (const [seq, { dueAtMs }] of this.held) if (dueAtMs <= nowMs) this.held.delete(seq);
    return before - this.held.size;
  }
}
