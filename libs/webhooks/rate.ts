/** How an endpoint's rate is spent: one try every so many milliseconds, and so many at once after a pause. */
export type Rate = { intervalMs: number; burst: number };

// An endpoint that is asked whether it works again is asked by one worker at a time.
const HALF_OPEN: Rate = { intervalMs: 1_000, burst: 1 };
/** What may go out at once after a pause, as a part of the rate. */
const BURST_SHARE = 0.1;
// Those that wait come in groups: looking for each of them alone would cost more than sending it.
const GROUP_MS = 50;
const WAIT_MAX_MS = 30_000;

/** No second, wherever it begins, has more tries than the rate says: what a burst may take is taken from what follows. */
export function rateOf({ ratePerSecond, isHalfOpen }: { ratePerSecond: number; isHalfOpen: boolean }): Rate {
  if (isHalfOpen) return HALF_OPEN;
  const burst = Math.max(1, Math.floor(ratePerSecond * BURST_SHARE));
  return { intervalMs: 1_000 / (ratePerSecond - burst + 1), burst };
}

/** How long each of those waits that got no try, when the first one's turn comes in `turnMs`. */
export function waitsMs(count: number, turnMs: number, { intervalMs }: Rate): number[] {
  return Array.from({ length: count }, (_, n) =>
    Math.min(Math.ceil((turnMs + n * intervalMs) / GROUP_MS) * GROUP_MS, WAIT_MAX_MS),
  );
}
