const WINDOW_MS = 5 * 60_000;
const SLICES = 10;
const SLICE_MS = WINDOW_MS / SLICES;
const TRIES_MIN = 10;
const FAILED_SHARE = 0.7;

type Slice = { n: number; tried: number; failed: number };

/** The tries of the last five minutes, in slices of half a minute: enough to say whether too many failed. */
export class RecentFailures {
  private slices: Slice[] = [];

  add(isFailed: boolean, nowMs: number): void {
    const n = Math.floor(nowMs / SLICE_MS);
    let slice = this.slices.at(-1);
    if (slice?.n !== n) {
      slice = { n, tried: 0, failed: 0 };
      this.slices = [...this.slices.filter((old) => old.n > n - SLICES), slice];
    }
    slice.tried += 1;
    if (isFailed) slice.failed += 1;
  }

  /** At least ten tries, and seven of ten failed. */
  areMany(nowMs: number): boolean {
    const from = Math.floor(nowMs / SLICE_MS) - SLICES;
    const recent = this.slices.filter(({ n }) => n > from);
    const tried = recent.reduce((sum, slice) => sum + slice.tried, 0);
    const failed = recent.reduce((sum, slice) => sum + slice.failed, 0);
    return tried >= TRIES_MIN && failed >= tried * FAILED_SHARE;
  }

  forget(): void {
    this.slices = [];
  }
}
