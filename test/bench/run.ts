import type { Part } from './parts.js';

/** What the person at the terminal asked for, and what went wrong since. */
export type Run = {
  isQuick: boolean;
  parts: ReadonlySet<Part>;
  pgbench: string | undefined;
  profileFolder: string | undefined;
  /** Sentences. One is enough to end with exit code 1. */
  failures: string[];
  say: (text: string) => void;
};

/** How long things take: what is compared needs seconds, and the quick run has two minutes for all of it. */
export type Lengths = {
  warmUp: { rampMs: number; measureMs: number };
  rounds: number;
  round: { rampMs: number; measureMs: number };
  pacedRounds: number;
  paced: { rampMs: number; measureMs: number };
  /** Of load at peak, for the memory; 0 leaves it out. */
  memoryMs: number;
};

export function lengthsOf({ isQuick }: Run): Lengths {
  return isQuick
    ? {
        warmUp: { rampMs: 0, measureMs: 500 },
        rounds: 2,
        round: { rampMs: 200, measureMs: 1_000 },
        pacedRounds: 1,
        paced: { rampMs: 500, measureMs: 3_000 },
        memoryMs: 0,
      }
    : {
        warmUp: { rampMs: 0, measureMs: 3_000 },
        rounds: 5,
        round: { rampMs: 500, measureMs: 8_000 },
        pacedRounds: 3,
        paced: { rampMs: 2_000, measureMs: 20_000 },
        memoryMs: 600_000,
      };
}
