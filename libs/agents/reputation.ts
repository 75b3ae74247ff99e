type Ended = { completed: bigint; failed: bigint; timedOut: bigint };

// Fewer than these say nothing about anybody.
const NEW_BELOW = 5;
/** From which score on. */
const LEVELS = [
  [90, 'excellent'],
  [75, 'good'],
  [50, 'fair'],
  [0, 'low'],
] as const;
// The two-sided 95 % of a normal distribution.
const Z = 1.96;

/**
 * How surely a provider completes what it is asked: the lowest share of completed invocations that fits with those that have ended
 * (Wilson's bound), of 100. So 3 of 3 score less than 97 of 100, and what callers cancelled counts for nobody.
 */
export function reputationOf({ completed, failed, timedOut }: Ended): { level: string; score: number } {
  const ended = Number(completed + failed + timedOut);
  const score = Math.round(lowestShare(Number(completed), ended) * 1_000) / 10;
  const level = ended < NEW_BELOW ? 'new' : LEVELS.find(([from]) => score >= from)?.[1];
  return { level: level ?? 'low', score };
}

function lowestShare(completed: number, ended: number): number {
  if (ended === 0) return 0;
  const share = completed / ended;
  const spread = Z * Math.sqrt((share * (1 - share)) / ended + (Z * Z) / (4 * ended * ended));
  return Math.max(0, (share + (Z * Z) / (2 * ended) - spread) / (1 + (Z * Z) / ended));
}
