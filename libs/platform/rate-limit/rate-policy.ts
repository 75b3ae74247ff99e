export type PolicyName = 'key' | 'owner' | 'address' | 'keyless';

/** What one name (a key, an owner, an address) has used of its policy and what has not run off yet. */
export type Bucket = {
  readonly name: string;
  /** Units in use at the instant `at`; they run off evenly. Above the quota it is a debt that runs off first. */
  level: number;
  at: number;
  /** Units that the other processes have not been told of; negative after units were given back. */
  unsent: number;
  isTouched: boolean;
};

// A level is a sum of fractions; the last unit must not be refused for a rounding error.
const ROUNDING = 1e-6;
// A quota of a thousand a second brings the same few texts again and again.
const TEXTS_MAX = 4_096;

/**
 * So many requests in so many seconds, as a bucket that leaks: the whole quota at once after a pause, and one unit more
 * whenever one has run off. So in no span of n windows more than n + 1 quotas pass. Instants are milliseconds of one
 * monotonic clock.
 */
export class RatePolicy {
  readonly perMs: number;
  /** The policy as an item of `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11). */
  readonly text: string;
  private readonly texts: (string | undefined)[];

  constructor(
    readonly name: PolicyName,
    readonly quota: number,
    readonly windowS: number,
  ) {
    this.perMs = quota / (windowS * 1_000);
    this.text = `"${name}";q=${quota};w=${windowS}`;
    this.texts = new Array<string | undefined>(Math.min(quota + 1, TEXTS_MAX));
  }

  levelAt(bucket: Bucket, now: number): number {
    const left = bucket.level - (now - bucket.at) * this.perMs;
    return left > 0 ? left : 0;
  }

  /** Counts units; a negative number gives them back. */
  add(bucket: Bucket, units: number, now: number): void {
    bucket.level = Math.max(0, this.levelAt(bucket, now) + units);
    bucket.at = now;
    bucket.unsent += units;
  }

  /** How many whole units are left. */
  left(bucket: Bucket, now: number): number {
    const left = Math.floor(this.quota - this.levelAt(bucket, now) + ROUNDING);
    return left > 0 ? left : 0;
  }

  /** Whole seconds, at least 1, until there is a unit again. */
  waitS(bucket: Bucket, now: number): number {
    return wholeSeconds((this.levelAt(bucket, now) + 1 - this.quota) / this.perMs);
  }

  /**
   * The standing as an item of `RateLimit`. `t` is the time after which the whole quota is there for who keeps to `r`
   * until then; with nothing left it is the time until there is a unit, the same as `Retry-After`.
   */
  standing(bucket: Bucket, left: number, now: number): string {
    const resetS = left === 0 ? this.waitS(bucket, now) : wholeSeconds(this.levelAt(bucket, now) / this.perMs);
    if (resetS !== 1 || left >= this.texts.length) return `"${this.name}";r=${left};t=${resetS}`;
    return (this.texts[left] ??= `"${this.name}";r=${left};t=1`);
  }
}

function wholeSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1_000 - ROUNDING));
}
