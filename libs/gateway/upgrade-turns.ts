// Each costs a look at a key and a handshake, some 0.2 ms: so many leave the second to those who have a socket.
const UPGRADES_PER_SECOND_MAX = 500;

/**
 * Bounds how many sockets are opened in a second. A key may have as many turns as there are left, so one that floods comes to
 * have half of them, and whoever comes with a single upgrade finds one (as at `libs/platform/http/admission.ts`).
 */
export class UpgradeTurns {
  private second = 0;
  private taken = 0;
  private readonly takenBy = new Map<string, number>();

  constructor(private readonly turnsMax = UPGRADES_PER_SECOND_MAX) {}

  /** True when it is this key's turn. */
  take(key: string, nowMs = Date.now()): boolean {
    const second = Math.floor(nowMs / 1_000);
    if (second !== this.second) {
      this.second = second;
      this.taken = 0;
      this.takenBy.clear();
    }
    const own = this.takenBy.get(key) ?? 0;
    if (own >= this.turnsMax - this.taken) return false;
    this.taken += 1;
    this.takenBy.set(key, own + 1);
    return true;
  }
}
