import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { removeEmbeddedPostgres } from '../../libs/platform/embedded-postgres.js';
import { HOME_NOTE, ROOT_PLACE } from '../../libs/platform/postgres-place.js';
import { isAlive } from '../../libs/platform/postmaster.js';

const PREFIX = 'c4c-test-';
const REDIS_PID = 'redis.pid';

/** A folder for one test run or file. Its name carries our pid, so that a later run knows when nobody needs it any more. */
export function temporaryFolder(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), `${PREFIX}${String(process.pid)}-`)));
}

/** Stops whatever server runs in this folder, and deletes it. */
export async function removeFolder(folder: string): Promise<void> {
  await stopRedisOf(folder);
  await removeEmbeddedPostgres(folder);
  await rm(folder, { recursive: true, force: true });
}

/** Clusters and folders of runs that were killed. Called before a run makes its own. */
export async function removeLeftovers(): Promise<void> {
  const folders = readdirSync(tmpdir()).map((name) => join(tmpdir(), name));
  // As root the database lies elsewhere, and stays when only the folder was removed.
  for (const folder of new Set([...folders, ...homesOfRoot()])) {
    const pid = Number.parseInt(basename(folder).slice(PREFIX.length), 10);
    if (!basename(folder).startsWith(PREFIX) || !(pid > 0) || isAlive(pid)) continue;
    // Two runs may tidy up at once, and another user's folder is that user's.
    await removeFolder(folder).catch(() => undefined);
  }
}

function homesOfRoot(): string[] {
  if (!existsSync(ROOT_PLACE)) return [];
  const notes = readdirSync(ROOT_PLACE).map((name) => join(ROOT_PLACE, name, HOME_NOTE));
  return notes.flatMap((note) => {
    try {
      return [readFileSync(note, 'utf8').trim()];
    } catch {
      return [];
    }
  });
}

async function stopRedisOf(folder: string): Promise<void> {
  const pid = Number.parseInt(await readFile(join(folder, REDIS_PID), 'utf8').catch(() => ''), 10);
  if (!(pid > 0) || !isAlive(pid)) return;
  const command = await readFile(`/proc/${String(pid)}/cmdline`, 'utf8').catch(() => 'redis-server');
  if (command.includes('redis-server')) process.kill(pid, 'SIGKILL');
}
