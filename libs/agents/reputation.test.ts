import { expect, it } from 'vitest';
import { reputationOf } from './reputation.js';

it.each([
  [0, 0, 0, 'new', 0],
  [4, 0, 0, 'new', 51],
  [5, 0, 0, 'fair', 56.6],
  [3, 2, 0, 'low', 23.1],
  [3, 0, 2, 'low', 23.1],
  [15, 0, 0, 'good', 79.6],
  [97, 3, 0, 'excellent', 91.5],
  [0, 50, 50, 'low', 0],
])('of %i completed, %i failed and %i timed out is %s, %f', (completed, failed, timedOut, level, score) => {
  const ended = { completed: BigInt(completed), failed: BigInt(failed), timedOut: BigInt(timedOut) };
  expect(reputationOf(ended)).toEqual({ level, score });
});
