import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { expect, inject } from 'vitest';
import { loadConfig, type Config } from '#platform';
import { brokenInvariants } from '../../apps/standalone/invariants.js';
import { databaseUrl } from './cluster.js';
import { invariants } from './invariants.js';
import { testPool } from './pool.js';

export { invariants };

/** A database of one test file. */
export type TestDatabase = {
  name: string;
  adminUrl: string;
  appUrl: string;
  /** As the administrator, who may read everything; int8 comes as bigint. */
  pool: pg.Pool;
  /** Moves `platform.clock()` of this database. */
  advanceClock(ms: number): Promise<void>;
  /** A configuration that points at this database; `env` adds to it or changes it. */
  config(env?: Record<string, string>): Config;
  drop(): Promise<void>;
};

const INT8 = 20;
// The handful of types a test looks at; the same reading of int8 as the product's.
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === INT8 && format !== 'binary' ? (text: string) => BigInt(text) : pg.types.getTypeParser(oid, format),
};

/** A copy of the run's migrated template. Drop it in `afterAll`. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const cluster = inject('testCluster');
  const name = `t_${randomBytes(6).toString('hex')}`;
  await onServer(cluster.adminUrl, `create database ${name} template ${cluster.template}`);
  const adminUrl = databaseUrl(cluster.adminUrl, name);
  const app = new URL(adminUrl);
  app.username = 'c4c_app';
  app.password = cluster.appPassword;
  const pool = testPool({ connectionString: adminUrl, max: 4, types });
  return {
    name,
    adminUrl,
    appUrl: app.href,
    pool,
    advanceClock: async (ms) => {
      await pool.query(`update platform.clock_offset set value = value + $1 * interval '1 millisecond'`, [ms]);
    },
    config: (env = {}) =>
      loadConfig({
        NODE_ENV: 'test',
        DATABASE_ADMIN_URL: adminUrl,
        DATABASE_DIRECT_URL: app.href,
        DATABASE_URL: app.href,
        C4C_SECRET: 'test-secret-test-secret-test-secret-0',
        C4C_LOG_LEVEL: 'silent',
        PORT: '0',
        // Tests ask as fast as they can, and all from one address. Those of the limits set lower ones.
        C4C_RATE_KEY: '1000000',
        C4C_RATE_OWNER: '1000000',
        C4C_RATE_WRONG_KEYS: '1000000',
        C4C_RATE_ADDRESS: '1000000',
        ...env,
      }),
    drop: async () => {
      await pool.end();
      await onServer(cluster.adminUrl, `drop database if exists ${name} with (force)`);
    },
  };
}

/** Every statement of docs/money.md returns no row. Call it after each test that moves money. */
export async function expectInvariants(database: { pool: pg.Pool }): Promise<void> {
  expect(await brokenInvariants(database.pool), 'invariants of docs/money.md').toEqual({});
}

async function onServer(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
