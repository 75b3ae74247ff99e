/** A pause that can be made shorter, also before it is taken. */
export class Nap {
  private endsAtMs = 0;
  private timer: NodeJS.Timeout | undefined;
  private wakeUp: (() => void) | undefined;

  /** The next one takes so long at most; what was said of the last one no longer counts. */
  plan(ms: number): void {
    this.endsAtMs = performance.now() + ms;
  }

  /** It ends in so many milliseconds at the latest. */
  endIn(ms: number): void {
    const atMs = performance.now() + ms;
    if (atMs >= this.endsAtMs) return;
    this.endsAtMs = atMs;
    this.arm();
  }

  async take(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.wakeUp = resolve;
      this.arm();
    });
    clearTimeout(this.timer);
    this.wakeUp = undefined;
  }

  private arm(): void {
    if (this.wakeUp === undefined) return;
    clearTimeout(this.timer);
    const leftMs = this.endsAtMs - performance.now();
    if (leftMs <= 0) this.wakeUp();
    // A timer knows whole milliseconds, and one that is too early would only be set again.
    else this.timer = setTimeout(this.wakeUp, Math.ceil(leftMs));
  }
}
