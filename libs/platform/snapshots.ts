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
  /** How far its reader may fall behind the least pace when others wait for the connection. */
  behindMaxMs: number;
};

// Somebody who reads a month a few bytes at a time keeps its connection no longer than this, and not even that when others wait for it.
const LIMITS: SnapshotLimits = { connectionsMax: 6, waitMaxMs: 2_000, lifeMs: 60_000, behindMaxMs: 1_000 };
const WAITING_MAX = 100;
// The least pace: a fifth of a second between two statements. At 1,000 lines of 100 bytes each that is half a megabyte a second.
const PACE_MS = 200;
const LOOK_EVERY_MS = 100;

/** Long readings have connections of their own: neither a large account nor a slow reader keeps requests waiting. */
export class Snapshots {
  private readonly limits: SnapshotLimits;
  private readonly pool: pg.Pool;
  // Before the pool, so that whoever waits for other readers is told from whoever waits for the database.
  private readonly turns: Turnstile;
  private readonly readers = new Set<Reader>();
  private watch: NodeJS.Timeout | undefined;

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
    await this.enter();
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
      this.readers.delete(reader);
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
    const reader = new Reader(cut);
    this.readers.add(reader);
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
    const query: Snapshot['query'] = async (text, values = []) => {
      reader.asks();
      try {
        return (await client.query({ text, values })).rows;
      } finally {
        reader.isAwaited();
      }
    };
    return { query, over: over.signal, end };
  }

  async close(): Promise<void> {
    clearInterval(this.watch);
    await this.pool.end();
  }

  private async connect(): Promise<pg.PoolClient> {
    await this.enter();
    try {
      return await this.pool.connect();
    } catch (error) {
      this.turns.leave();
      throw error;
    }
  }

  private async enter(): Promise<void> {
    const turn = this.turns.enter(false);
    if (this.turns.waitingCount > 0) this.watch ??= setInterval(() => this.makeRoom(), LOOK_EVERY_MS).unref();
    await turn;
  }

  /** Ends the slowest reader while somebody waits. Whoever keeps the pace has nothing to fear from those who wait. */
  private makeRoom(): void {
    if (this.turns.waitingCount === 0) {
      clearInterval(this.watch);
      this.watch = undefined;
      return;
    }
    const now = performance.now();
    let slowest: Reader | undefined;
    for (const reader of this.readers) {
      if (slowest === undefined || reader.behindMs(now) > slowest.behindMs(now)) slowest = reader;
    }
    if (slowest !== undefined && slowest.behindMs(now) >= this.limits.behindMaxMs) slowest.cut();
  }
}

/** How a snapshot's reader gets on: the time for which the connection stood still, less what the pace allows. */
class Reader {
  private laggedMs = 0;
  private awaitedSince: number | undefined;

  constructor(readonly cut: () => void) {}

  asks(): void {
    // Who was fast for a while has no claim to rest for long.
    this.laggedMs = Math.max(0, this.behindMs(performance.now()) - PACE_MS);
    this.awaitedSince = undefined;
  }

  isAwaited(): void {
    this.awaitedSince = performance.now();
  }

  behindMs(now: number): number {
    return this.awaitedSince === undefined ? this.laggedMs : this.laggedMs + now - this.awaitedSince;
  }
}
