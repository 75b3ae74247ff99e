/** So many free places are worth a look at once. */
const MANY = 64;
/** Fewer are used all the same, a little later: others may come free meanwhile. */
const FEW_WAIT_MS = 5;

/** What one process may have in hand: a delivery has a place from its claim until what became of it is written down. */
export class Places {
  private taken = 0;
  private isShort = false;

  /** @param onFree somebody got fewer places than were wanted, and now there are some, or will be in so many milliseconds */
  constructor(
    private readonly count: number,
    private readonly onFree: (inMs: number) => void,
  ) {}

  get isFull(): boolean {
    return this.taken >= this.count;
  }

  /** Takes so many places, or those that there are. */
  take(wanted: number): number {
    const given = Math.min(wanted, this.count - this.taken);
    this.taken += given;
    if (given < wanted) this.isShort = true;
    return given;
  }

  give(places: number): void {
    this.taken -= places;
    if (places === 0 || !this.isShort) return;
    const isWorthIt = this.taken === 0 || this.count - this.taken >= MANY;
    if (isWorthIt) this.isShort = false;
    this.onFree(isWorthIt ? 0 : FEW_WAIT_MS);
  }
}
