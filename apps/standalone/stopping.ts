import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

/** What is running, last started first stopped. */
export type Part = { name: string; stop(): Promise<void> | void };

const PART_WITHIN_MS = 20_000;
/** A terminal's Ctrl-C arrives from the terminal and again from npm; the second within this time is the same one. */
const SAME_SIGNAL_MS = 500;
const PARENT_LOOK_EVERY_MS = 500;

/** Stops each part in turn. One that fails or hangs does not keep the others from stopping. */
export async function stopAll(parts: Part[]): Promise<Error[]> {
  const errors: Error[] = [];
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    const { name } = part;
    const timer = new AbortController();
    const late = sleep(PART_WITHIN_MS, undefined, { signal: timer.signal }).then(() => {
      throw new Error('took too long');
    });
    await Promise.race([Promise.resolve(part.stop()), late]).catch((cause: unknown) => {
      errors.push(
        new Error(`${name} could not be stopped in order: ${cause instanceof Error ? cause.message : String(cause)}`, {
          cause,
        }),
      );
    });
    timer.abort();
    late.catch(() => undefined);
  }
  return errors;
}

/** Calls `stop` when somebody wants us to end (a signal, the end of who started us), and `stopNow` when they insist. */
export function onStopWish(stop: () => void, stopNow: () => void): void {
  let askedAt: number | undefined;
  const ask = (): void => {
    const now = Date.now();
    if (askedAt === undefined) {
      askedAt = now;
      stop();
    } else if (now - askedAt > SAME_SIGNAL_MS) {
      stopNow();
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, ask);
  const once = (): void => {
    if (askedAt === undefined) ask();
  };
  // The process between npm and us was killed: nobody could stop us any more.
  process.on('disconnect', once);
  if (process.env['npm_lifecycle_event'] === undefined) return;
  const npm = npmAbove();
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent || !isAlive(npm)) once();
  }, PARENT_LOOK_EVERY_MS).unref();
}

/** npm starts its scripts through a shell, which stays between the two on some systems. */
function npmAbove(): number {
  const of = (pid: number, field: string): string => {
    const { stdout } = spawnSync('ps', ['-o', `${field}=`, '-p', String(pid)], { encoding: 'utf8' });
    return String(stdout).trim();
  };
  const isShell = /^(\S*\/)?(ba|da|z|k)?sh( |$)/.test(of(process.ppid, 'args'));
  const above = isShell ? Number.parseInt(of(process.ppid, 'ppid'), 10) : Number.NaN;
  return above > 1 ? above : process.ppid;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
