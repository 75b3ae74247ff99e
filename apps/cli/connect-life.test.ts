import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SignsOfLife } from './connect-life.js';

const PING_MS = 20_000;

let wallAheadMs: number;
let said: [reason: string, isAsleep: boolean][];
let pings: number;
let life: SignsOfLife;

beforeEach(() => {
  vi.useFakeTimers();
  [wallAheadMs, said, pings] = [0, [], 0];
  const monotonic = (): number => performance.now();
  life = new SignsOfLife((...words) => said.push(words), { monotonic, wall: () => monotonic() + wallAheadMs });
  life.expect(PING_MS, () => (pings += 1));
});
afterEach(() => {
  life.end();
  vi.useRealTimers();
});

describe('a server', () => {
  it('is alive as long as anything comes', () => {
    for (let n = 0; n < 20; n += 1) {
      vi.advanceTimersByTime(PING_MS - 1);
      life.seen();
    }
    expect([said, pings]).toEqual([[], 0]);
  });

  it('is asked when it is late, and gone after 1.5 of its pings', () => {
    vi.advanceTimersByTime(1.5 * PING_MS);
    expect(said).toEqual([]);
    expect(pings).toBeGreaterThan(0);
    vi.advanceTimersByTime(PING_MS / 8);
    expect(said).toEqual([['the server is silent', false]]);
  });
});

describe('a machine', () => {
  it('has slept when the clock on the wall is more than 5 s ahead', () => {
    wallAheadMs = 5_001;
    vi.advanceTimersByTime(PING_MS / 8);
    expect(said).toEqual([['this machine slept', true]]);
  });

  it('has not slept when its clock was set a little, or back', () => {
    for (const ahead of [5_000, 0, -60_000]) {
      wallAheadMs = ahead;
      life.seen();
      vi.advanceTimersByTime(PING_MS / 8);
    }
    expect(said).toEqual([]);
  });
});
