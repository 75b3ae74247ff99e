import type pg from 'pg';
import { Turnstile } from './turnstile.js';

/** The rows of one moment. Whoever opened it ends it. */
export type Snapshot = {
  query<R extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<R[]>;
  /** Aborted when its time is over or its connection lost: there is nothing to be read from it any more. */
  over: AbortSignal;
  /** May be called again, and after its time. */
  end(): Promise<void>;
};

export type SnapshotLimits = {
  connectionsMax: number;
  /** How long somebody waits for a connection that another one has. */
  waitMaxMs: number;
  /** How long a snapshot lasts in all, however much of it has been read. */
  lifeMs: number;
};

// Somebody who reads a month a few bytes at a time keeps its connection no longer than this.
const LIMITS: SnapshotLimits = { connectionsMax: 6, waitMaxMs: 2_000, lifeMs: 60_000 };
const WAITING_MAX = 100;

/** Long readings have connections of their own: neither a large account nor a slow reader keeps requests waiting. */
export class Snapshots {
  private readonly limits: SnapshotLimits;
  private readonly pool: pg.Pool;
  // Before the pool, so that whoever waits for other readers is told from whoever waits for the database.
  private readonly turns: Turnstile;

  constructor(connect: (connectionsMax: number) => pg.Pool, limits: Partial<SnapshotLimits> = {}) {
    this.limits = { ...LIMITS, ...limits };
    const { connectionsMax, waitMaxMs } = this.limits;
    this.pool = connect(connectionsMax);
    this.turns = new Turnstile({ workingMax: connectionsMax, waitingMax: WAITING_MAX, waitMaxMs });
  }

  get totalCount(): number {
    return this.pool.totalCount;
  }

  get idleCount(): number {
    return this.pool.idleCount;
  }

  get waitingCount(): number {
    return this.turns.waitingCount + this.pool.waitingCount;
  }

  /** One statement by itself. @throws {TurnstileFull} when other readers have all connections */
  async query<R extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<R[]> {
    await this.turns.enter(false);
    try {
      return (await this.pool.query<R>(text, values)).rows;
    } finally {
      this.turns.leave();
    }
  }

  /** One transaction that writes nothing and sees one moment, taken by its first statement. @throws {TurnstileFull} as `query` */
  async open(): Promise<Snapshot> {
    const client = await this.connect();
    const over = new AbortController();
    let isEnded = false;
    const giveBack = (isBroken: boolean): void => {
      clearTimeout(timer);
      client.off('error', cut);
      client.release(isBroken);
      this.turns.leave();
    };
    // Not rolled back: a statement may be under way. A connection that ends takes its transaction along.
    const cut = (): void => {
      if (isEnded) return;
      isEnded = true;
      giveBack(true);
      over.abort();
    };
    const timer = setTimeout(cut, this.limits.lifeMs);
    // The database ends the session of a reader that takes nothing for long.
    client.on('error', cut);
    const end = async (): Promise<void> => {
      if (isEnded) return;
      isEnded = true;
      const isBroken = await client.query('rollback').then(
        () => false,
        () => true,
      );
      giveBack(isBroken);
    };
    try {
      await client.query('begin isolation level repeatable read read only');
    } catch (error) {
      await end();
      throw error;
    }
    const query: Snapshot['query'] = async (text, values = []) => (await client.query({ text, values })).rows;
    return { query, over: over.signal, end };
  }

  async close(): Promise<void> {
    await this.pool.end();
  }

  private async connect(): Promise<pg.PoolClient> {
    await this.turns.enter(false);
    try {
      return await this.pool.connect();
    } catch (error) {
      this.turns.leave();
      throw error;
    }
  }
}
