import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';

export type Login = { port: number; user: string; password: string };

/** A server process that a data folder's pid file names and that is truly alive. */
export type Postmaster = { pid: number; port: number };

const LOOK_EVERY_MS = 40;
const FAST_STOP_MS = 30_000;
const IMMEDIATE_STOP_MS = 10_000;

/**
 * The server that runs on this data folder, if any. A pid file whose number belongs to another program by now (a machine
 * that restarted) is removed, because PostgreSQL itself would take it for a running server.
 */
export async function findPostmaster(dataFolder: string): Promise<Postmaster | undefined> {
  const file = join(dataFolder, 'postmaster.pid');
  const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n');
  const pid = Number.parseInt(lines[0] ?? '', 10);
  if (!(pid > 0)) return undefined;
  if (isAlive(pid) && (await commandOf(pid)).includes(dataFolder))
    return { pid, port: Number.parseInt(lines[3] ?? '', 10) };
  await rm(file, { force: true });
  return undefined;
}

/** Fast shutdown first; when that takes too long, the immediate one, from which PostgreSQL recovers at its next start. */
export async function stopPostmaster(pid: number): Promise<void> {
  send(pid, 'SIGINT');
  if (await hasEnded(pid, FAST_STOP_MS)) return;
  send(pid, 'SIGQUIT');
  if (await hasEnded(pid, IMMEDIATE_STOP_MS)) return;
  throw new Error(`The PostgreSQL server with pid ${String(pid)} does not end`);
}

/**
 * Waits until the server answers with this password.
 * @returns 'ready', 'stranger' (it answers, but not to this password or not from this folder), 'ended' (the process), 'silent'
 */
export async function waitForAnswer(
  login: Login,
  dataFolder: string,
  running: () => boolean,
  withinMs: number,
): Promise<'ready' | 'stranger' | 'ended' | 'silent'> {
  const until = Date.now() + withinMs;
  while (Date.now() < until) {
    if (!running()) return 'ended';
    const answer = await ask(login, dataFolder);
    if (answer !== 'later') return answer;
    await sleep(LOOK_EVERY_MS);
  }
  return 'silent';
}

async function ask(login: Login, dataFolder: string): Promise<'ready' | 'stranger' | 'later'> {
  const client = new pg.Client({ ...login, host: '127.0.0.1', database: 'postgres', connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ data_directory: string }>('show data_directory');
    return rows[0]?.data_directory === dataFolder ? 'ready' : 'stranger';
  } catch (error) {
    // 28P01, 28000: it knows us not. Everything else (refused, starting up, shutting down) may pass.
    return ['28P01', '28000'].includes((error as { code?: string }).code ?? '') ? 'stranger' : 'later';
  } finally {
    await client.end().catch(() => undefined);
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function hasEnded(pid: number, withinMs: number): Promise<boolean> {
  const until = Date.now() + withinMs;
  while (Date.now() < until) {
    if (!isAlive(pid) || (await isZombie(pid))) return true;
    await sleep(LOOK_EVERY_MS);
  }
  return false;
}

/** Where nobody collects orphans (a container without an init), a server that ended stays in the table as a zombie. */
async function isZombie(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => '');
  return /\) Z /.test(stat);
}

async function commandOf(pid: number): Promise<string> {
  try {
    return (await readFile(`/proc/${String(pid)}/cmdline`, 'utf8')).replaceAll('\0', ' ');
  } catch {
    const { stdout } = await promisify(execFile)('ps', ['-ww', '-o', 'args=', '-p', String(pid)]).catch(() => ({
      stdout: '',
    }));
    return stdout;
  }
}
