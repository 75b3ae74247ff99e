import { expect, it } from 'vitest';
import { ProbeBudget } from './probe-budget.js';

it('gives every agent 20 a minute, and says when there is one again', () => {
  const budget = new ProbeBudget();
  for (let i = 0; i < 20; i += 1) expect(budget.take(1n, 1_000 + i)).toBe(0);
  expect(budget.take(1n, 2_000)).toBe(59_000);
  expect(budget.take(2n, 2_000)).toBe(0);
  expect(budget.take(1n, 60_999)).toBe(1);
  expect(budget.take(1n, 61_000)).toBe(0);
});
