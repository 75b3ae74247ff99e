import type { Bucket, RatePolicy } from './rate-policy.js';

// About 10 MB when every place is taken.
const ENTRIES_MAX = 50_000;
const LOOKED_AT_PER_SWEEP = 2_000;
// Whoever asks every now and then keeps its bucket: making and forgetting one for each request has the map copy itself all the time.
const FORGOTTEN_AFTER_MS = 2_000;

/**
 * The buckets of one policy. A name whose bucket has run empty is forgotten two seconds after its last use. When all places are taken, the names that
 * have none share one bucket: a crowd is limited as one, and never not at all.
 */
export class RateTable {
  private readonly buckets = new Map<string | bigint, Bucket>();
  private readonly others: Bucket = newBucket('others', 0);
  private touched: Bucket[] = [];
  private sweeping = this.buckets.entries();

  constructor(
    readonly policy: RatePolicy,
    private readonly entriesMax = ENTRIES_MAX,
  ) {}

  /** The bucket to judge by. Looking at it has its level read from the other processes soon. */
  bucketOf(name: string | bigint, now: number): Bucket {
    let bucket = this.buckets.get(name);
    if (bucket === undefined) {
      if (this.buckets.size >= this.entriesMax) bucket = this.others;
      else this.buckets.set(name, (bucket = newBucket(String(name), now)));
    }
    this.touch(bucket);
    return bucket;
  }

  /** The bucket of this name, if it has used anything. */
  peek(name: string | bigint): Bucket | undefined {
    return this.buckets.get(name) ?? (this.buckets.size >= this.entriesMax ? this.others : undefined);
  }

  touch(bucket: Bucket): void {
    if (bucket.isTouched) return;
    bucket.isTouched = true;
    this.touched.push(bucket);
  }

  /** Takes at most so many of the buckets that were touched since they were last taken. */
  takeTouched(max: number): Bucket[] {
    const taken = this.touched.length <= max ? this.touched : this.touched.slice(0, max);
    this.touched = this.touched.length <= max ? [] : this.touched.slice(max);
    for (const bucket of taken) bucket.isTouched = false;
    return taken;
  }

  /** Forgets empty buckets, some at a time, so that no sweep is felt. */
  sweep(now: number): void {
    for (let looked = 0; looked < LOOKED_AT_PER_SWEEP; looked += 1) {
      const next = this.sweeping.next();
      if (next.done === true) {
        this.sweeping = this.buckets.entries();
        return;
      }
      const [name, bucket] = next.value;
      if (bucket.isTouched || now - bucket.at < FORGOTTEN_AFTER_MS) continue;
      if (this.policy.levelAt(bucket, now) === 0) this.buckets.delete(name);
    }
  }

  get size(): number {
    return this.buckets.size;
  }
}

function newBucket(name: string, at: number): Bucket {
  return { name, level: 0, at, unsent: 0, isTouched: false };
}
