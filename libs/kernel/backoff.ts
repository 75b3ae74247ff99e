export type Backoff = { baseMs: number; maxMs: number };

/**
 * Full jitter: a whole number of milliseconds evenly between 0 and the capped exponential step. Many clients that lost
 * the same server then come back spread out and not as one wave.
 */
export function backoffMs(attempt: number, { baseMs, maxMs }: Backoff, random: () => number = Math.random): number {
  // 2 ** 1024 is Infinity, which the minimum turns into maxMs: no attempt number is too large.
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.max(0, attempt));
  return Math.floor(random() * (ceiling + 1));
}
