/** The server sends something once in `pingMs`; after this many of them without a frame it is gone. */
export const SILENCE_FACTOR = 1.5;
/** The clock on the wall ran ahead of the process: the machine slept, and the connection is most likely dead. */
export const SLEPT_MS = 5_000;
const WATCHES_PER_PING = 8;

/** One stands still while the machine sleeps, the other does not. */
export type Clocks = { monotonic(): number; wall(): number };

const CLOCKS: Clocks = { monotonic: () => performance.now(), wall: () => Date.now() };

/** Notices silence, and that the machine slept. */
export class SignsOfLife {
  private lastSeen: number;
  private watched: number;
  private ahead: number;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly dead: (reason: string, isAsleep: boolean) => void,
    private readonly clocks = CLOCKS,
  ) {
    this.lastSeen = clocks.monotonic();
    this.watched = this.lastSeen;
    this.ahead = clocks.wall() - this.lastSeen;
  }

  seen(): void {
    this.lastSeen = this.clocks.monotonic();
  }

  /** From now on something comes once in `pingMs`, and a ping of ours helps when it does not. */
  expect(pingMs: number, ping: () => void): void {
    clearInterval(this.timer);
    this.timer = setInterval(() => this.look(pingMs, ping), pingMs / WATCHES_PER_PING);
  }

  end(): void {
    clearInterval(this.timer);
  }

  private look(pingMs: number, ping: () => void): void {
    const now = this.clocks.monotonic();
    const ahead = this.clocks.wall() - now;
    const slept = ahead - this.ahead;
    const stoodStill = now - this.watched > pingMs / 2;
    this.ahead = ahead;
    this.watched = now;
    if (slept > SLEPT_MS) return this.dead('this machine slept', true);
    // This process was stopped itself: what came meanwhile is read first, and then judged.
    if (stoodStill) return;
    const silentMs = now - this.lastSeen;
    if (silentMs > pingMs * SILENCE_FACTOR) this.dead('the server is silent', false);
    else if (silentMs > pingMs) ping();
  }
}
