import type { Metrics } from './metrics.js';

/** Shows how often a cache knew what it was asked. */
export function countLookUps(
  metrics: Metrics,
  cache: string,
  seen: { hits: () => number; misses: () => number },
): void {
  const help = 'Look-ups in a cache of this process, by whether it knew.';
  metrics.counted('c4c_cache_lookups_total', help, seen.hits, { cache, result: 'hit' });
  metrics.counted('c4c_cache_lookups_total', help, seen.misses, { cache, result: 'miss' });
}
