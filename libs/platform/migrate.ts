import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { prepareRoles, rolesThatExist } from './migrate-roles.js';
import { packageRoot } from './package-root.js';
import { StartError } from './start-error.js';

export type MigrateOptions = {
  adminUrl: string;
  /** Becomes the password of the application's role c4c_app. */
  appPassword?: string;
  log?: (line: string) => void;
  /** The folder that holds `migrations/` and `functions/`; the project's own unless a test says otherwise. */
  folder?: string;
  /** Only these migrations, and no functions: the tables of an older version, for a restore. */
  upTo?: readonly string[];
};

type Migration = { name: string; sql: string; checksum: string };
type Applied = { migration_name: string; checksum: string; finished_at: Date | null };

// Prisma's own number, so that `prisma migrate deploy` and this runner never run at the same time.
const ADVISORY_LOCK = 72_707_369;
const LOCK_WITHIN_MS = 120_000;
const LOCK_EVERY_MS = 200;

/**
 * Brings a database up to this version: roles, then prisma/migrations (each in a transaction of its own, recorded as Prisma
 * records them), then prisma/functions when their text changed. Several processes may start at once; one works, the others wait.
 * @throws {StartError} a newer database, a migration that was changed after it was applied, one that failed half-way
 */
export async function migrate({
  adminUrl,
  appPassword,
  log = () => undefined,
  folder = join(packageRoot(), 'prisma'),
  upTo,
}: MigrateOptions): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl, application_name: 'c4c migrate', keepAlive: true });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await takeLock(client);
    await client.query(`set lock_timeout = '30s'`);
    await prepareRoles(client, appPassword, log);
    const all = await readMigrations(join(folder, 'migrations'));
    const known = upTo === undefined ? all : all.filter(({ name }) => upTo.includes(name));
    for (const migration of await pendingOf(client, known)) {
      await apply(client, migration);
      log(`Applied migration ${migration.name}.`);
    }
    if (upTo === undefined) await installFunctions(client, join(folder, 'functions'), log);
  } finally {
    // Ends the session, and with it the lock.
    await client.end();
  }
}

/** The migrations that this version brings, each with its checksum. */
export async function migrationChecksums(folder = join(packageRoot(), 'prisma')): Promise<Map<string, string>> {
  return new Map((await readMigrations(join(folder, 'migrations'))).map(({ name, checksum }) => [name, checksum]));
}

async function takeLock(client: pg.Client): Promise<void> {
  const until = Date.now() + LOCK_WITHIN_MS;
  while (Date.now() < until) {
    const { rows } = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [
      ADVISORY_LOCK,
    ]);
    if (rows[0]?.taken === true) return;
    await sleep(LOCK_EVERY_MS);
  }
  throw new StartError(
    'Another process has been migrating this database for two minutes. Wait for it to end, or stop it, and start again.',
  );
}

async function readMigrations(folder: string): Promise<Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const names = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(join(folder, name, 'migration.sql'), 'utf8');
      return { name, sql, checksum: sha256(sql) };
    }),
  );
}

async function pendingOf(client: pg.Client, known: Migration[]): Promise<Migration[]> {
  await client.query(HISTORY);
  const { rows } = await client.query<Applied>(
    'select migration_name, checksum, finished_at from public._prisma_migrations where rolled_back_at is null order by started_at',
  );
  for (const { migration_name: name, checksum, finished_at: finishedAt } of rows) {
    const migration = known.find((candidate) => candidate.name === name);
    if (migration === undefined) {
      throw new StartError(
        `The database is newer than this c4c: it has the migration ${name}. Update this clone, or restore a backup made before that.`,
      );
    }
    if (finishedAt === null) {
      throw new StartError(
        `The migration ${name} began and did not end. Look at the database, then settle it with prisma migrate resolve, or restore a backup.`,
      );
    }
    // Git may have changed the ends of lines; that is no other migration.
    if (checksum !== migration.checksum && checksum !== sha256(migration.sql.replaceAll('\r\n', '\n'))) {
      throw new StartError(
        `The migration ${name} was changed after it had been applied. Put back its text (git checkout prisma/migrations) and make a new migration instead.`,
      );
    }
  }
  const applied = new Set(rows.map((row) => row.migration_name));
  return known.filter(({ name }) => !applied.has(name));
}

async function apply(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
  await client.query('begin');
  try {
    await client.query(sql);
    await client.query(
      `insert into public._prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
       values ($1, $2, $3, transaction_timestamp(), clock_timestamp(), 1)`,
      [randomUUID(), checksum, name],
    );
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw new Error(`The migration ${name} failed and was undone: ${messageOf(error)}`, { cause: error });
  }
}

/** All files in one transaction: whoever calls meanwhile sees the old functions or the new ones, never a mixture. */
async function installFunctions(client: pg.Client, folder: string, log: (line: string) => void): Promise<void> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.sql')).sort();
  if (names.length === 0) return;
  const files = await Promise.all(
    names.map(async (name) => ({ name, sql: await readFile(join(folder, name), 'utf8') })),
  );
  // The grants depend on which roles there are, so a role that came later installs them again.
  const checksum = sha256(JSON.stringify([files, await rolesThatExist(client)]));
  await client.query('begin');
  try {
    await client.query(INSTALLED);
    const { rowCount } = await client.query('select from platform.installed_functions where checksum = $1', [checksum]);
    if (rowCount === 0) {
      for (const { name, sql } of files) await client.query(sql).catch((error: unknown) => failed(name, error));
      await client.query('delete from platform.installed_functions');
      await client.query('insert into platform.installed_functions (checksum) values ($1)', [checksum]);
      log('Installed the functions of this version.');
    }
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

function failed(name: string, error: unknown): never {
  throw new Error(`The functions of ${name} could not be installed: ${messageOf(error)}`, { cause: error });
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

// Prisma's own table, column for column.
const HISTORY = `
  create table if not exists public._prisma_migrations (
    id                  varchar(36) primary key not null,
    checksum            varchar(64) not null,
    finished_at         timestamptz,
    migration_name      varchar(255) not null,
    logs                text,
    rolled_back_at      timestamptz,
    started_at          timestamptz not null default now(),
    applied_steps_count integer not null default 0
  )`;

const INSTALLED = `
  create schema if not exists platform;
  create table if not exists platform.installed_functions (
    checksum     text not null,
    installed_at timestamptz not null default now()
  )`;
