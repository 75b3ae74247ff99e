import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from '../../generated/prisma/client.js';
import type { Config } from './config.js';
import { Snapshots, type Snapshot, type SnapshotLimits } from './snapshots.js';

/** One open transaction: whatever writes money, state or an event takes it first. */
export type Tx = pg.ClientBase;
export type Row = pg.QueryResultRow;

type PoolState = Pick<pg.Pool, 'totalCount' | 'idleCount' | 'waitingCount'>;

const INT8 = 20;
const STATEMENT_TIMEOUT_MS = 5_000;
const LOCK_TIMEOUT_MS = 2_000;
// A lane stands still while it waits for a lock, and everybody behind it: a wallet that somebody else holds is given up sooner.
const LANE_LOCK_TIMEOUT_MS = 1_000;
// A session ends at once unless it commits just now.
const SESSION_END_WITHIN_MS = 3_000;
const LANE = 'c4c-lane';
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 5_000;
const SNAPSHOT_STATEMENT_TIMEOUT_MS = 20_000;
const SNAPSHOT_IDLE_TIMEOUT_MS = 20_000;
// The server itself ends every statement before; so an answer that has not come by then is lost on the way.
const ANSWER_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 2_000;
// Upkeep reads and freezes whole partitions; but it never stands in a queue for a lock, since whoever comes after it would too.
const UPKEEP_TIMEOUT_MS = 30 * 60_000;
const UPKEEP_LOCK_TIMEOUT_MS = 500;

// int8 is a bigint in code; the driver's default would be a string.
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === INT8 && format !== 'binary' ? (text: string) => BigInt(text) : pg.types.getTypeParser(oid, format),
};

/**
 * The doors to PostgreSQL: a pool of the application's role, one for its long readings, a small one of the treasury's, and Prisma's
 * client for reads.
 */
export class Database {
  readonly prisma: PrismaClient;
  private readonly pool: pg.Pool;
  private readonly treasuryPool: pg.Pool;
  private readonly snapshots: Snapshots;

  constructor(
    private readonly config: Config['database'],
    { poolMax = 8, snapshotLimits }: { poolMax?: number; snapshotLimits?: Partial<SnapshotLimits> | undefined } = {},
  ) {
    this.pool = makePool(config.url, poolMax);
    this.treasuryPool = makePool(config.adminUrl, 2, config.isSplit ? 'c4c_treasury' : undefined);
    const longer = {
      statement_timeout: SNAPSHOT_STATEMENT_TIMEOUT_MS,
      query_timeout: SNAPSHOT_STATEMENT_TIMEOUT_MS + 2_000,
      idle_in_transaction_session_timeout: SNAPSHOT_IDLE_TIMEOUT_MS,
    };
    this.snapshots = new Snapshots((max) => makePool(config.url, max, undefined, longer), snapshotLimits);
    this.prisma = new PrismaClient({
      adapter: new PrismaPg({ connectionString: config.url, max: poolMax, ...timeouts() }, { schema: 'market' }),
    });
  }

  /** The state of the pools, for the metrics. */
  get pools(): Readonly<Record<'app' | 'treasury' | 'snapshots', PoolState>> {
    return { app: this.pool, treasury: this.treasuryPool, snapshots: this.snapshots };
  }

  /** One statement outside a transaction. Named statements are prepared once a connection. */
  async query<R extends Row>(text: string, values: unknown[] = [], name?: string): Promise<R[]> {
    const result = await this.pool.query<R>(name === undefined ? { text, values } : { name, text, values });
    return result.rows;
  }

  /** One statement as the treasury: deposits, reversals, fee rates. */
  async treasury<R extends Row>(text: string, values: unknown[] = []): Promise<R[]> {
    return (await this.treasuryPool.query<R>(text, values)).rows;
  }

