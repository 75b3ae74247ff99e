import type pg from 'pg';
import { answerOf, type Database, type Row } from './database.js';
import { FairQueue, type Turn } from './fair-queue.js';
import type { LaneObserver } from './metrics.js';
import { isConnectionLoss, isRetryable, sqlState } from './sql-state.js';

/** How a lane speaks to its SQL function: items in as parallel arrays, one row an item out, in order. */
export type LaneFunction<Item, Verdict extends Row> = {
  /** Name of the prepared statement. */
  name: string;
  text: string;
  values: (items: readonly Item[]) => unknown[];
  /** The item depends on a neighbour of the same call and must be sent alone. */
  isAgain: (verdict: Verdict) => boolean;
  /** What comes in one turn of the event loop goes together, for items that come in bursts: the first does not go alone. */
  isGathered?: boolean;
  /** After a commit whose answer was lost: the verdict of an item that took effect, or undefined for one that did not. */
  recover: (item: Item) => Promise<Verdict | undefined>;
};

export type LaneLimits = {
  /** Connections, each with at most one call under way. The first does the work; the others help while a call takes long. */
  connections?: number;
  /** How long a call may be under way before another connection takes what has come meanwhile. */
  helpAfterMs?: number;
  /** Items a call, or what draws the number for each call. */
  batchMax?: number | (() => number);
  /** Items that may wait. */
  queueMax?: number;
};

export type SendOptions = {
  /** Whose item it is; turns are served in rotation. */
  turn?: Turn;
  /** Asked when the item would be sent: false drops it. */
  isWanted?: (() => boolean) | undefined;
};

/** More is waiting than the lane takes; nothing was sent. */
export class LaneFull extends Error {
  override readonly name = 'LaneFull';
}

/** Nobody waits for the item any more; nothing was sent. */
export class LaneUnwanted extends Error {
  override readonly name = 'LaneUnwanted';
}

/** The lane was closed before the item was sent. */
export class LaneClosed extends Error {
  override readonly name = 'LaneClosed';
}

const ATTEMPTS_MAX = 5;
const CONNECTIONS = 2;
// A full batch takes some 10 ms. What takes so much longer waits for a lock or for the disk.
const HELP_AFTER_MS = 50;
const BATCH_MAX = 128;
// Half a second's worth at some 8,000 items a second: who waits longer is better told to come back.
const QUEUE_MAX = 4_096;

/** A connection at work. */
type Run = {
  /** When it began its call. */
  sinceMs: number;
  ended: Promise<void>;
};

type Waiting<Item, Verdict> = {
  item: Item;
  isWanted: (() => boolean) | undefined;
  queuedMs: number;
  attempts: number;
  /** Sent before, on a connection that broke: it may have taken effect. */
  isUnknown: boolean;
  resolve: (verdict: Verdict) => void;
  reject: (error: unknown) => void;
};

/**
 * Concurrent requests share commits. A lane is one connection: when it is free it takes whatever is queued, up to `batchMax`
 * items, in one function call and one commit; when nothing is queued a request goes out alone at once. Nothing waits for a batch
 * to fill. Each item is answered after its own batch has committed. A batch that fails as a whole is halved until the items
 * that fail stand alone; they are never batched again.
 *
 * Two connections that shared the work would both be busy at half of the load, with calls half as large, and take the database's
 * processors from each other and from the server. So the second waits until a call has been under way for `helpAfterMs`: then
 * something holds it up, and whoever comes next need not wait for that.
 *
 * What waits is served in turns (one item of each owner a round), bounded, and dropped when nobody wants it any more.
 */
export class Lane<Item, Verdict extends Row> {
  private readonly queue: FairQueue<Waiting<Item, Verdict>>;
  private readonly runs = new Set<Run>();
  private readonly idle: (pg.Client | undefined)[];
  private isClosed = false;
  /** Looks again whether what waits is held up; it delays nobody. */
  private helpTimer: NodeJS.Timeout | undefined;
  /** The turn's end, when what has been gathered goes. */
  private turnEnd: NodeJS.Immediate | undefined;
  private readonly helpAfterMs: number;
  private readonly batchMax: () => number;
  private readonly observer: LaneObserver;

  constructor(
    private readonly database: Database,
    private readonly fn: LaneFunction<Item, Verdict>,
    { connections = CONNECTIONS, helpAfterMs = HELP_AFTER_MS, batchMax = BATCH_MAX, queueMax = QUEUE_MAX }: LaneLimits,
    observe: (depth: () => number) => LaneObserver,
  ) {
    this.queue = new FairQueue(queueMax);
    this.helpAfterMs = helpAfterMs;
    this.batchMax = typeof batchMax === 'number' ? () => batchMax : batchMax;
    this.idle = Array.from({ length: connections }, () => undefined);
    this.observer = observe(() => this.depth);
  }

  /**
   * @throws {LaneFull | LaneClosed | LaneUnwanted} nothing was sent
   * @throws the database's error of an item that failed alone
   */
  send(item: Item, { turn = 0n, isWanted }: SendOptions = {}): Promise<Verdict> {
    return new Promise((resolve, reject) => {
      if (this.isClosed) return reject(new LaneClosed('the lane is closed'));
      const queuedMs = performance.now();
      const waiting = { item, isWanted, queuedMs, attempts: 0, isUnknown: false, resolve, reject };
      const given = this.queue.push(turn, waiting);
      if (given !== undefined) {
        this.observer.refused(given === waiting ? 'full' : 'displaced');
        given.reject(new LaneFull(`${this.queue.size} items are waiting`));
      }
      if (this.fn.isGathered !== true) return this.start();
      this.turnEnd ??= setImmediate(() => {
        this.turnEnd = undefined;
        this.start();
      });
    });
  }

