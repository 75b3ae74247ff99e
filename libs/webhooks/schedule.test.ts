import { describe, expect, it } from 'vitest';
import { nextTry, retryAfterMs, tryTimeoutMs, type TryOutcome } from './schedule.js';

const work: TryOutcome = {
  class: 'work',
  attempt: 1,
  leftMs: 1_000_000,
  usualMs: 0,
  retryAfterMs: undefined,
  isFinal: false,
};
const info: TryOutcome = { ...work, class: 'info', leftMs: null };
const middle = (): number => 0.5;
const waits = (outcome: TryOutcome, tries: number): unknown[] =>
  Array.from({ length: tries }, (_, n) => nextTry({ ...outcome, attempt: n + 1 }, middle)).map((next) =>
    next.status === 'pending' ? next.inMs / 1_000 : next.status,
  );

describe('the next try', () => {
  it('of work comes soon, and later each time, up to five minutes', () => {
    expect(waits(work, 13)).toEqual([0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    expect(nextTry({ ...work, attempt: 100_000 }, middle)).toEqual({ status: 'pending', inMs: 300_000 });
  });

  it('of what only tells comes nine times over three days', () => {
    const hours = (h: number): number => h * 3_600;
    const late = [0.5, 2, 5, 10, 14, 20, 24].map(hours);
    expect(waits(info, 11)).toEqual([5, 300, ...late, 'failed', 'failed']);
  });

  it('is a fifth earlier or later', () => {
    expect(nextTry(work, () => 0)).toEqual({ status: 'pending', inMs: 200 });
    expect(nextTry(work, () => 1)).toEqual({ status: 'pending', inMs: 300 });
  });

  it.each([
    [999, 0, 'expired'],
    [1_000, 0, 'expired'],
    [1_001, 0, 'pending'],
    [1_101, 100, 'pending'],
    [1_100, 100, 'expired'],
  ])('with %i ms left is only made when the answer (%i ms) comes in time: %s', (leftMs, usualMs, status) => {
    expect(nextTry({ ...work, attempt: 3, leftMs, usualMs }, middle).status).toBe(status);
  });

  it('waits as long as the receiver asks, and a day at most', () => {
    expect(nextTry({ ...info, retryAfterMs: 60_000 }, middle)).toEqual({ status: 'pending', inMs: 60_000 });
    expect(nextTry({ ...info, retryAfterMs: 1_000 }, middle)).toEqual({ status: 'pending', inMs: 5_000 });
    expect(nextTry({ ...info, retryAfterMs: 1e12 }, middle)).toEqual({ status: 'pending', inMs: 86_400_000 });
    expect(nextTry({ ...work, leftMs: 30_000, retryAfterMs: 60_000 }, middle)).toEqual({ status: 'expired' });
  });

  it('is none when the receiver is gone', () => {
    expect(nextTry({ ...work, isFinal: true })).toEqual({ status: 'failed' });
  });
});

it.each([
  ['0', 0],
  ['120', 120_000],
  ['9'.repeat(20), Number.MAX_SAFE_INTEGER],
  ['Sat, 21 Nov 2026 10:00:05 GMT', 5_000],
  ['soon', undefined],
  ['-1', undefined],
  ['1.5', undefined],
  [undefined, undefined],
])('a Retry-After of %s asks for %s ms', (header, ms) => {
  expect(retryAfterMs(header, Date.UTC(2026, 10, 21, 10))).toBe(ms);
});

it.each([
  ['info', null, 10_000],
  ['work', 60_000, 5_000],
  ['work', 4_000, 2_000],
  ['work', 1, 1],
] as const)('a try of %s with %s ms left may take %i ms', (eventClass, leftMs, timeoutMs) => {
  expect(tryTimeoutMs(eventClass, leftMs)).toBe(timeoutMs);
});

it.each([
  [undefined, undefined],
  ['120', 120_000],
  ['0', 0],
  ['-1', undefined],
  ['1.5', undefined],
  ['soon', undefined],
  ['Thu, 01 Jan 1970 00:01:00 GMT', 59_000],
  ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ['2030', 2_030_000],
])('Retry-After %s is %s', (header, waitMs) => {
  expect(retryAfterMs(header, 1_000)).toBe(waitMs);
});
