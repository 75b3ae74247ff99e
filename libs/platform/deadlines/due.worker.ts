import { bucketEndMs, bucketOfJob } from '../bell-bucket.js';

/** Closes what is due of one trade, up to some hundreds a call; tells how many it closed. */
export type DueWork = { due(): Promise<{ closed: number }> };

/** The database's clock, which alone decides whether a deadline has passed. */
export type DatabaseClock = { nowMs(): Promise<number> };

// The sweep runs even when the queue works: Redis may forget a job, the row may not forget its deadline.
const SWEEP_EVERY_MS = 1_000;
// No backlog lasts for ever, but a broken `due` that always claims to have closed something would.
const ROUNDS_MAX = 10_000;
// What a job that came too early waits at most: should the clocks be far apart, it looks again now and then.
const REDELAY_MAX_MS = 60_000;

/** Closes what is due of one trade: when the queue rings, every second, and at the start. */
export class DueWorker {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private following: Promise<void> | undefined;
  private isFailing = false;
  private isClosed = false;

  constructor(
    private readonly work: DueWork,
    private readonly clock: DatabaseClock,
    private readonly onError: (error: unknown) => void,
    private readonly sweepEveryMs = SWEEP_EVERY_MS,
  ) {}

  /** Sweeps at once and from then on. */
  start(): void {
    void this.sweep();
  }

  /** Stops and waits for what is running. */
  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    await Promise.allSettled([this.running, this.following]);
  }

  /** Closes everything that is due when it is called. Calls that come meanwhile share one further run. */
  closeDue(): Promise<void> {
    if (this.following !== undefined) return this.following;
    if (this.running === undefined) return this.run();
    const next = this.running
      .catch(() => undefined)
      .then(() => {
        this.following = undefined;
        return this.run();
      });
    this.following = next;
    return next;
  }

  /** The queue's job for a half second; again where it came before its end. */
  async ring(jobId: string): Promise<{ againAtMs: number } | undefined> {
    const bucket = bucketOfJob(jobId);
    if (bucket === undefined) return undefined;
    // BullMQ goes by this process's clock; where the database's is behind, nothing of the bucket may be closed yet.
    const earlyMs = bucketEndMs(bucket) - (await this.clock.nowMs());
    if (earlyMs > 0) return { againAtMs: Date.now() + Math.min(Math.ceil(earlyMs), REDELAY_MAX_MS) };
    await this.closeDue();
    return undefined;
  }

  private run(): Promise<void> {
    const run = this.closeUntilNothingIsDue().finally(() => {
      if (this.running === run) this.running = undefined;
    });
    this.running = run;
    return run;
  }

  private async closeUntilNothingIsDue(): Promise<void> {
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const { closed } = await this.work.due();
      if (closed === 0 || this.isClosed) return;
    }
  }

  private async sweep(): Promise<void> {
    try {
      await this.closeDue();
      this.isFailing = false;
    } catch (error) {
      // An outage is told once, not every second.
      if (!this.isFailing) this.onError(error);
      this.isFailing = true;
    }
    if (!this.isClosed) this.timer = setTimeout(() => void this.sweep(), this.sweepEveryMs);
  }
}
