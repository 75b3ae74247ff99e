import pg from 'pg';

/**
 * A pool of a test's own. Its end does not wait for its connections' own, and whoever drops the database may end them first: nobody
 * would hear of that in a process that is over, but the files of a worker share theirs.
 */
export function testPool(config: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool(config);
  pool.on('error', () => undefined);
  pool.on('connect', (client) => void client.on('error', () => undefined));
  return pool;
}
