import { RecentFailures } from './failures.js';

const IN_A_ROW = 5;
const OPEN_MS = 30_000;
const OPEN_MAX_MS = 5 * 60_000;

/**
 * Whether a host is left alone for a while, whosever endpoints are there: after five failures in a row, or when seven of ten of late
 * failed. Open for 30 s, twice as long each time; then one try goes through, and closes it or opens it again.
 */
export class HostBreaker {
  private readonly recent = new RecentFailures();
  private failuresInARow = 0;
  private timesOpened = 0;
  private openUntilMs = 0;
  private isProbing = false;

  /** How long nothing may be sent, 0 when something may. One that was let in is told of by `tried`, or by `leave`. */
  waitMs(nowMs: number): number {
    if (nowMs < this.openUntilMs) return this.openUntilMs - nowMs;
    if (this.timesOpened === 0) return 0;
    if (this.isProbing) return PROBE_WAIT_MS;
    this.isProbing = true;
    return 0;
  }

  isOpen(nowMs: number): boolean {
    return nowMs < this.openUntilMs;
  }

  /** Nothing was sent after all. */
  leave(): void {
    this.isProbing = false;
  }

  tried(isFailed: boolean, nowMs: number): void {
    this.isProbing = false;
    this.recent.add(isFailed, nowMs);
    if (!isFailed) {
      this.failuresInARow = 0;
      this.timesOpened = 0;
      this.openUntilMs = 0;
      return;
    }
    this.failuresInARow += 1;
    // What was under way when it opened says nothing new.
    if (nowMs < this.openUntilMs || (this.failuresInARow < IN_A_ROW && !this.recent.areMany(nowMs))) return;
    this.openUntilMs = nowMs + Math.min(OPEN_MS * 2 ** this.timesOpened, OPEN_MAX_MS);
    this.timesOpened = Math.min(this.timesOpened + 1, 10);
    this.recent.forget();
  }
}

const PROBE_WAIT_MS = 1_000;
