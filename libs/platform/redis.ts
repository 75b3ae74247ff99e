import { Redis, type RedisOptions } from 'ioredis';

/** What a Redis connection is for; each role fails in its own way. */
export type RedisRole = 'producer' | 'worker' | 'subscriber';

/**
 * The one place where connections to Redis are made. With the driver's defaults a frozen master swallowed acknowledged
 * work; these limits turn silence into a reconnect within seconds.
 */
export function connectRedis(url: string, role: RedisRole, onError: (error: Error) => void): Redis {
  const redis = new Redis(url, { ...COMMON, ...BY_ROLE[role] });
  // Without a listener the driver prints every refused connection to the console.
  redis.on('error', onError);
  return redis;
}

const COMMON = {
  connectTimeout: 3_000,
  keepAlive: 10_000,
  enableReadyCheck: true,
  // Reconnects for ever, since a Redis that comes back must be noticed; each wait is bounded and jittered.
  retryStrategy: (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 5), 1_000) * (0.75 + Math.random() / 2),
  reconnectOnError: (error: Error): 2 | false => (error.message.startsWith('READONLY') ? 2 : false),
} satisfies RedisOptions;

const BY_ROLE = {
  // A request may pass by a producer: it fails at once when Redis is away and never waits in a queue for it.
  producer: { enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: 2_000, socketTimeout: 3_000 },
  // BullMQ's workers block for up to 10 s in one command and must not give a command up; so no command time-out, and a
  // socket counts as dead only after more than that.
  worker: { maxRetriesPerRequest: null, socketTimeout: 15_000 },
  subscriber: { maxRetriesPerRequest: null, socketTimeout: 15_000, autoResubscribe: true },
} satisfies Record<RedisRole, RedisOptions>;
