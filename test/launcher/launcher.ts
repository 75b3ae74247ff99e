import { spawn, spawnSync, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { temporaryFolder } from '../support/leftovers.js';
import { testPool } from '../support/pool.js';

export const root = join(import.meta.dirname, '../..');

export type Dev = {
  endpoint: string;
  owners: { id: number; name: string; key: string }[];
  agents: { id: number; name: string; ownerId: number; key: string }[];
};
export type User = { uid: number; gid: number };
export type LaunchOptions = { env?: Record<string, string>; user?: User };

/** Compiles what changed; nothing when `npm test` has done it already. */
export function ensureBuilt(): void {
  const build = spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], { encoding: 'utf8' });
  if (build.status !== 0) throw new Error(`${build.stdout}${build.stderr}`);
}

/**
 * The clone, or where it lies in a folder of root's alone, the parts of it that run, linked to where everybody may enter: what
 * nobody but root can reach no ordinary user can start.
 */
function cloneInReach(): string {
  if (ancestors(root).every((folder) => (statSync(folder).mode & 0o005) === 0o005)) return root;
  if (linked !== undefined) return linked;
  const folder = temporaryFolder();
  chmodSync(folder, 0o755);
  const parts = ['package.json', 'dist', 'node_modules', 'prisma', 'docs', 'openapi.yaml'].map((part) =>
    join(root, part),
  );
  const copy = (how: string): number | null => spawnSync('cp', [how, ...parts, folder]).status;
  if (copy('-al') !== 0 && copy('-a') !== 0) throw new Error(`could not link the clone to ${folder}`);
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  linked = folder;
  return folder;
}

let linked: string | undefined;

function ancestors(path: string): string[] {
  return path === dirname(path) ? [path] : [path, ...ancestors(dirname(path))];
}

const started: ChildProcess[] = [];

/** Ends what this file has started and what a failed test has left behind. Call it in `afterAll`, before the homes are removed. */
export async function endLeftBehind(): Promise<void> {
  const left = started.splice(0).filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
  await Promise.all(
    left.map(async (child) => {
      const ended = once(child, 'close');
      child.kill('SIGKILL');
      await ended;
    }),
  );
}

/** Starts a process that `endLeftBehind` ends. */
export function start(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  const child = spawn(command, args, options);
  started.push(child);
  return child;
}

/** One `npm start`, without npm. */
export class Launcher {
  output = '';
  readonly child: ChildProcess;
  readonly exit: Promise<number | string>;

  constructor(
    readonly home: string,
    { env = {}, user }: LaunchOptions = {},
  ) {
    const clone = user === undefined ? root : cloneInReach();
    this.child = start(join(clone, 'node_modules/node/bin/node'), [join(clone, 'dist/apps/standalone/main.js')], {
      cwd: clone,
      env: { PATH: process.env['PATH'], HOME: home, PORT: '0', C4C_HOME: home, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...user,
    });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.exit = new Promise((resolve) =>
      this.child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown')),
    );
  }

  /** Waits for the greeting. */
  async ready(): Promise<this> {
    for (const until = Date.now() + 60_000; Date.now() < until; await sleep(20)) {
      if (this.output.includes('Ctrl-C stops everything.')) return this;
      if (this.child.exitCode !== null) break;
    }
    throw new Error(`The launcher did not get ready:\n${this.output}`);
  }

  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<number | string> {
    this.child.kill(signal);
    return this.exit;
  }

  get dev(): Dev {
    return JSON.parse(readFileSync(join(this.home, 'dev.json'), 'utf8')) as Dev;
  }

  /** Where it listens, read from the greeting. */
  get url(): string {
    return /API +(http:\S+)\/openapi\/v1/.exec(this.output)?.[1] ?? '';
  }

  /** One request to the API; its data, or an error that names the code. */
  async call<T>(
    method: string,
    path: string,
    key: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<T> {
    const response = await fetch(`${this.url}/openapi/v1${path}`, {
      method,
      headers: { 'X-API-Key': key, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as { success: boolean; data: T; error?: { code: string } };
    if (!answer.success) throw new Error(answer.error?.code);
    return answer.data;
  }
}

export type PostgresNote = { place: string; port: number; adminPassword: string };

export function postgresNote(home: string): PostgresNote {
  return JSON.parse(readFileSync(join(home, 'postgres.json'), 'utf8')) as PostgresNote;
}

/** The administrator's login of the embedded database. */
export function adminUrlOf(home: string): string {
  const { port, adminPassword } = postgresNote(home);
  return `postgresql://c4c_owner:${adminPassword}@127.0.0.1:${String(port)}/c4c`;
}

/** One connection that may see its server go. End it before the server is stopped. */
export function poolOf(connectionString: string): pg.Pool {
  const pool = testPool({ connectionString, max: 1 });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** The database server's process, or undefined when none runs on this home. */
export function postmasterOf(home: string): number | undefined {
  const file = join(postgresNote(home).place, 'data/postmaster.pid');
  return existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : undefined;
}
