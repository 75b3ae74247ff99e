import { bucketEndMs, bucketOf, jobIdOf } from './bell-bucket.js';

/** What a bell needs of a queue: jobs by id, and a name that changes when the queue was wiped. */
export type BellQueue = {
  connect(): void;
  add(id: string, runAtMs: number): Promise<void>;
  epoch(): Promise<string>;
  close(): Promise<void>;
};

const SENTINEL_EVERY_MS = 1_000;
const QUIET_AFTER_FAILURE_MS = 250;
const IN_FLIGHT_MAX = 64;
const REMEMBERED_MAX = 20_000;

/**
 * Has a queue ring when something falls due: one job for everything of the same half second. `ring` never waits and never
 * throws; whoever has something ring also looks by itself now and then, since a queue may lose what it was told.
 */
export class Bell {
  private readonly added = new Set<number>();
  private readonly adding = new Map<number, Promise<void>>();
  private epoch: string | undefined;
  private quietUntilMs = 0;
  private watch: NodeJS.Timeout | undefined;
  private watching: Promise<void> = Promise.resolve();
  private isClosed = false;

  constructor(
    private readonly queue: BellQueue,
    private readonly onError: (error: unknown) => void,
    private readonly watchEveryMs = SENTINEL_EVERY_MS,
  ) {}

  /** Connects and begins to watch for a wiped queue. */
  start(): void {
    this.queue.connect();
    this.watchSentinel();
  }

  ring(at: Date): void {
    const bucket = bucketOf(at.getTime());
    if (this.isClosed || this.added.has(bucket) || this.adding.has(bucket)) return;
    // While the queue is away most rings are dropped here: an attempt for each of them would cost whoever calls.
    if (this.adding.size >= IN_FLIGHT_MAX || Date.now() < this.quietUntilMs) return;
    this.adding.set(bucket, this.add(bucket));
  }

  /** Rejects when the queue cannot be reached. */
  async check(): Promise<void> {
    await this.queue.epoch();
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.watch);
    await Promise.all([...this.adding.values(), this.watching]);
    await this.queue.close();
  }

  private async add(bucket: number): Promise<void> {
    try {
      await this.queue.add(jobIdOf(bucket), bucketEndMs(bucket));
      this.remember(bucket);
    } catch (error) {
      this.quietUntilMs = Date.now() + QUIET_AFTER_FAILURE_MS;
      this.onError(error);
    } finally {
      this.adding.delete(bucket);
    }
  }

  private remember(bucket: number): void {
    this.added.add(bucket);
    if (this.added.size <= REMEMBERED_MAX) return;
    // The oldest entry is forgotten. Adding its job a second time would be a no-op.
    const [oldest] = this.added;
    if (oldest !== undefined) this.added.delete(oldest);
  }

  private watchSentinel(): void {
    this.watching = this.compareEpoch().finally(() => {
      if (!this.isClosed) this.watch = setTimeout(() => this.watchSentinel(), this.watchEveryMs);
    });
  }

  private async compareEpoch(): Promise<void> {
    try {
      const epoch = await this.queue.epoch();
      if (this.epoch !== undefined && epoch !== this.epoch) this.added.clear();
      this.epoch = epoch;
      this.forgetPast();
    } catch (error) {
      this.onError(error);
    }
  }

  /** Buckets whose end has passed are rung for again only by what is due already. */
  private forgetPast(): void {
    const nowMs = Date.now();
    for (const bucket of this.added) {
      if (bucketEndMs(bucket) < nowMs) this.added.delete(bucket);
    }
  }
}
