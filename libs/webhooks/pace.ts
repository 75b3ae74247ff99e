const IN_FLIGHT_MAX = 16;
/** What may go out at once after a pause, in seconds of the rate. */
const BURST_S = 1;
// Nobody waits longer for a turn that was only guessed; then it is guessed anew.
const WAIT_MAX_MS = 30_000;

/** How fast one endpoint is sent to: so many a second, and so many at a time. Whoever has to wait gets a turn of their own. */
export class Pace {
  inFlight = 0;
  /** A moving average of how long it takes to answer. */
  usualMs = 0;
  private tokens: number;
  private atMs: number;
  private turnAtMs = 0;

  constructor(
    private ratePerSecond: number,
    nowMs: number,
  ) {
    this.tokens = this.burst;
    this.atMs = nowMs;
  }

  setRate(ratePerSecond: number): void {
    this.ratePerSecond = ratePerSecond;
  }

  /** 0: begin now, and tell of the end with `ended`. Otherwise how long to wait for the next turn. `atMost` may be under way. */
  waitMs(nowMs: number, atMost = IN_FLIGHT_MAX): number {
    this.tokens = Math.min(this.burst, this.tokens + ((nowMs - this.atMs) / 1_000) * this.ratePerSecond);
    this.atMs = nowMs;
    if (this.inFlight < atMost && this.tokens >= 1) {
      this.tokens -= 1;
      this.inFlight += 1;
      return 0;
    }
    const turnMs = Math.max(1_000 / this.ratePerSecond, this.usualMs / atMost);
    this.turnAtMs = Math.min(Math.max(this.turnAtMs, nowMs) + turnMs, nowMs + WAIT_MAX_MS);
    return Math.ceil(this.turnAtMs - nowMs);
  }

  ended(tookMs: number): void {
    this.inFlight -= 1;
    this.usualMs = this.usualMs === 0 ? tookMs : this.usualMs * 0.8 + tookMs * 0.2;
  }

  private get burst(): number {
    return Math.max(1, this.ratePerSecond * BURST_S);
  }
}
