import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { migrate, migrationChecksums, StartError } from '#platform';
import { openForBackup } from './backup-database.js';
import { readBackup, writeBackup, type BackupHeader } from './backup-file.js';
import { clear, connectForBackup, dump, isInUse, load } from './backup.store.js';
import { readEnvFile } from './env-file.js';
import { openHome, writePrivate } from './home.js';
import { brokenInvariants, invariants } from './invariants.js';

const USAGE = 'Usage: backup.js backup FILE | backup.js restore FILE';

await run(process.argv.slice(2)).catch((error: unknown) => {
  console.error(
    error instanceof StartError
      ? error.message
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error),
  );
  process.exitCode = 1;
});

async function run([action, file]: string[]): Promise<void> {
  if (file === undefined || (action !== 'backup' && action !== 'restore')) {
    console.error(USAGE);
    process.exitCode = 2;
    return;
  }
  readEnvFile();
  await (action === 'backup' ? backup(resolve(file)) : restore(resolve(file)));
}

/** One file with everything, as it is at this moment; the market may run meanwhile. */
async function backup(file: string): Promise<void> {
  const database = await openForBackup(process.env, { alone: false, fresh: false });
  try {
    const client = await connectForBackup(database.adminUrl);
    try {
      const { rows } = await writeBackup(file, async (put) => dump(client, await homeParts(database.home), put));
      console.log(
        `Wrote ${String(rows)} rows to ${file}. Keep it as safe as the market itself: it holds the secret that its keys need.`,
      );
    } finally {
      await client.end();
    }
  } finally {
    await database.close();
  }
}

/** Into a database that nobody has worked with; ends with the proof that the money is right. */
async function restore(file: string): Promise<void> {
  const { header, lines } = await readBackup(file);
  await requireKnownMigrations(header);
  const database = await openForBackup(process.env, { alone: true, fresh: true });
  try {
    const { adminUrl, appPassword, home } = database;
    const client = await connectForBackup(adminUrl);
    try {
      if (await isInUse(client)) {
        throw new StartError(
          'The database is in use: it has owners, keys or money. Restore into a new one: choose another folder with C4C_HOME, or an empty database with DATABASE_ADMIN_URL.',
        );
      }
      await clear(client);
      // First as far as the backup was, then the rows, then what this version added since.
      await migrate({
        adminUrl,
        upTo: header.migrations.map(({ name }) => name),
        ...(appPassword === undefined ? {} : { appPassword }),
      });
      const rows = await load(client, header, lines);
      await migrate({ adminUrl });
      // The sequences stand where the backup ended, which may be after its last partition.
      await client.query('select platform.extend_partitions()');
      await keepHomeParts(home, header.home);
      const broken = await brokenInvariants(client, timeless());
      const names = Object.keys(broken);
      if (names.length > 0)
        throw new StartError(
          `${String(rows)} rows were restored, but the books do not balance: ${names.join('; ')}. Do not open this market; look into it first.`,
        );
      console.log(
        `Restored ${String(rows)} rows of ${header.createdAt}; all ${String(invariants().length)} invariants hold. Start with: npm start`,
      );
    } finally {
      await client.end();
    }
  } finally {
    await database.close();
  }
}

/** What fell due since the backup is returned by the next start; that is no fault of the backup. */
function timeless(): ReturnType<typeof invariants> {
  return invariants().filter(({ sql }) => !sql.includes('platform.clock()'));
}

async function requireKnownMigrations({ migrations }: BackupHeader): Promise<void> {
  const known = await migrationChecksums();
  for (const { name, checksum } of migrations) {
    if (known.get(name) === undefined)
      throw new StartError(`The backup is of a newer c4c: it has the migration ${name}. Update this clone first.`);
    if (known.get(name) !== checksum)
      throw new StartError(
        `The migration ${name} of this clone is not the one of the backup. Restore with the c4c that made it.`,
      );
  }
}

async function homeParts(home: string): Promise<BackupHeader['home']> {
  const read = (name: string): Promise<string | undefined> => readFile(join(home, name), 'utf8').catch(() => undefined);
  const [secret, demoKeys] = [process.env['C4C_SECRET'] ?? (await read('secret')), await read('demo-keys.json')];
  return {
    ...(secret === undefined ? {} : { secret: secret.trim() }),
    ...(demoKeys === undefined ? {} : { demoKeys }),
  };
}

/** The keys in the database are of use only with the secret that hashed them. */
async function keepHomeParts(home: string, { secret, demoKeys }: BackupHeader['home']): Promise<void> {
  const given = process.env['C4C_SECRET']?.trim();
  if (secret !== undefined && given !== undefined && given !== secret) {
    throw new StartError(
      'The rows were restored, but C4C_SECRET is not the secret of the backup, so none of its keys would work. Unset it, empty the database and restore again.',
    );
  }
  await openHome(home);
  if (secret !== undefined) await writePrivate(join(home, 'secret'), `${secret}\n`);
  if (demoKeys !== undefined) await writePrivate(join(home, 'demo-keys.json'), demoKeys);
}
