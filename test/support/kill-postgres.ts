import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { findPostmaster, stopPostmaster } from '../../libs/platform/postmaster.js';

/** As an operator restarts it (`pg_ctl restart -m fast`): what is open is rolled back and cut off. The launcher's watch starts it. */
export async function restartPostgres({ dataFolder }: { dataFolder: string }): Promise<void> {
  const postmaster = await findPostmaster(dataFolder);
  if (postmaster === undefined) throw new Error('The server does not run');
  await stopPostmaster(postmaster.pid);
}

/** Every process of the server, the postmaster first so that none is started again. The launcher's watch brings it back. */
export async function killPostgres({ dataFolder }: { dataFolder: string }): Promise<void> {
  const postmaster = await findPostmaster(dataFolder);
  if (postmaster === undefined) throw new Error('The server does not run');
  const children = childrenOf(postmaster.pid);
  for (const pid of [postmaster.pid, ...children]) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // A backend that ended by itself in between.
    }
  }
}

export async function untilAnswers(pool: pg.Pool, limitMs = 30_000): Promise<void> {
  for (const until = Date.now() + limitMs; Date.now() < until; await sleep(50)) {
    const isUp = await pool.query('select 1').then(
      () => true,
      () => false,
    );
    if (isUp) return;
  }
  throw new Error('the server did not come back');
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && parentOf(pid) === parent);
}

function parentOf(pid: number): number | undefined {
  try {
    return Number(/^PPid:\s+(?<ppid>\d+)/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.groups?.['ppid']);
  } catch {
    return undefined;
  }
}
