import { expect, it } from 'vitest';
import { durationMs } from './connect.command.js';

it.each([
  ['500ms', 500],
  ['10s', 10_000],
  ['10', 10_000],
  ['2m', 120_000],
  ['24h', 86_400_000],
])('%s is %i ms', (text, ms) => expect(durationMs(text)).toBe(ms));

it.each(['', '0s', '-1s', '1.5s', '25h', '10 minutes', 'soon', '99999999999ms'])('%j is no duration', (text) => {
  expect(() => durationMs(text)).toThrow();
});
