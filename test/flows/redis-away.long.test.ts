import { describe } from 'vitest';
import { redisNotOurs } from '../support/redis.js';
import { survivesWithoutRedis } from './redis-away.js';

describe.skipIf(redisNotOurs !== undefined)(redisNotOurs ?? 'every channel goes on without Redis', () => {
  survivesWithoutRedis({ awayMs: 60_000 });
});
