import { expect, it } from 'vitest';
import { uptimeText } from './uptime.js';

it.each([
  [0, 0, undefined],
  [11, 11, undefined],
  [12, 12, '100.0%'],
  [6, 12, '50.0%'],
  [0, 12, '0.0%'],
  [8_639, 8_640, '99.9%'],
  [8_641, 8_640, '100.0%'],
])('of %i in %i five minutes is %s', (seen, parts, text) => {
  expect(uptimeText({ seen: BigInt(seen), parts: BigInt(parts) })).toBe(text);
});
