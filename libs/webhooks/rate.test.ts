import { describe, expect, it } from 'vitest';
import { rateOf, waitsMs } from './rate.js';

describe('the rate of an endpoint', () => {
  it.each([1, 2, 5, 9, 10, 19, 99, 100, 333, 999, 1_000])(
    'of %d a second is kept in every second, and nine tenths of it at least are used',
    (ratePerSecond) => {
      const { intervalMs, burst } = rateOf({ ratePerSecond, isHalfOpen: false });
      // A burst, and then each as soon as it may: nothing puts more into a second.
      const atMs = Array.from({ length: 2 * ratePerSecond }, (_, n) => Math.max(0, n - burst + 1) * intervalMs);
      for (const [n, fromMs] of atMs.entries()) {
        const within = atMs.slice(n).filter((ms) => ms < fromMs + 1_000 - 1e-6);
        expect(within.length).toBeLessThanOrEqual(ratePerSecond);
      }
      expect(1_000 / intervalMs).toBeGreaterThanOrEqual(0.9 * ratePerSecond);
      expect(burst).toBeGreaterThanOrEqual(1);
    },
  );

  it('is one a second while it is asked whether it works again', () => {
    expect(rateOf({ ratePerSecond: 1_000, isHalfOpen: true })).toEqual({ intervalMs: 1_000, burst: 1 });
  });

  it('has those that wait come in groups, none before its turn', () => {
    const waits = waitsMs(30, 3, { intervalMs: 10, burst: 1 });
    for (const [n, ms] of waits.entries()) {
      expect(ms).toBeGreaterThanOrEqual(3 + n * 10);
      expect(ms).toBeLessThan(3 + n * 10 + 50);
    }
    expect(new Set(waits).size).toBe(6);
    expect(waitsMs(2, 29_999, { intervalMs: 1_000, burst: 1 })).toEqual([30_000, 30_000]);
  });
});
