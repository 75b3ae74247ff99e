import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chown, lstat, mkdir, readFile, realpath, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findPostmaster, stopPostmaster } from './postmaster.js';
import { StartError } from './start-error.js';

/** What C4C_HOME remembers of its database, in `postgres.json` (mode 600). */
export type PostgresRecord = {
  version: 1;
  /** The folder that holds `data/` and the server's log. */
  place: string;
  /** Whether `data/` was complete once: then its absence is a loss, not a first start. */
  initialised: boolean;
  port: number;
  adminPassword: string;
  appPassword: string;
};

/** Whom the server runs as when the launcher is root, whom PostgreSQL refuses. */
export type PostgresAccount = { name: string; uid: number; gid: number };

/** Where root keeps data and programs: the account that the server runs as cannot enter a folder of mode 0700. */
export const ROOT_PLACE = '/var/lib/c4c';
const RECORD = 'postgres.json';
export const HOME_NOTE = 'home';
const MIB = 1024 * 1024;
const FREE_MIN_FIRST = 400 * MIB;
const FREE_MIN = 100 * MIB;

export async function readPostgresRecord(home: string): Promise<PostgresRecord | undefined> {
  const file = join(home, RECORD);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw notReadable(file, error);
  }
  try {
    const record = JSON.parse(text) as PostgresRecord;
    if (record.version === 1 && typeof record.place === 'string' && typeof record.adminPassword === 'string')
      return record;
  } catch {
    // Not JSON: the same sentence as for JSON of another shape.
  }
  throw new StartError(`${file} is damaged. Restore it from a backup of ${home}, or move ${home} away to begin anew.`);
}

/** Replaces the record in one step: a crash leaves the old one or the new one. */
export async function writePostgresRecord(home: string, record: PostgresRecord): Promise<void> {
  const file = join(home, RECORD);
  const draft = `${file}.draft-${String(process.pid)}`;
  await writeFile(draft, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  await rename(draft, file);
}

/** The record of this home and the account to run as; both are made at the first start. */
export async function openPlace(
  home: string,
  log: (line: string) => void,
): Promise<{ record: PostgresRecord; account: PostgresAccount | undefined }> {
  await mkdir(home, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw new StartError(`The folder ${home} cannot be made (${codeOf(error)}). Choose another with C4C_HOME.`, {
      cause: error,
    });
  });
  const isRoot = process.getuid?.() === 0;
  const known = await readPostgresRecord(home);
  const record = known ?? (await firstRecord(home, isRoot, log));
  await checkFreeSpace(record.place.startsWith(ROOT_PLACE) ? '/var/lib' : home, record.initialised);
  if (!isRoot) {
    if (record.place.startsWith(`${ROOT_PLACE}/`)) {
      throw new StartError(
        `The database of ${home} was made by root and lies in ${record.place}. Start as root, or choose another folder with C4C_HOME.`,
      );
    }
    await mkdir(record.place, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
      throw notReadable(record.place, error);
    });
    if (known === undefined) await writePostgresRecord(home, record);
    return { record, account: undefined };
  }
  const account = await accountFor(record.place);
  await mkdir(ROOT_PLACE, { recursive: true, mode: 0o755 });
  await mkdir(record.place, { recursive: true, mode: 0o700 });
  await chown(record.place, account.uid, account.gid);
  // Tells whoever finds the folder whose it is.
  await writeFile(join(record.place, HOME_NOTE), `${home}\n`);
  if (known === undefined) await writePostgresRecord(home, record);
  return { record, account };
}

/** Where root keeps the database of this home. */
export function rootPlaceOf(home: string): string {
  return join(ROOT_PLACE, createHash('sha256').update(home).digest('hex').slice(0, 16));
}

async function firstRecord(home: string, isRoot: boolean, log: (line: string) => void): Promise<PostgresRecord> {
  const place = isRoot ? rootPlaceOf(await realpath(home)) : join(home, 'postgres');
  if (await exists(join(place, 'data'))) {
    if (!isRoot)
      throw new StartError(
        `${join(home, RECORD)} is missing, so nobody knows the password of the data in ${place}. Restore that file, or move ${place} away to begin anew.`,
      );
    // Somebody removed C4C_HOME to begin anew. What root keeps elsewhere is put aside, not thrown away.
    const orphan = await findPostmaster(join(place, 'data'));
    if (orphan !== undefined) await stopPostmaster(orphan.pid);
    await rm(`${place}.old`, { recursive: true, force: true });
    await rename(place, `${place}.old`);
    log(`An earlier database of this folder was kept in ${place}.old; delete it when you do not need it.`);
  }
  const password = (): string => randomBytes(24).toString('base64url');
  return { version: 1, place, initialised: false, port: 0, adminPassword: password(), appPassword: password() };
}

async function checkFreeSpace(folder: string, initialised: boolean): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const needed = initialised ? FREE_MIN : FREE_MIN_FIRST;
  if (free >= needed) return;
  throw new StartError(
    `Only ${String(Math.floor(free / MIB))} MB are free on the disk of ${folder}; the database needs ${String(needed / MIB)} MB. Make room, or choose another folder with C4C_HOME.`,
  );
}

/** Data that an ordinary user made stays that user's, also when root starts it once. */
async function accountFor(place: string): Promise<PostgresAccount> {
  const owner = await stat(place).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) return { name: String(owner.uid), uid: owner.uid, gid: owner.gid };
  const found = (await lookUp('postgres')) ?? (await createAccount()) ?? (await lookUp('nobody'));
  if (found !== undefined) return found;
  throw new StartError(
    'PostgreSQL refuses to run as root, and no other account could be found or made. Start as an ordinary user, or set DATABASE_URL.',
  );
}

async function createAccount(): Promise<PostgresAccount | undefined> {
  try {
    await run('groupadd', ['--system', 'postgres']).catch(() => undefined);
    await run('useradd', [
      '--system',
      '--gid',
      'postgres',
      '--no-create-home',
      '--shell',
      '/usr/sbin/nologin',
      'postgres',
    ]);
  } catch {
    return undefined;
  }
  return lookUp('postgres');
}

async function lookUp(name: string): Promise<PostgresAccount | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
    return { name, uid: Number.parseInt(uid.stdout, 10), gid: Number.parseInt(gid.stdout, 10) };
  } catch {
    return undefined;
  }
}

const run = promisify(execFile);

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

function notReadable(path: string, error: unknown): StartError {
  return new StartError(
    `${path} may not be read or written (${codeOf(error)}). Start as the user who owns it, or choose another folder with C4C_HOME.`,
    { cause: error },
  );
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