  /** Items that wait to be taken. */
  get depth(): number {
    return this.queue.size;
  }

  /** Finishes what is queued, then ends the connections. */
  async close(): Promise<void> {
    this.isClosed = true;
    clearImmediate(this.turnEnd);
    this.start();
    while (this.runs.size > 0) await Promise.all([...this.runs].map(({ ended }) => ended));
    clearTimeout(this.helpTimer);
    for (const client of this.idle) await client?.end().catch(() => undefined);
  }

  private start(): void {
    if (this.idle.length === 0 || this.queue.size === 0) return;
    if (!this.isNeeded()) {
      this.helpTimer ??= setTimeout(() => {
        this.helpTimer = undefined;
        this.start();
      }, this.helpAfterMs);
      return;
    }
    const client = this.idle.pop();
    const run: Run = { sinceMs: performance.now(), ended: Promise.resolve() };
    this.runs.add(run);
    run.ended = this.work(run, client).finally(() => {
      this.runs.delete(run);
      this.start();
    });
  }

  private async work(run: Run, client: pg.Client | undefined): Promise<void> {
    let connection = client;
    while (this.queue.size > 0 && this.isNeeded(run)) {
      run.sinceMs = performance.now();
      const batch = this.takeWanted();
      if (batch.length > 0) connection = await this.run(connection, batch);
    }
    this.idle.push(connection);
  }

  /** Nobody else is at work, or whoever is has been held up. */
  private isNeeded(self?: Run): boolean {
    const sinceMaxMs = performance.now() - this.helpAfterMs;
    for (const run of this.runs) if (run !== self && run.sinceMs > sinceMaxMs) return false;
    return true;
  }

  private takeWanted(): Waiting<Item, Verdict>[] {
    const nowMs = performance.now();
    return this.queue.take(this.batchMax()).filter((waiting) => {
      if (waiting.isWanted?.() === false) {
        this.observer.refused('cancelled');
        waiting.reject(new LaneUnwanted('nobody waits for this item any more'));
        return false;
      }
      this.observer.waited(nowMs - waiting.queuedMs);
      return true;
    });
  }

  /** Answers every item of the batch, whatever happens. Returns the connection, or undefined when it is lost. */
  private async run(client: pg.Client | undefined, batch: Waiting<Item, Verdict>[]): Promise<pg.Client | undefined> {
    let connection = client;
    let rows: Verdict[];
    try {
      connection ??= await this.database.connectDirect();
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
      return undefined;
    }
    const sentMs = performance.now();
    try {
      const result = await answerOf<Verdict>(connection, {
        name: this.fn.name,
        text: this.fn.text,
        values: this.fn.values(batch.map(({ item }) => item)),
      });
      rows = result.rows;
      if (rows.length !== batch.length)
        throw new Error(`${this.fn.name} answered ${rows.length} rows for ${batch.length} items`);
    } catch (error) {
      return this.recoverFrom(error, connection, batch);
    }
    this.observer.committed(batch.length, performance.now() - sentMs);
    const again: Waiting<Item, Verdict>[] = [];
    for (const [index, waiting] of batch.entries()) {
      const verdict = rows[index];
      // Who was alone already depends on nobody; the same verdict once more would be one for ever.
      if (verdict === undefined || (batch.length > 1 && this.fn.isAgain(verdict))) again.push(waiting);
      else waiting.resolve(verdict);
    }
    for (const waiting of again) connection = await this.run(connection, [waiting]);
    return connection;
  }

  private async recoverFrom(
    error: unknown,
    client: pg.Client,
    batch: Waiting<Item, Verdict>[],
  ): Promise<pg.Client | undefined> {
    let connection: pg.Client | undefined = client;
    if (isConnectionLoss(error)) {
      connection = undefined;
      for (const waiting of batch) waiting.isUnknown = true;
      try {
        // The server may not have noticed. If its call committed beside the next one, that one would be judged as another's.
        await Promise.all([client.end().catch(() => undefined), this.database.endSession(client)]);
      } catch {
        for (const waiting of batch) waiting.reject(error);
        return undefined;
      }
    }
    const open = await this.withoutRecovered(batch, error);
    const [only] = open;
    if (only === undefined) return connection;
    if (open.length === 1) {
      only.attempts += 1;
      if (only.attempts < ATTEMPTS_MAX && (isRetryable(error) || isConnectionLoss(error)))
        return this.run(connection, [only]);
      only.reject(error);
      return connection;
    }
    const middle = Math.ceil(open.length / 2);
    connection = await this.run(connection, open.slice(0, middle));
    return this.run(connection, open.slice(middle));
  }

  /** Answers the items that had taken effect before the connection broke; returns the others. */
  private async withoutRecovered(batch: Waiting<Item, Verdict>[], error: unknown): Promise<Waiting<Item, Verdict>[]> {
    const open: Waiting<Item, Verdict>[] = [];
    for (const waiting of batch) {
      if (!waiting.isUnknown) {
        open.push(waiting);
        continue;
      }
      try {
        const verdict = await this.fn.recover(waiting.item);
        if (verdict === undefined) open.push(waiting);
        else waiting.resolve(verdict);
      } catch {
        // The database cannot be asked now: the client hears that the outcome is unknown and repeats with its key.
        waiting.reject(error);
      }
    }
    return open;
  }
}

/** True when nothing was sent, so that nothing can have happened. */
export function isNotSent(error: unknown): boolean {
  return error instanceof LaneFull || error instanceof LaneClosed || error instanceof LaneUnwanted;
}

/** True for errors of a single item that say "busy, not wrong": a lock that did not come in time. */
export function isLockTimeout(error: unknown): boolean {
  return sqlState(error) === '55P03';
}
