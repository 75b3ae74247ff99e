import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { migrate, migrationChecksums } from '../../libs/platform/migrate.js';
import { databaseUrl } from '../support/cluster.js';
import { removeFolder, temporaryFolder } from '../support/leftovers.js';
import { testPool } from '../support/pool.js';

const { adminUrl: serverUrl } = inject('testCluster');
const DATABASE = `migrate_${String(process.pid)}`;
const adminUrl = databaseUrl(serverUrl, DATABASE);

describe('migrate', () => {
  let folder: string;
  const server = testPool({ connectionString: serverUrl, max: 1 });
  afterAll(() => server.end());

  beforeEach(async () => {
    folder = temporaryFolder();
    await server.query(`create database ${DATABASE}`);
    await write('migrations/0001_first/migration.sql', 'create table one (id bigint);');
    await write('functions/10_one.sql', `create or replace function one() returns integer language sql as 'select 1'`);
  });
  afterEach(async () => {
    await server.query(`drop database ${DATABASE} with (force)`);
    await removeFolder(folder);
  });

  it('applies every migration once and records it as Prisma does', async () => {
    await migrate({ adminUrl, folder });
    await write('migrations/0002_second/migration.sql', 'create table two (id bigint);');
    await migrate({ adminUrl, folder });
    await migrate({ adminUrl, folder });
    const text = await readFile(join(folder, 'migrations/0001_first/migration.sql'));
    const rows = await query('select * from _prisma_migrations order by started_at');
    expect(rows.map((row) => row['migration_name'])).toEqual(['0001_first', '0002_second']);
    expect(rows[0]).toMatchObject({
      checksum: createHash('sha256').update(text).digest('hex'),
      applied_steps_count: 1,
      rolled_back_at: null,
      logs: null,
    });
    expect(rows[0]?.['finished_at']).toBeInstanceOf(Date);
  });

  it('lets several starting processes do it once', async () => {
    await Promise.all(Array.from({ length: 4 }, () => migrate({ adminUrl, folder, appPassword: 'c4c-app-test' })));
    expect(await query('select count(*)::int as n from _prisma_migrations')).toEqual([{ n: 1 }]);
  });

  it('makes the roles, gives the application its password and keeps the treasury without a login', async () => {
    await migrate({ adminUrl, folder, appPassword: 'c4c-app-test' });
    const roles = await query(
      `select rolname, rolcanlogin, rolsuper from pg_roles where rolname like 'c4c\\_%' and not rolsuper order by 1`,
    );
    expect(roles).toEqual([
      { rolname: 'c4c_app', rolcanlogin: true, rolsuper: false },
      { rolname: 'c4c_treasury', rolcanlogin: false, rolsuper: false },
    ]);
    const app = new URL(adminUrl);
    app.username = 'c4c_app';
    app.password = 'c4c-app-test';
    const client = new pg.Client({ connectionString: app.href });
    await client.connect();
    await client.end();
  });

  it('installs the functions when their text changed, and only then', async () => {
    const lines: string[] = [];
    const log = (line: string): number => lines.push(line);
    await migrate({ adminUrl, folder, log });
    await migrate({ adminUrl, folder, log });
    expect(lines.filter((line) => line.includes('functions'))).toHaveLength(1);
    await write('functions/10_one.sql', `create or replace function one() returns integer language sql as 'select 11'`);
    await migrate({ adminUrl, folder, log });
    expect(await query('select one()')).toEqual([{ one: 11 }]);
  });

  it('keeps the old functions when one of the new ones is wrong', async () => {
    await migrate({ adminUrl, folder });
    await write('functions/10_one.sql', `create or replace function one() returns integer language sql as 'select 2'`);
    await write('functions/20_two.sql', 'create function two(');
    await expect(migrate({ adminUrl, folder })).rejects.toThrow(/20_two\.sql could not be installed/);
    expect(await query('select one()')).toEqual([{ one: 1 }]);
  });

  it('undoes a migration that fails half-way, and goes on from there once it is put right', async () => {
    await write('migrations/0002_second/migration.sql', 'create table two (id bigint); create table one (id bigint);');
    await expect(migrate({ adminUrl, folder })).rejects.toThrow(/0002_second failed and was undone/);
    expect(await query(`select to_regclass('two') as two`)).toEqual([{ two: null }]);
    await write('migrations/0002_second/migration.sql', 'create table two (id bigint);');
    await migrate({ adminUrl, folder });
    expect(await query(`select to_regclass('two') as two`)).toEqual([{ two: 'two' }]);
  });

  it('refuses a migration that was changed after it had been applied', async () => {
    await migrate({ adminUrl, folder });
    await write('migrations/0001_first/migration.sql', 'create table one (id integer);');
    await expect(migrate({ adminUrl, folder })).rejects.toThrow(/0001_first was changed after it had been applied/);
  });

  it('takes other ends of lines for the same migration', async () => {
    await write('migrations/0001_first/migration.sql', 'create table one (\n  id bigint\n);\n');
    await migrate({ adminUrl, folder });
    await write('migrations/0001_first/migration.sql', 'create table one (\r\n  id bigint\r\n);\r\n');
    await migrate({ adminUrl, folder });
  });

  it('refuses a database that is newer', async () => {
    await write('migrations/0002_second/migration.sql', 'create table two (id bigint);');
    await migrate({ adminUrl, folder });
    await rm(join(folder, 'migrations/0002_second'), { recursive: true });
    await expect(migrate({ adminUrl, folder })).rejects.toThrow(
      /newer than this c4c: it has the migration 0002_second/,
    );
  });

  it('refuses to go on after a migration of Prisma that began and did not end', async () => {
    await migrate({ adminUrl, folder });
    await query('update _prisma_migrations set finished_at = null');
    await expect(migrate({ adminUrl, folder })).rejects.toThrow(/0001_first began and did not end/);
  });

  it('brings the migrations of this project', async () => {
    expect([...(await migrationChecksums()).keys()][0]).toBe('0001_market');
  });

  async function write(path: string, text: string): Promise<void> {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), text);
  }
});

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}
