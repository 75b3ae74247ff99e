import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { migrate } from '../../libs/platform/migrate.js';
import { databaseUrl } from '../support/cluster.js';
import { type Query } from '../support/schema-dump.js';

export type EmptyDatabase = { query: Query; drop: () => Promise<void> };

/** A database that has been migrated and nothing else (no queue, no movable clock), seen through one connection. */
export async function emptyMigratedDatabase(): Promise<EmptyDatabase> {
  const { adminUrl } = inject('testCluster');
  const name = `t_${randomBytes(6).toString('hex')}`;
  const admin = new pg.Client({ connectionString: adminUrl });
  await admin.connect();
  await admin.query(`create database ${name}`);
  await migrate({ adminUrl: databaseUrl(adminUrl, name) });

  const client = new pg.Client({ connectionString: databaseUrl(adminUrl, name) });
  await client.connect();
  // Names are printed with their schema only when nothing is on the search path.
  await client.query(`set search_path = ''`);
  return {
    query: async (sql) => (await client.query<Record<string, unknown>>(sql)).rows,
    drop: async () => {
      await client.end();
      await admin.query(`drop database if exists ${name} with (force)`);
      await admin.end();
    },
  };
}
