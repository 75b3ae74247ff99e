import pg from 'pg';
import { migrate, migrateQueue, startEmbeddedPostgres } from '#platform';
import { removeFolder, removeLeftovers, temporaryFolder } from '../support/leftovers.js';

export type BenchDatabase = {
  adminUrl: string;
  /** The application's role. */
  appUrl: string;
  drop(): Promise<void>;
};

const APP_PASSWORD = 'c4c-app-bench';

// Half of what the server keeps before it makes a checkpoint by itself.
const LOG_SEGMENTS = 32;

let opened = 0;

/** A migrated database of our own: on a fresh durable server in a temporary folder, or on the one that C4C_BENCH_DATABASE_URL names.
 *  @param given the administrator's login of a server that is there already */
export async function openBenchDatabase(given = process.env['C4C_BENCH_DATABASE_URL'] ?? ''): Promise<BenchDatabase> {
  const server = given === '' ? await ownServer() : { adminUrl: given, stop: () => Promise.resolve() };
  opened += 1;
  const name = `c4c_bench_${String(process.pid)}_${String(opened)}`;
  try {
    await onServer(server.adminUrl, `create database ${name}`);
    const admin = new URL(server.adminUrl);
    admin.pathname = `/${name}`;
    await migrate({ adminUrl: admin.href, appPassword: APP_PASSWORD });
    await migrateQueue(admin.href);
    const app = new URL(admin);
    app.username = 'c4c_app';
    app.password = APP_PASSWORD;
    return {
      adminUrl: admin.href,
      appUrl: app.href,
      async drop() {
        await onServer(server.adminUrl, `drop database ${name} with (force)`);
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Runs one statement as the administrator. */
export async function onServer<R extends pg.QueryResultRow>(url: string, sql: string): Promise<R[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<R>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function ownServer(): Promise<{ adminUrl: string; stop: () => Promise<void> }> {
  await removeLeftovers();
  const home = temporaryFolder();
  try {
    const postgres = await withCommitTimes(home);
    await fillLog(postgres.adminUrl('postgres'));
    return {
      adminUrl: postgres.adminUrl('postgres'),
      async stop() {
        await postgres.stop();
        await removeFolder(home);
      },
    };
  } catch (error) {
    await removeFolder(home);
    throw error;
  }
}

/** A server that keeps when each transaction was committed: 10 bytes a transaction, from which the way of a frame is counted. */
async function withCommitTimes(home: string): ReturnType<typeof startEmbeddedPostgres> {
  const first = await startEmbeddedPostgres({ home, durable: true });
  try {
    await onServer(first.adminUrl('postgres'), 'alter system set track_commit_timestamp = on');
  } finally {
    await first.stop();
  }
  return startEmbeddedPostgres({ home, durable: true });
}

/**
 * Fills the write-ahead log once and lets it be used again, as on any server that has run for a while: a new one makes each segment
 * when it needs it, 16 MB of zeros and a flush, for which everybody waits.
 */
async function fillLog(adminUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    for (let segment = 0; segment < LOG_SEGMENTS; segment += 1) {
      await client.query(`select pg_logical_emit_message(false, 'bench', repeat('x', 15000000))`);
      await client.query('select pg_switch_wal()');
    }
    await client.query('checkpoint');
  } finally {
    await client.end();
  }
}
