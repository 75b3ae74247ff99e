import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { StartError } from '#platform';

type Holder = { pid: number; startedAt: string; token: string; url?: string; isStopping?: boolean };

export type HomeLock = {
  /** Shown to whoever starts a second copy. */
  noteUrl(url: string): Promise<void>;
  noteStopping(): Promise<void>;
  release(): Promise<void>;
};

const FILE = 'running.json';
/** A copy whose terminal or npm was killed notices within a second and then says that it is stopping. */
const NOTICE_WITHIN_MS = 2_500;
const STOP_WITHIN_MS = 40_000;
const LOOK_EVERY_MS = 100;

/**
 * One copy per home. A holder that is gone (kill -9) counts for nothing, also when its number belongs to another program by
 * now; one that is just stopping is waited for.
 * @throws {StartError} when a copy runs
 */
export async function lockHome(home: string): Promise<HomeLock> {
  const file = join(home, FILE);
  const own: Holder = {
    pid: process.pid,
    startedAt: await startOf(process.pid),
    token: randomBytes(8).toString('hex'),
  };
  const from = Date.now();
  for (;;) {
    if (await take(file, own)) return held(file, own);
    const holder = await read(file);
    if (holder === undefined || !(await isRunning(holder))) {
      if (await takeOver(file, own)) return held(file, own);
      continue;
    }
    const patience = holder.isStopping === true ? STOP_WITHIN_MS : NOTICE_WITHIN_MS;
    if (Date.now() - from > patience) throw runsAlready(home, holder);
    await sleep(LOOK_EVERY_MS);
  }
}

/** What runs on this home now, if anything does. */
export async function runningCopy(home: string): Promise<{ pid: number; url?: string } | undefined> {
  const holder = await read(join(home, FILE));
  return holder !== undefined && (await isRunning(holder)) ? holder : undefined;
}

function held(file: string, own: Holder): HomeLock {
  let now = own;
  const note = async (change: Partial<Holder>): Promise<void> => {
    now = { ...now, ...change };
    await replace(file, now);
  };
  return {
    noteUrl: (url) => note({ url }),
    noteStopping: () => note({ isStopping: true }),
    release: () => rm(file, { force: true }),
  };
}

/** A link to a finished file, so that nobody ever reads half a holder. */
async function take(file: string, own: Holder): Promise<boolean> {
  const draft = `${file}.${own.token}`;
  await writeFile(draft, JSON.stringify(own), { mode: 0o600 });
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Two starts may find the same dead holder; the one whose name stands there after a moment has it. */
async function takeOver(file: string, own: Holder): Promise<boolean> {
  await replace(file, own);
  await sleep(150);
  return (await read(file))?.token === own.token;
}

async function replace(file: string, holder: Holder): Promise<void> {
  const draft = `${file}.${holder.token}`;
  await writeFile(draft, JSON.stringify(holder), { mode: 0o600 });
  await rename(draft, file);
}

async function read(file: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

async function isRunning({ pid, startedAt }: Holder): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return (await startOf(pid)) === startedAt;
}

/** When a process began: with it, a number that was given to another program later is recognised. */
async function startOf(pid: number): Promise<string> {
  try {
    const fields = (await readFile(`/proc/${String(pid)}/stat`, 'utf8')).replace(/^.*\) /s, '').split(' ');
    // A zombie has ended already.
    return fields[0] === 'Z' ? 'ended' : (fields[19] ?? '');
  } catch {
    const ps = promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]);
    return ps.then(
      ({ stdout }) => stdout.trim(),
      () => '',
    );
  }
}

function runsAlready(home: string, { pid, url }: Holder): StartError {
  const where = url === undefined ? '' : ` at ${url}`;
  return new StartError(
    `c4c is already running on ${home}${where} (process ${String(pid)}). Use that one, stop it with: kill ${String(pid)}, or choose another folder with C4C_HOME and another PORT.`,
  );
}
