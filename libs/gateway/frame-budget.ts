/** Lets so many frames pass in each second; pure, the time is passed in. */
export class FrameBudget {
  private second = -1;
  private used = 0;

  constructor(private readonly perSecond: number) {}

  /** Takes one; false when this second's frames are used up. */
  take(nowMs: number): boolean {
    const second = Math.floor(nowMs / 1_000);
    if (second !== this.second) {
      this.second = second;
      this.used = 0;
    }
    this.used += 1;
    return this.used <= this.perSecond;
  }

  /** A frame that answered one of ours does not count. */
  giveBack(): void {
    this.used = Math.max(0, this.used - 1);
  }
}
