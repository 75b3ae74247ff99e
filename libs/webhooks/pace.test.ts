import { describe, expect, it } from 'vitest';
import { HostBreaker } from './host-breaker.js';
import { Pace } from './pace.js';

describe('the pace of an endpoint', () => {
  it('has so many under way, and gives the others turns of their own, as long as these take', () => {
    const pace = new Pace();
    expect([1, 2, 3].map(() => pace.waitMs(0, 1_000, 3))).toEqual([0, 0, 0]);
    expect(pace.waitMs(0, 1_000, 3)).toBe(1);
    pace.ended(600, false);
    expect(pace.waitMs(10, 1_000, 3)).toBe(0);
    expect([1, 2, 3].map(() => pace.waitMs(10, 1_000, 3))).toEqual([200, 400, 600]);
  });

  it('says how long it usually takes from what arrived alone', () => {
    const pace = new Pace();
    pace.ended(5_000, false);
    expect(pace.usualMs).toBe(0);
    pace.ended(100, true);
    pace.ended(5_000, false);
    expect(pace.usualMs).toBe(100);
  });

  it('gives no turns that come faster than the rate', () => {
    const pace = new Pace();
    expect([1, 2, 3].map(() => pace.waitMs(0, 2, 1))).toEqual([0, 500, 1_000]);
  });

  it('makes nobody wait longer than half a minute', () => {
    const pace = new Pace();
    const waits = Array.from({ length: 100 }, () => pace.waitMs(0, 1, 1));
    expect(Math.max(...waits)).toBe(30_000);
  });
});

describe('the breaker of a host', () => {
  it('opens after five failures in a row, twice as long each time, and lets one try through', () => {
    const breaker = new HostBreaker();
    for (let n = 0; n < 4; n += 1) breaker.tried(true, n);
    expect(breaker.waitMs(10)).toBe(0);
    breaker.tried(true, 10);
    breaker.tried(true, 11);
    expect(breaker.waitMs(10)).toBe(30_000);
    let now = 10;
    for (const openMs of [30_000, 60_000, 120_000, 240_000, 300_000, 300_000]) {
      expect(breaker.waitMs(now)).toBe(openMs);
      now += openMs;
      expect(breaker.waitMs(now)).toBe(0);
      expect(breaker.waitMs(now)).toBe(1_000);
      breaker.tried(true, now);
    }
    now += 300_000;
    expect(breaker.waitMs(now)).toBe(0);
    breaker.tried(false, now);
    expect(breaker.waitMs(now)).toBe(0);
    expect(breaker.waitMs(now)).toBe(0);
  });

  it('opens when seven of ten of the last five minutes failed, and forgets what is older', () => {
    const breaker = new HostBreaker();
    const pattern = [true, true, false, true, true, true, false, true, true, false];
    for (const isFailed of pattern) breaker.tried(isFailed, 0);
    expect(breaker.waitMs(0)).toBe(0);
    breaker.tried(true, 1);
    expect(breaker.waitMs(1)).toBe(30_000);
    const other = new HostBreaker();
    for (const isFailed of pattern) other.tried(isFailed, 0);
    other.tried(true, 400_000);
    expect(other.waitMs(400_000)).toBe(0);
  });
});
