import type { BenchMarket } from './seed.js';

/** What a load process is told to do. */
export type LoadPlan = {
  kind: 'get' | 'invoke' | 'life';
  url: string;
  market: BenchMarket;
  /** How many of ten invokes go to the first provider; 0 spreads all of them evenly. */
  hotOfTen: number;
  connections: number;
  rampMs: number;
  measureMs: number;
};

/** What came of it within the measured time; a request before or after it does not count. */
export type LoadResult = {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  failures: number;
  firstFailure: string | undefined;
};

export const INPUT = '{"text":"the quick brown fox jumps over the lazy dog","language":"en"}';
export const OUTPUT = '{"words":9}';

/** @param sortedMs ascending */
export function percentile(sortedMs: readonly number[], share: number): number {
  return sortedMs[Math.min(sortedMs.length - 1, Math.floor(sortedMs.length * share))] ?? Number.NaN;
}
