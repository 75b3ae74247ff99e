import { createHash } from 'node:crypto';
import { ConfigError, type Config } from './config.js';
import type { Database } from './database.js';

const REAL_BODY = 'select clock_timestamp()';

/**
 * In production time is the database's own. Tests move theirs; a database that was made for a test must not serve.
 * @throws {ConfigError} `platform.clock()` has another body
 */
export async function requireRealClock(config: Config, database: Database): Promise<void> {
  if (config.env !== 'production') return;
  const [row] = await database.query<{ body: string }>(
    `select prosrc as body from pg_proc where oid = 'platform.clock'::regproc`,
  );
  const body = row?.body.trim().replace(/\s+/g, ' ');
  if (body === REAL_BODY) return;
  const print = createHash('sha256')
    .update(body ?? '')
    .digest('hex')
    .slice(0, 12);
  throw new ConfigError(
    `platform.clock() of this database is not the real clock (body ${print}): it was made for tests. Use another database.`,
  );
}
