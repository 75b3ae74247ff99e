import type { Redis } from 'ioredis';
import type { Bucket, RatePolicy } from './rate-policy.js';
import type { RateTable } from './rate-table.js';

// One script call holds Redis up for a millisecond or two with so many buckets.
const BUCKETS_PER_CALL = 500;
const CALLS_PER_EXCHANGE_MAX = 10;

/**
 * Adds what this process has counted to what all have, and takes the sum over. It runs beside the requests, which never
 * wait for it. Counts that did not arrive are sent again, as far as they have not run off meanwhile.
 */
export class RateExchange {
  private isRunning = false;

  constructor(
    private readonly redis: Redis,
    private readonly now: () => number,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Never rejects. One exchange at a time: a Redis that hangs gathers no queue. */
  async run(tables: readonly RateTable[]): Promise<void> {
    if (this.isRunning) return;
    this.isRunning = true;
    try {
      await Promise.all(tables.flatMap((table) => this.batchesOf(table).map((batch) => this.exchange(table, batch))));
    } catch (error) {
      this.onError(error);
    } finally {
      this.isRunning = false;
    }
  }

  private batchesOf(table: RateTable): Bucket[][] {
    const touched = table.takeTouched(BUCKETS_PER_CALL * CALLS_PER_EXCHANGE_MAX);
    const batches: Bucket[][] = [];
    for (let from = 0; from < touched.length; from += BUCKETS_PER_CALL) {
      batches.push(touched.slice(from, from + BUCKETS_PER_CALL));
    }
    return batches;
  }

  private async exchange(table: RateTable, batch: readonly Bucket[]): Promise<void> {
    const { policy } = table;
    const sentAt = this.now();
    const sent = batch.map((bucket) => takeUnsent(policy, bucket, sentAt));
    const keys = batch.map(({ name }) => `{c4c}:rate:${policy.name}:${name}`);
    try {
      const levels = await this.redis.eval(ADD_AND_READ, keys.length, ...keys, policy.perMs, ...sent);
      if (!Array.isArray(levels)) throw new Error('redis answered something else than levels');
      batch.forEach((bucket, index) => takeOver(policy, bucket, Number(levels[index]), sentAt, this.now()));
    } catch (error) {
      const now = this.now();
      batch.forEach((bucket, index) => {
        bucket.unsent += sent[index] ?? 0;
        // An empty bucket has nothing to tell, and must not keep its place until Redis is back.
        if (policy.levelAt(bucket, now) > 0) table.touch(bucket);
      });
      throw error;
    }
  }
}

/** What has run off meanwhile is nobody's business any more: after a long absence Redis gets no more than the level. */
function takeUnsent(policy: RatePolicy, bucket: Bucket, now: number): number {
  const units = Math.min(bucket.unsent, policy.levelAt(bucket, now));
  bucket.unsent = 0;
  return units;
}

/** The greater of both views counts, so that a Redis that has forgotten everything opens nothing. */
function takeOver(policy: RatePolicy, bucket: Bucket, shared: number, sentAt: number, now: number): void {
  const known = policy.levelAt(bucket, now);
  // What was taken while the exchange was under way is not in the shared level yet.
  const told = shared - (now - sentAt) * policy.perMs + bucket.unsent;
  bucket.level = Number.isFinite(told) ? Math.max(known, told) : known;
  bucket.at = now;
}

// Time is Redis's own here, since each process counts from another beginning. A bucket that ran empty expires.
const ADD_AND_READ = `
local time = redis.call('time')
local now = time[1] * 1000 + time[2] / 1000
local perMs = tonumber(ARGV[1])
local levels = {}
for i, key in ipairs(KEYS) do
  local level = tonumber(ARGV[i + 1])
  local kept = redis.call('get', key)
  if kept then
    local was, at = string.match(kept, '^(%S+) (%S+)$')
    level = level + math.max(0, tonumber(was) - math.max(0, now - tonumber(at)) * perMs)
  end
  level = math.max(0, level)
  levels[i] = string.format('%.6f', level)
  redis.call('set', key, levels[i] .. string.format(' %.3f', now), 'px', math.ceil(level / perMs) + 1000)
end
return levels`;
