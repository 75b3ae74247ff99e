import type { Redis } from 'ioredis';
import type { Database } from './database.js';
import type { Metrics } from './metrics.js';

/** The pools of connections to PostgreSQL, and whether Redis is there. */
export function watchConnections(
  metrics: Metrics,
  database: Database,
  redis: Readonly<Record<string, Redis>> = {},
): void {
  for (const [pool, its] of Object.entries(database.pools)) {
    const help = 'Connections of a pool to PostgreSQL, by what they do.';
    metrics.gauge('c4c_pool_connections', help, () => its.totalCount - its.idleCount, { pool, state: 'busy' });
    metrics.gauge('c4c_pool_connections', help, () => its.idleCount, { pool, state: 'idle' });
    metrics.gauge(
      'c4c_pool_waiting',
      'Requests that wait for a connection of the pool.',
      // The driver counts every request for an instant, also when a connection is idle and will take it in the same tick.
      () => (its.idleCount > 0 ? 0 : its.waitingCount),
      { pool },
    );
  }
  for (const [connection, its] of Object.entries(redis)) {
    metrics.gauge(
      'c4c_redis_connected',
      '1 while the connection to Redis is ready.',
      () => Number(its.status === 'ready'),
      {
        connection,
      },
    );
  }
}
