import { describe, expect, it } from 'vitest';
import { ConsumerWindow } from './consumer-window.js';

const event = (seq: bigint, attempt = 1, dueAtMs = 30_000) => ({
  seq,
  attempt,
  work: seq,
  dueAtMs,
});

describe('what a session holds', () => {
  it('is no more than its window, and room comes back with each release', () => {
    const window = new ConsumerWindow(2);
    window.hold(event(1n));
    window.hold(event(2n));
    expect(window.room).toBe(0);
    expect(window.release(1n, 1)).toMatchObject({ seq: 1n });
    expect([window.room, window.size]).toEqual([1, 1]);
  });

  it.each([
    ['twice', 1n, [1, 1], [true, false]],
    ['for an earlier attempt', 2n, [1, 2], [false, true]],
    ['for an attempt that never was', 2n, [3], [false]],
    ['that it never had', 9n, [1], [false]],
  ])('is released once, and not %s', (_name, seq, attempts, released) => {
    const window = new ConsumerWindow(4);
    window.hold(event(1n));
    window.hold(event(2n));
    window.hold(event(2n, 2));
    expect(attempts.map((attempt) => window.release(seq, attempt) !== undefined)).toEqual(released);
  });

  it('takes one place for two attempts of one event', () => {
    const window = new ConsumerWindow(4);
    window.hold(event(1n));
    window.hold(event(1n, 2));
    expect(window.size).toBe(1);
  });

  it('takes a report of progress a second of each event, and none of what is not held', () => {
    const window = new ConsumerWindow(4);
    window.hold(event(1n));
    window.hold(event(2n));
    expect([window.holds(1n, 1), window.holds(1n, 2), window.holds(3n, 1)]).toEqual([true, false, false]);
    expect([1n, 1n, 2n, 3n].map((seq) => window.takesProgress(seq, 500))).toEqual([true, false, true, false]);
    expect([1_499, 1_500, 1_501].map((nowMs) => window.takesProgress(1n, nowMs))).toEqual([false, true, false]);
  });

  it('ends when its time is over, unless it was renewed', () => {
    const window = new ConsumerWindow(4);
    window.hold(event(1n));
    window.hold(event(2n));
    expect(window.renew(2n, 60_000)).toMatchObject({ seq: 2n });
    expect(window.renew(3n, 60_000)).toBeUndefined();
    expect(window.expire(29_999)).toBe(0);
    expect(window.expire(30_000)).toBe(1);
    expect(window.release(1n, 1)).toBeUndefined();
    expect(window.release(2n, 1)).toBeDefined();
  });
});
