import { describe, expect, it } from 'vitest';
import { bucketEndMs, bucketOf, bucketOfJob, jobIdOf } from './bell-bucket.js';

describe('the buckets of a bell', () => {
  it.each([0, 1, 499, 500, 501, 1_763_000_000_123])(
    'end after every moment in them and at most 500 ms later (%d)',
    (ms) => {
      const end = bucketEndMs(bucketOf(ms));
      expect(end).toBeGreaterThan(ms);
      expect(end - ms).toBeLessThanOrEqual(500);
    },
  );

  it('names a job by its bucket and finds the bucket again', () => {
    expect(bucketOfJob(jobIdOf(3_526_000_000))).toBe(3_526_000_000);
  });

  it.each(['sentinel', 'due-', 'due-x', '12', 'due-1:2', `due-${'9'.repeat(16)}`])(
    'knows that %s is no bucket',
    (id) => {
      expect(bucketOfJob(id)).toBeUndefined();
    },
  );
});
