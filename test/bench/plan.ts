import type { BenchMarket } from './seed.js';

/** What a connection sends. `life` is two requests, an invoke and its submit; the `bare` ones are routes that only the bench has. */
export type Action = 'get' | 'market' | 'bare get' | 'bare post' | 'invoke' | 'life';

/** What a load process is told to do. */
export type LoadPlan = {
  kind: Action;
  url: string;
  market: BenchMarket;
  /** How many of ten invokes go to the first provider; 0 spreads all of them evenly. */
  hotOfTen: number;
  connections: number;
  rampMs: number;
  measureMs: number;
  /** Of a bare GET's answer. */
  bytes?: number;
  /** How much the process steps back for others, as in `nice`. */
  niceness?: number;
};

/** What came of it within the measured time; a request before or after it does not count. */
export type LoadResult = {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  failures: number;
  firstFailure: string | undefined;
};

/** An open loop: requests leave when the schedule says so, whether or not the earlier ones are answered. */
export type Pace = {
  perSecond: number;
  seed: number;
  /** A request that finds every connection taken waits for one, its latency running; or it is left out and counted. */
  whenTaken: 'wait' | 'leave out';
  /** 429 and 503 with Retry-After are answers, not failures. */
  mayRefuse: boolean;
};

/** `perSecond` counts answers of 200; the latencies are theirs, counted from the instant of the schedule. */
export type PacedResult = LoadResult & {
  /** What was really sent. */
  offeredPerSecond: number;
  refusedPerSecond: number;
  /** What the generator had no free connection for. */
  leftOutPerSecond: number;
  /** Of what was served, from the instant at which the generator really sent it. */
  servedP99Ms: number;
  /** How late after its instant the generator sent: what the figures owe to the generator itself. */
  latenessP99Ms: number;
};

export type LoadOrder = { plan: LoadPlan; pace?: Pace };

export const INPUT = '{"text":"the quick brown fox jumps over the lazy dog","language":"en"}';
export const OUTPUT = '{"words":9}';

/** @param sortedMs ascending */
export function percentile(sortedMs: readonly number[], share: number): number {
  return sortedMs[Math.min(sortedMs.length - 1, Math.floor(sortedMs.length * share))] ?? Number.NaN;
}
