/** The timers of Node fire on whole milliseconds, so that is where requests are planned. */
const GRID_MS = 1;

/**
 * The instants of an open loop, in milliseconds from its start, ascending: a Poisson process, that is the arrivals of many
 * callers who know nothing of each other. The same seed plans the same instants.
 */
export function arrivalsMs(plan: { perSecond: number; durationMs: number; seed: number }): number[] {
  const random = randomFrom(plan.seed);
  const meanGapMs = 1_000 / plan.perSecond;
  const planned: number[] = [];
  let atMs = -Math.log(1 - random()) * meanGapMs;
  while (atMs < plan.durationMs) {
    planned.push(Math.floor(atMs / GRID_MS) * GRID_MS);
    atMs -= Math.log(1 - random()) * meanGapMs;
  }
  return planned;
}

/** Mulberry32: numbers in [0, 1) that a seed repeats. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
