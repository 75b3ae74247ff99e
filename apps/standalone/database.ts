import { migrate, migrateQueue, startEmbeddedPostgres, StartError, type EmbeddedPostgres } from '#platform';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The settings that name the database, and the server when it is ours. */
export type OpenDatabase = { env: Record<string, string>; embedded?: EmbeddedPostgres };

export type DatabaseEvents = { log: (line: string) => void; onGone: (why: Error) => void };

/** DATABASE_URL's server, or the one that lives in this home.
 *  @throws {StartError} */
export async function openDatabase(env: Environment, home: string, events: DatabaseEvents): Promise<OpenDatabase> {
  const given = env['DATABASE_URL']?.trim() ?? '';
  if (given !== '') return { env: {} };
  const embedded = await startEmbeddedPostgres({ home, ...events });
  return {
    embedded,
    env: {
      DATABASE_URL: embedded.appUrl(),
      DATABASE_DIRECT_URL: embedded.appUrl(),
      DATABASE_ADMIN_URL: embedded.adminUrl(),
    },
  };
}

/** Brings the database up to this version, and the queue's tables where no Redis keeps the queue. */
export async function migrateAll(env: Environment, log: (line: string) => void): Promise<void> {
  const url = env['DATABASE_URL'] ?? '';
  const adminUrl = given(env['DATABASE_ADMIN_URL']) ?? url;
  const login = new URL(url);
  // The application's own login gets the password that its URL names; any other login is the administrator's affair.
  const appPassword = login.username === 'c4c_app' && adminUrl !== url ? decodeURIComponent(login.password) : undefined;
  try {
    await migrate({ adminUrl, log, ...(appPassword === undefined || appPassword === '' ? {} : { appPassword }) });
    if (given(env['REDIS_URL']) === undefined) await migrateQueue(adminUrl);
  } catch (error) {
    throw asSentence(error, adminUrl === url ? 'DATABASE_URL' : 'DATABASE_ADMIN_URL');
  }
}

// Refused, unknown host, no route, wrong password or role, no such database, too many clients.
const CONNECTION = /^(E[A-Z_]+|28\w{3}|3D000|53300|57P0\d)$/;

function asSentence(error: unknown, key: string): unknown {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  if (error instanceof StartError || !CONNECTION.test(code)) return error;
  return new StartError(
    `The database of ${key} does not answer (${message === '' ? code : message}). Start it, or put the address and the login right.`,
    { cause: error },
  );
}

function given(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : value;
}
