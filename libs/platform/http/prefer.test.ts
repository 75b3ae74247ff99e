import { expect, it } from 'vitest';
import { preferredWaitS } from './prefer.js';

it.each([
  [undefined, 0],
  ['wait=10', 10],
  ['respond-async, WAIT = 5', 5],
  ['wait="7"; foo', 7],
  ['wait=600', 60],
  ['wait=-1', 0],
  ['wait=1.5', 0],
  ['await=3', 0],
  ['wait', 0],
  [['respond-async', 'wait=2'], 2],
])('reads %j as %i seconds', (prefer, seconds) => {
  expect(preferredWaitS({ prefer })).toBe(seconds);
});