  /** Runs `work` in one transaction (READ COMMITTED) and commits; rolls back when it throws. */
  async inTransaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    let broken: Error | undefined;
    // The pool listens to idle connections only; without a listener one that breaks in between would end the process.
    const breaks = (error: Error): void => void (broken = error);
    client.on('error', breaks);
    try {
      await client.query('begin');
      const result = await work(client);
      await client.query('commit');
      return result;
    } catch (error) {
      // A connection that cannot even roll back is thrown away, not put back into the pool.
      await client
        .query('rollback')
        .catch((cause: unknown) => (broken = cause instanceof Error ? cause : new Error(String(cause))));
      throw error;
    } finally {
      // One that is thrown away may tell of its end yet.
      if (broken === undefined) client.off('error', breaks);
      client.release(broken);
    }
  }

  /** One statement that may take longer than others, on a connection of the snapshots. @throws {TurnstileFull} */
  async longQuery<R extends Row>(text: string, values: unknown[]): Promise<R[]> {
    return this.snapshots.query<R>(text, values);
  }

  /** One transaction that writes nothing and sees one moment (REPEATABLE READ READ ONLY), for so long. @throws {TurnstileFull} */
  async openSnapshot(): Promise<Snapshot> {
    return this.snapshots.open();
  }

  /** A connection of its own for a lane, with a session behind it. The caller ends it. */
  async connectDirect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.config.directUrl,
      types,
      application_name: LANE,
      keepAlive: true,
      ...timeouts(),
      lock_timeout: LANE_LOCK_TIMEOUT_MS,
      // `answerOf` waits no longer either.
      query_timeout: 0,
    });
    // Without a listener a lost connection would end the process; the lane hears of it by its next statement.
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  /** Ends the server's side of a lane's connection that broke: it may still be at work, and what it does is known only when it has ended.
   *  @throws when it is not known to have ended */
  async endSession(client: pg.Client): Promise<void> {
    const processId = 'processID' in client && typeof client.processID === 'number' ? client.processID : undefined;
    // It never got as far as to have a session.
    if (processId === undefined) return;
    // One that ends by itself just then is told as not ended, and is not there at the second look.
    for (let look = 0; look < 2; look += 1) {
      const rows = await this.query<{ gone: boolean }>(
        `select pg_terminate_backend(pid, $2) as gone from pg_stat_activity
        where pid = $1 and usename = current_user and application_name = $3`,
        [processId, SESSION_END_WITHIN_MS, LANE],
      );
      if (rows.every(({ gone }) => gone)) return;
    }
    throw new Error(`the session ${processId} of a broken connection does not end`);
  }

  /** Upkeep as the owner of the tables, on a connection of its own: long statements, short waits for locks. */
  async asOwner<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = new pg.Client({
      connectionString: this.config.adminUrl,
      types,
      application_name: 'c4c-upkeep',
      keepAlive: true,
      ...timeouts(),
      statement_timeout: UPKEEP_TIMEOUT_MS,
      query_timeout: UPKEEP_TIMEOUT_MS,
      lock_timeout: UPKEEP_LOCK_TIMEOUT_MS,
    });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.pool.end(), this.treasuryPool.end(), this.snapshots.close(), this.prisma.$disconnect()]);
  }
}

/**
 * One statement on a connection of its own, by the driver's callback. Its promise, and its own timer, chain each query to the next one
 * until V8 compiles them with all its means: a query that survived one collection of the young generation brought all that came after
 * it into the old one, with their values and rows. @throws when no answer comes in time; the connection is of no use then
 */
export function answerOf<R extends Row>(client: pg.Client, query: pg.QueryConfig): Promise<pg.QueryResult<R>> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('Query read timeout')), ANSWER_TIMEOUT_MS);
    // The driver's types do not say that there is no result when there is an error.
    client.query<R>(query, (error: Error | null, result: pg.QueryResult<R>) => {
      clearTimeout(late);
      if (error === null) resolve(result);
      else reject(error);
    });
  });
}

function makePool(connectionString: string, max: number, role?: string, limits: pg.ClientConfig = {}): pg.Pool {
  const pool = new pg.Pool({
    connectionString,
    max,
    types,
    application_name: 'c4c',
    keepAlive: true,
    idleTimeoutMillis: 30_000,
    ...timeouts(),
    ...limits,
    ...(role === undefined ? {} : { options: `-c role=${role}` }),
  });
  // One that is thrown away, or ends with its pool, may be told of the server's end when nobody listens any more; that ends a process.
  pool.on('connect', (client) => void client.on('error', () => undefined));
  // An idle connection that the server closes is replaced at the next use.
  pool.on('error', () => undefined);
  return pool;
}

function timeouts(): pg.ClientConfig {
  return {
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
  };
}
