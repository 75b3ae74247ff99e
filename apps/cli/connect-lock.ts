import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { CliError } from './cli-error.js';
import { EXIT } from './exit-codes.js';

const OWNER_ONLY = 0o600;

/** A file that says which process works here. It outlives a killed one, and the next sees that its owner is gone. */
export class ConnectLock {
  private constructor(
    private readonly path: string,
    private readonly mine: string,
  ) {}

  /**
   * Takes the place, also that of a process that is no more.
   * @throws {CliError} conflict, while another copy lives, frozen or not
   */
  static take(path: string): ConnectLock {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const mine = JSON.stringify({ pid: process.pid, started: startOf(process.pid) });
    const draft = `${path}.${randomUUID()}`;
    // A link appears whole or not at all, and never over another one.
    writeFileSync(draft, mine, { mode: OWNER_ONLY, flag: 'wx' });
    try {
      while (!linked(draft, path)) removeStale(path);
      return new ConnectLock(path, mine);
    } finally {
      rmSync(draft, { force: true });
    }
  }

  get isMine(): boolean {
    return readLock(this.path) === this.mine;
  }

  free(): void {
    if (this.isMine) rmSync(this.path, { force: true });
  }
}

/** @throws {CliError} conflict, when its owner lives */
function removeStale(path: string): void {
  const found = readLock(path);
  if (found === undefined) return;
  if (isAlive(found)) throw occupied(path, found);
  // Moved aside instead of removed: if another copy was quicker, what is moved is its lock, and goes back.
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  const moved = readLock(aside);
  if (moved !== undefined && moved !== found) linked(aside, path);
  rmSync(aside, { force: true });
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

function readLock(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** A number is given out again; with the time of its start it names one process. */
function isAlive(lock: string): boolean {
  const { pid, started } = ownerOf(lock);
  return pid !== undefined && started !== '' && startOf(pid) === started;
}

function ownerOf(lock: string): { pid: number | undefined; started: string } {
  try {
    const value: unknown = JSON.parse(lock);
    if (typeof value !== 'object' || value === null) return { pid: undefined, started: '' };
    const { pid, started } = value as Record<string, unknown>;
    return { pid: Number.isSafeInteger(pid) ? Number(pid) : undefined, started: String(started) };
  } catch {
    return { pid: undefined, started: '' };
  }
}

/** When a process was started, in whatever words its system has; empty when there is no such process. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in the second field may hold anything, so counting begins after it; the start is the 22nd field.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? '' : (fields[19] ?? '');
  } catch {
    if (process.platform === 'linux') return '';
    return spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).stdout?.trim() ?? '';
  }
}

function occupied(path: string, lock: string): CliError {
  const { pid } = ownerOf(lock);
  const message = `Process ${String(pid)} already connects this agent to this target (${path}). Stop it, or give this one a --consumer of its own.`;
  return new CliError('CONNECTED_ELSEWHERE', message, EXIT.conflict);
}
