import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEmbeddedPostgres, StartError } from '#platform';
import type { Environment } from './database.js';
import { lockHome, runningCopy } from './home-lock.js';
import { homeFolder, openHome } from './home.js';

/** The administrator's login, and how to let go of the database afterwards. */
export type BackupDatabase = { adminUrl: string; appPassword?: string; home: string; close(): Promise<void> };

const RUNNING_WITHIN_MS = 60_000;

/**
 * The database that `npm start` would use: DATABASE_ADMIN_URL (or DATABASE_URL), or the embedded one of C4C_HOME, which is
 * started for the moment when it is not running.
 * @param alone refuse while c4c runs on it
 */
export async function openForBackup(
  env: Environment,
  { alone, fresh }: { alone: boolean; fresh: boolean },
): Promise<BackupDatabase> {
  const home = homeFolder(env);
  const given = [env['DATABASE_ADMIN_URL'], env['DATABASE_URL']].find((url) => url !== undefined && url.trim() !== '');
  if (given !== undefined) return { adminUrl: given, home, close: () => Promise.resolve() };
  if (!fresh && !(await exists(join(home, 'postgres.json')))) {
    throw new StartError(
      `${home} holds no database. Set C4C_HOME to the folder that does, or DATABASE_ADMIN_URL to the server.`,
    );
  }
  await openHome(home);
  const copy = await runningCopy(home);
  if (copy !== undefined) {
    if (alone)
      throw new StartError(
        `c4c is running on ${home} (process ${String(copy.pid)}). Stop it first, or choose another folder with C4C_HOME.`,
      );
    return { adminUrl: await urlOfRunning(home), home, close: () => Promise.resolve() };
  }
  const lock = await lockHome(home);
  try {
    const postgres = await startEmbeddedPostgres({ home });
    return {
      adminUrl: postgres.adminUrl(),
      appPassword: postgres.appPassword,
      home,
      async close() {
        await postgres.stop();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** A copy that is just starting has its database in a moment. */
async function urlOfRunning(home: string): Promise<string> {
  for (const until = Date.now() + RUNNING_WITHIN_MS; Date.now() < until; await sleep(200)) {
    if ((await runningCopy(home))?.url === undefined) continue;
    const { port, adminPassword } = JSON.parse(await readFile(join(home, 'postgres.json'), 'utf8')) as {
      port: number;
      adminPassword: string;
    };
    return `postgresql://c4c_owner:${adminPassword}@127.0.0.1:${String(port)}/c4c`;
  }
  throw new StartError(`c4c on ${home} has been starting for a minute. Try again when it runs.`);
}

async function exists(file: string): Promise<boolean> {
  return readFile(file).then(
    () => true,
    () => false,
  );
}
