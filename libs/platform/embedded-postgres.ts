import { spawn, type ChildProcess } from 'node:child_process';
import { chown, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createDatabase, initialiseCluster, refuseForeignMajor, SUPERUSER } from './postgres-cluster.js';
import { freePort, isFree } from './free-port.js';
import { preparePostgresBinaries, type PostgresBinaries } from './postgres-binaries.js';
import { whyPostgresDidNotStart } from './postgres-failure.js';
import {
  openPlace,
  readPostgresRecord,
  ROOT_PLACE,
  rootPlaceOf,
  writePostgresRecord,
  type PostgresAccount,
  type PostgresRecord,
} from './postgres-place.js';
import { findPostmaster, isAlive, stopPostmaster, waitForAnswer } from './postmaster.js';

export type EmbeddedPostgresOptions = {
  /** C4C_HOME. */
  home: string;
  /** False only for tests: nothing survives a power cut then. */
  durable?: boolean;
  log?: (line: string) => void;
  /** The server went away and could not be brought back. */
  onGone?: (why: Error) => void;
};

export type EmbeddedPostgres = {
  adminUrl(database?: string): string;
  /** The login of the application's role, whose password the migration sets. */
  appUrl(database?: string): string;
  appPassword: string;
  port: number;
  dataFolder: string;
  /** True when a server of an earlier start, which was killed, was still running. */
  adopted: boolean;
  stop(): Promise<void>;
};

const READY_WITHIN_MS = 120_000;
const ADOPT_WITHIN_MS = 15_000;
const LOG_BYTES_MAX = 8 * 1024 * 1024;
const STARTS_MAX = 6;
const RESTARTS_MAX = 5;
const RESTARTS_WINDOW_MS = 60_000;
const WATCH_EVERY_MS = 500;

/**
 * Starts the PostgreSQL server whose data lies in this home, or adopts the one that a killed process left behind. It runs in
 * a process session of its own, so that Ctrl-C in the terminal reaches the API first and the database last.
 * @throws {StartError} with what to do about it
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const log = options.log ?? (() => undefined);
  const { record, account } = await openPlace(options.home, log);
  const home = await realpath(options.home);
  const place = await realpath(record.place);
  const server = new Server(
    {
      home,
      place,
      dataFolder: join(place, 'data'),
      durable: options.durable ?? true,
      log,
      onGone: options.onGone ?? (() => undefined),
    },
    record,
    account,
    await preparePostgresBinaries(account === undefined ? record.place : ROOT_PLACE, account !== undefined),
  );
  await server.open();
  return server;
}

/** Stops and deletes what `startEmbeddedPostgres` made for this home, wherever it lies. */
export async function removeEmbeddedPostgres(home: string): Promise<void> {
  const record = await readPostgresRecord(home).catch(() => undefined);
  const rootPlace = rootPlaceOf(await realpath(home).catch(() => home));
  for (const place of new Set([record?.place ?? rootPlace, rootPlace, `${rootPlace}.old`])) {
    const running = await findPostmaster(join(place, 'data'));
    if (running !== undefined) await stopPostmaster(running.pid);
    await rm(place, { recursive: true, force: true });
  }
}

type Setting = {
  home: string;
  place: string;
  dataFolder: string;
  durable: boolean;
  log: (line: string) => void;
  onGone: (why: Error) => void;
};

class Server implements EmbeddedPostgres {
  adopted = false;
  private pid = 0;
  private child: ChildProcess | undefined;
  private stopping = false;
  private watch: NodeJS.Timeout | undefined;
  private restarts: number[] = [];

  constructor(
    private readonly setting: Setting,
    private record: PostgresRecord,
    private readonly account: PostgresAccount | undefined,
    private readonly binaries: PostgresBinaries,
  ) {}

  get port(): number {
    return this.record.port;
  }

  get appPassword(): string {
    return this.record.appPassword;
  }

  get dataFolder(): string {
    return this.setting.dataFolder;
  }

  adminUrl(database = 'c4c'): string {
    return `postgresql://${SUPERUSER}:${this.record.adminPassword}@127.0.0.1:${String(this.port)}/${database}`;
  }

  appUrl(database = 'c4c'): string {
    return `postgresql://c4c_app:${this.record.appPassword}@127.0.0.1:${String(this.port)}/${database}`;
  }

  async open(): Promise<void> {
    const { dataFolder, durable, home } = this.setting;
    const made = await initialiseCluster({
      dataFolder,
      record: this.record,
      account: this.account,
      binaries: this.binaries,
      durable,
    });
    if (made) await this.remember({ initialised: true });
    await refuseForeignMajor(dataFolder, home, this.binaries.major);
    if (!(await this.adopt())) await this.launch();
    await createDatabase(this.adminUrl('postgres'), 'c4c');
    this.watch = setInterval(() => void this.lookAfter(), WATCH_EVERY_MS).unref();
  }

  async stop(): Promise<void> {
    if (this.stopping) return;
    this.stopping = true;
    clearInterval(this.watch);
    if (isAlive(this.pid)) await stopPostmaster(this.pid);
  }

