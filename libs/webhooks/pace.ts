/** So many tries of one endpoint one process has under way. */
export const IN_FLIGHT_MAX = 16;
// Nobody waits longer for a turn that was only guessed; then it is guessed anew.
const WAIT_MAX_MS = 30_000;

/** How many tries of one endpoint this process has under way, and how long they take. Whoever has to wait gets a turn of their own. */
export class Pace {
  inFlight = 0;
  /** A moving average of how long it takes what arrives. A try that hangs says nothing of that. */
  usualMs = 0;
  /** The same of all tries. */
  private takesMs = 0;
  private turnAtMs = 0;

  /** 0: begin now, and tell of the end with `ended`. Otherwise how long to wait for the next turn. `atMost` may be under way. */
  waitMs(nowMs: number, ratePerSecond: number, atMost = IN_FLIGHT_MAX): number {
    if (this.inFlight < atMost) {
      this.inFlight += 1;
      return 0;
    }
    const turnMs = Math.max(1_000 / ratePerSecond, this.takesMs / atMost);
    this.turnAtMs = Math.min(Math.max(this.turnAtMs, nowMs) + turnMs, nowMs + WAIT_MAX_MS);
    return Math.ceil(this.turnAtMs - nowMs);
  }

  ended(tookMs: number, hasArrived: boolean): void {
    this.inFlight -= 1;
    this.takesMs = averageOf(this.takesMs, tookMs);
    if (hasArrived) this.usualMs = averageOf(this.usualMs, tookMs);
  }
}

function averageOf(before: number, tookMs: number): number {
  return before === 0 ? tookMs : before * 0.8 + tookMs * 0.2;
}
