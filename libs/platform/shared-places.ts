import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { within } from './within.js';

// A process that was killed gives its places back so late; each says so often that it is there.
const LIFE_MS = 12_000;
const REFRESH_EVERY_MS = 4_000;
const PLACES_PER_CALL = 500;
const ANSWER_WITHIN_MS = 300;
// While Redis is away nobody waits for it again and again.
const AWAY_FOR_MS = 1_000;

/**
 * Places that all processes give out of one stock through Redis, so many to a name. Without an answer from Redis everybody gets one: whoever
 * asks also keeps count of its own. A Redis that has forgotten everything knows it again after 4 s.
 */
export class SharedPlaces {
  private readonly taken = new Map<string, string>();
  private readonly timer: NodeJS.Timeout | undefined;
  private awayUntilMs = 0;
  private isRefreshing = false;

  constructor(
    private readonly redis: Redis | undefined,
    private readonly onError: (error: unknown) => void,
  ) {
    if (redis !== undefined) this.timer = setInterval(() => void this.refresh(), REFRESH_EVERY_MS).unref();
  }

  /** @returns what gives the place back, or undefined when all of them are taken */
  async take(name: string, max: number): Promise<(() => void) | undefined> {
    const { redis } = this;
    if (redis === undefined) return () => undefined;
    const place = randomUUID();
    const key = `{c4c}:places:${name}`;
    if (performance.now() >= this.awayUntilMs) {
      try {
        const asking = redis.eval(TAKE, 1, key, place, LIFE_MS, max);
        if ((await within(ANSWER_WITHIN_MS, asking, 'asking for a place')) === 0) return undefined;
      } catch (error) {
        this.failed(error);
      }
    }
    this.taken.set(place, key);
    return () => {
      if (this.taken.delete(place)) redis.zrem(key, place).catch(this.failed);
    };
  }

  close(): void {
    clearInterval(this.timer);
  }

  private async refresh(): Promise<void> {
    const { redis } = this;
    if (redis === undefined || this.isRefreshing) return;
    this.isRefreshing = true;
    try {
      const all = [...this.taken];
      for (let from = 0; from < all.length; from += PLACES_PER_CALL) {
        // What was given back meanwhile must not come to life again.
        const batch = all.slice(from, from + PLACES_PER_CALL).filter(([place]) => this.taken.has(place));
        const [places, keys] = [batch.map(([place]) => place), batch.map(([, key]) => key)];
        if (batch.length > 0) await redis.eval(REFRESH, keys.length, ...keys, LIFE_MS, ...places);
      }
    } catch (error) {
      this.failed(error);
    } finally {
      this.isRefreshing = false;
    }
  }

  private readonly failed = (error: unknown): void => {
    this.awayUntilMs = performance.now() + AWAY_FOR_MS;
    this.onError(error);
  };
}

// Time is Redis's own: each process has another clock.
const NOW = `
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

const TAKE = `${NOW}
redis.call('zremrangebyscore', KEYS[1], '-inf', now)
if redis.call('zcard', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('zadd', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('pexpire', KEYS[1], ARGV[2])
return 1`;

const REFRESH = `${NOW}
for i, key in ipairs(KEYS) do
  redis.call('zadd', key, now + ARGV[1], ARGV[i + 1])
  redis.call('pexpire', key, ARGV[1])
end`;