  /** True when the server of an earlier start runs and knows our password; a server that does not answer is stopped. */
  private async adopt(): Promise<boolean> {
    const running = await findPostmaster(this.dataFolder);
    if (running === undefined) return false;
    const login = { port: running.port, user: SUPERUSER, password: this.record.adminPassword };
    const answer = await waitForAnswer(login, this.dataFolder, () => isAlive(running.pid), ADOPT_WITHIN_MS);
    if (answer !== 'ready') {
      this.setting.log('Stopping a database server that an earlier start left behind.');
      await stopPostmaster(running.pid);
      return false;
    }
    this.adopted = true;
    this.pid = running.pid;
    if (running.port !== this.port) await this.remember({ port: running.port });
    return true;
  }

  private async launch(): Promise<void> {
    for (let start = 1; ; start += 1) {
      if (!(await isFree(this.port))) await this.remember({ port: await freePort() });
      const logFile = join(this.setting.place, 'server.log');
      const logFrom = await this.spawn(logFile);
      const login = { port: this.port, user: SUPERUSER, password: this.record.adminPassword };
      const child = this.child;
      const isRunning = (): boolean => child?.exitCode === null && child.signalCode === null;
      const answer = await waitForAnswer(login, this.dataFolder, isRunning, READY_WITHIN_MS);
      if (answer === 'ready') return;
      if (isRunning()) await stopPostmaster(this.pid);
      const why = await whyPostgresDidNotStart(logFile, logFrom, { ...this.setting, answer });
      // The port may be taken between looking and binding, and the backends of a killed server need a moment to go.
      if (!why.mayPass || start === STARTS_MAX) throw why.error;
      if (why.portTaken) await this.remember({ port: await freePort() });
      else await new Promise((resolve) => setTimeout(resolve, 1_000 * start));
    }
  }

  /** @returns where in the log this start begins */
  private async spawn(logFile: string): Promise<number> {
    const size = await stat(logFile).then(
      ({ size }) => size,
      () => 0,
    );
    if (size > LOG_BYTES_MAX) await rename(logFile, `${logFile}.1`);
    const output = await open(logFile, 'a', 0o600);
    try {
      if (this.account !== undefined) await chown(logFile, this.account.uid, this.account.gid);
      const child = spawn(this.binaries.postgres, ['-D', this.dataFolder, ...this.flags()], {
        detached: true,
        cwd: this.setting.place,
        stdio: ['ignore', output.fd, output.fd],
        env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
        ...(this.account === undefined ? {} : { uid: this.account.uid, gid: this.account.gid }),
      });
      child.on('error', (error) => this.setting.log(`PostgreSQL could not be run: ${error.message}`));
      child.unref();
      this.child = child;
      this.pid = child.pid ?? 0;
    } finally {
      await output.close();
    }
    return size > LOG_BYTES_MAX ? 0 : size;
  }

  private flags(): string[] {
    const settings: Record<string, string> = {
      listen_addresses: '127.0.0.1',
      port: String(this.port),
      unix_socket_directories: '',
      max_connections: '200',
      shared_buffers: '128MB',
      timezone: 'UTC',
      log_timezone: 'UTC',
      lc_messages: 'C',
      // What went wrong inside a statement is the application's to log; the statement itself may hold what is private.
      log_min_messages: 'log',
      log_min_error_statement: 'panic',
      log_checkpoints: 'off',
      ...(this.setting.durable
        ? {}
        : {
            fsync: 'off',
            synchronous_commit: 'off',
            full_page_writes: 'off',
            wal_level: 'minimal',
            max_wal_senders: '0',
          }),
    };
    return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  }

  /** Brings a server back that was killed; its port stays, so that the pools find it again. */
  private async lookAfter(): Promise<void> {
    if (this.stopping || this.isUp()) return;
    clearInterval(this.watch);
    const now = Date.now();
    this.restarts = [...this.restarts.filter((at) => at > now - RESTARTS_WINDOW_MS), now];
    try {
      if (this.restarts.length > RESTARTS_MAX)
        throw new Error(`The database server ended ${String(RESTARTS_MAX)} times within a minute.`);
      this.setting.log('The database server ended unexpectedly; starting it again.');
      await findPostmaster(this.dataFolder);
      await this.launch();
      this.watch = setInterval(() => void this.lookAfter(), WATCH_EVERY_MS).unref();
      // A stop that came while it was starting.
      if (this.stopping) await stopPostmaster(this.pid);
    } catch (error) {
      this.setting.onGone(error instanceof Error ? error : new Error(String(error)));
    }
  }

  private isUp(): boolean {
    return this.adopted && this.child === undefined
      ? isAlive(this.pid)
      : this.child?.exitCode === null && this.child.signalCode === null;
  }

  private async remember(change: Partial<PostgresRecord>): Promise<void> {
    this.record = { ...this.record, ...change };
    await writePostgresRecord(this.setting.home, this.record);
  }
}
