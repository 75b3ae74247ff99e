import { expect, it } from 'vitest';
import { backoffMs } from './backoff.js';

it('spreads evenly below a ceiling that doubles up to its maximum', () => {
  const times = { baseMs: 100, maxMs: 1_000 };
  expect([0, 1, 2, 3, 4, 5_000].map((attempt) => backoffMs(attempt, times, () => 0.999999))).toEqual([
    100, 200, 400, 800, 1_000, 1_000,
  ]);
  expect(backoffMs(3, times, () => 0)).toBe(0);
  expect(backoffMs(-1, times, () => 0.5)).toBe(50);
});
