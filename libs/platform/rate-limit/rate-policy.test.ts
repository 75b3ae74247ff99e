import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RatePolicy, type Bucket } from './rate-policy.js';

const fresh = (): Bucket => ({ name: '1', level: 0, at: 0, unsent: 0, isTouched: false });

/** Takes a unit if there is one. */
function take(policy: RatePolicy, bucket: Bucket, now: number): boolean {
  if (policy.left(bucket, now) === 0) return false;
  policy.add(bucket, 1, now);
  return true;
}

describe('a policy', () => {
  it('gives exactly its quota at one instant', () => {
    const [policy, bucket] = [new RatePolicy('key', 1_000, 1), fresh()];
    const taken = Array.from({ length: 3_000 }, () => take(policy, bucket, 5)).filter(Boolean);
    expect(taken).toHaveLength(1_000);
  });

  it.each([
    { quota: 1_000, windowS: 1, everyMs: 1 },
    { quota: 3_000, windowS: 1, everyMs: 1 / 3 },
    { quota: 100, windowS: 60, everyMs: 600 },
    { quota: 7, windowS: 60, everyMs: 60_000 / 7 },
  ])('gives one unit more whenever one has run off ($quota in $windowS s)', ({ quota, windowS, everyMs }) => {
    const [policy, bucket] = [new RatePolicy('key', quota, windowS), fresh()];
    for (let n = 0; n < quota; n += 1) take(policy, bucket, 0);
    for (let n = 1; n <= 20; n += 1) {
      expect(take(policy, bucket, n * everyMs - everyMs / 2)).toBe(false);
      expect(take(policy, bucket, n * everyMs)).toBe(true);
      expect(take(policy, bucket, n * everyMs)).toBe(false);
    }
  });

  it('lets pass whoever waits as long as it says, and nobody who asks sooner by a second', () => {
    const [policy, bucket] = [new RatePolicy('address', 2, 60), fresh()];
    take(policy, bucket, 0);
    take(policy, bucket, 0);
    expect(policy.waitS(bucket, 0)).toBe(30);
    expect(policy.waitS(bucket, 29_500)).toBe(1);
    expect(take(policy, bucket, 29_000)).toBe(false);
    expect(take(policy, bucket, 30_000)).toBe(true);
  });

  it('makes a debt run off first', () => {
    const [policy, bucket] = [new RatePolicy('key', 10, 1), fresh()];
    policy.add(bucket, 30, 0);
    expect(policy.waitS(bucket, 0)).toBe(3);
    expect(policy.standing(bucket, 0, 0)).toBe('"key";r=0;t=3');
    expect(take(policy, bucket, 2_050)).toBe(false);
    expect(take(policy, bucket, 2_100)).toBe(true);
  });

  it('writes what it is and how it stands as structured fields', () => {
    const [policy, bucket] = [new RatePolicy('address', 100, 60), fresh()];
    expect(policy.text).toBe('"address";q=100;w=60');
    expect(policy.standing(bucket, policy.left(bucket, 0), 0)).toBe('"address";r=100;t=1');
    for (let n = 0; n < 100; n += 1) take(policy, bucket, 0);
    expect(policy.standing(bucket, 0, 0)).toBe('"address";r=0;t=1');
    expect(policy.standing(bucket, policy.left(bucket, 6_000), 6_000)).toBe('"address";r=10;t=54');
    expect(policy.standing(bucket, policy.left(bucket, 6_000), 6_000)).toBe('"address";r=10;t=54');
  });

  it('never lets pass more than n + 1 quotas in n windows, however requests are spread', () => {
    const gaps = fc.array(fc.double({ min: 0, max: 400, noNaN: true }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), gaps, (quota, waits) => {
        const [policy, bucket] = [new RatePolicy('key', quota, 1), fresh()];
        const passed: number[] = [];
        let now = 0;
        for (const wait of waits) {
          now += wait;
          if (take(policy, bucket, now)) passed.push(now);
        }
        passed.forEach((from, first) => {
          for (const windows of [1, 2, 3]) {
            const until = from + windows * 1_000;
            const inside = passed.slice(first).filter((at) => at < until).length;
            expect(inside).toBeLessThanOrEqual((windows + 1) * quota);
          }
        });
      }),
    );
  });
});
