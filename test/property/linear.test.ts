import { describe, expect, it } from 'vitest';
import { explained, type Deed } from './linear.js';

/** A register that is written and read. */
const write = (value: number, sentAt: number, answeredAt: number): Deed<number> => ({
  name: `write ${value}`,
  sentAt,
  answeredAt,
  outcomes: () => [value],
});
const read = (value: number, sentAt: number, answeredAt: number): Deed<number> => ({
  name: `read ${value}`,
  sentAt,
  answeredAt,
  outcomes: (state) => (state === value ? [state] : []),
});
const from0 = (...deeds: Deed<number>[]): number => explained(0, deeds, String);

describe('answers to what was under way at the same time', () => {
  it('are explained by any order that fits', () => {
    expect(from0(write(1, 1, 4), read(0, 2, 5), read(1, 3, 6))).toBe(1);
    expect(from0(write(1, 1, 9), write(2, 2, 8), read(1, 3, 4), read(2, 5, 6))).toBe(2);
    expect(from0(write(1, 1, 9), write(2, 2, 8), read(2, 3, 4), read(1, 5, 6))).toBe(1);
  });

  it('are not explained when what was answered before would have to come after', () => {
    expect(() => from0(write(1, 1, 2), read(0, 3, 4))).toThrow('no order explains');
    expect(() => from0(write(1, 1, 9), read(1, 2, 3), read(0, 4, 5))).toThrow('no order explains');
  });

  it('are not explained when something is lost or doubled', () => {
    const add = (sentAt: number, answeredAt: number): Deed<number> => ({
      name: 'add',
      sentAt,
      answeredAt,
      outcomes: (state) => [state + 1],
    });
    expect(from0(add(1, 4), add(2, 5), read(2, 6, 7))).toBe(2);
    expect(() => from0(add(1, 4), add(2, 5), read(1, 6, 7))).toThrow('no order explains');
    expect(() => from0(add(1, 4), add(2, 5), read(3, 6, 7))).toThrow('no order explains');
  });

  it('may have two outcomes, of which the later answers choose', () => {
    const perhaps: Deed<number> = { name: 'perhaps', sentAt: 1, answeredAt: 2, outcomes: (n) => [n, n + 1] };
    expect(from0(perhaps, read(0, 3, 4))).toBe(0);
    expect(from0(perhaps, read(1, 3, 4))).toBe(1);
  });
});
