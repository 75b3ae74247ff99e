import { expect, it } from 'vitest';
import { Recent } from './recent.js';

it('remembers at least half of what it may, and never more than all of it', () => {
  const filled = (count: number): Recent<number, number> => {
    const recent = new Recent<number, number>(10);
    for (let n = 0; n < count; n += 1) recent.set(n, n);
    return recent;
  };
  for (let count = 1; count < 100; count += 1) {
    // Each is asked of one of its own: to be asked for is to be remembered for longer.
    const known = Array.from({ length: count }, (_, n) => n).filter((n) => filled(count).get(n) !== undefined);
    expect(known.length).toBeLessThanOrEqual(10);
    expect(known.length).toBeGreaterThanOrEqual(Math.min(5, count));
    expect(known).toEqual(Array.from({ length: known.length }, (_, i) => count - known.length + i));
  }
});

it('keeps what is asked for again and again', () => {
  const recent = new Recent<number, string>(10);
  recent.set(-1, 'asked for');
  for (let n = 0; n < 1_000; n += 1) {
    recent.set(n, 'passing');
    expect(recent.get(-1)).toBe('asked for');
  }
});

it('has the value that was given last', () => {
  const recent = new Recent<string, number>(4);
  recent.set('a', 1);
  recent.set('b', 2);
  recent.set('a', 3);
  expect([recent.get('a'), recent.get('b'), recent.get('c')]).toEqual([3, 2, undefined]);
});
