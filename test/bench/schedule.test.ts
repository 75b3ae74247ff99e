import { describe, expect, it } from 'vitest';
import { arrivalsMs } from './schedule.js';

const PLAN = { perSecond: 2_000, durationMs: 20_000, seed: 7 };

describe('the schedule of an open loop', () => {
  it('plans as many arrivals as the rate asks for', () => {
    const { length } = arrivalsMs(PLAN);
    // A Poisson count of 40,000 has a deviation of 200; five of them are a bug, not bad luck.
    expect(Math.abs(length - 40_000)).toBeLessThan(1_000);
  });

  it('plans the same for the same seed, and something else for another', () => {
    expect(arrivalsMs(PLAN)).toEqual(arrivalsMs(PLAN));
    expect(arrivalsMs(PLAN)).not.toEqual(arrivalsMs({ ...PLAN, seed: 8 }));
  });

  it('plans whole milliseconds within the duration, in order', () => {
    const planned = arrivalsMs(PLAN);
    expect(planned.every((atMs, n) => Number.isInteger(atMs) && atMs >= (planned[n - 1] ?? 0))).toBe(true);
    expect(planned.at(-1)).toBeLessThan(PLAN.durationMs);
  });

  it('lets arrivals come in bunches, as callers do who know nothing of each other', () => {
    const perTick = new Map<number, number>();
    for (const atMs of arrivalsMs(PLAN)) perTick.set(atMs, (perTick.get(atMs) ?? 0) + 1);
    const counts = Array.from({ length: PLAN.durationMs }, (_, atMs) => perTick.get(atMs) ?? 0);
    const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
    const variance = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / counts.length;
    // Equal for Poisson counts; evenly spaced arrivals would have none.
    expect(variance / mean).toBeGreaterThan(0.9);
    expect(variance / mean).toBeLessThan(1.1);
  });
});
