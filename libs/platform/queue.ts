import { DelayedError, type Job } from 'bullmq';
import { damped } from './damped.js';
import { DelayQueue } from './delay-queue.js';
import { openWorker, type OpenWorker, type QueueOptions } from './queue-connection.js';
import { within } from './within.js';

export { DelayQueue } from './delay-queue.js';
export { type QueueOptions } from './queue-connection.js';

/** Works on one job; answers with a time when the job came too early and shall come again then. */
export type JobHandler = (jobId: string) => Promise<{ againAtMs: number } | undefined>;

/** Makes the queues and their workers on whichever backend the configuration names. */
export class QueueFactory {
  readonly backend: 'postgres' | 'redis';

  private readonly options: QueueOptions;

  constructor(options: QueueOptions) {
    this.backend = options.redisUrl === undefined ? 'postgres' : 'redis';
    // Each connection tells of every attempt to come back; an outage is worth a line now and then.
    this.options = { ...options, onError: damped(options.onError) };
  }

  /** The producing side. It connects when it is first used, and none of its calls waits for a backend that is away. */
  queue(name: string): DelayQueue {
    return new DelayQueue(name, this.options);
  }

  /** The consuming side. It starts at once, comes back by itself after an outage, and `close()` waits for running jobs. */
  worker(name: string, handler: JobHandler): QueueWorker {
    return new QueueWorker(name, this.options, handler);
  }
}

const REBUILD_AFTER_MS = 500;
const REBUILD_AFTER_MAX_MS = 5_000;
const CLOSE_TIMEOUT_MS = 5_000;

export class QueueWorker {
  private current: OpenWorker | undefined;
  private rebuilding: NodeJS.Timeout | undefined;
  private failures = 0;
  private isClosed = false;
  private readonly running = new Set<Promise<unknown>>();

  constructor(
    private readonly name: string,
    private readonly options: QueueOptions,
    private readonly handler: JobHandler,
  ) {
    this.build();
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.rebuilding);
    const current = this.current;
    this.current = undefined;
    if (current !== undefined) await this.dispose(current);
    await Promise.allSettled(this.running);
  }

  private build(): void {
    const open = openWorker(this.name, this.options, (job, token) => this.work(job, token));
    this.current = open;
    // BullMQ remembers a first connection that failed for ever, so such a worker is thrown away and made anew.
    open.worker.waitUntilReady().then(
      () => {
        this.failures = 0;
      },
      (error: unknown) => {
        this.rebuild(open, error);
      },
    );
  }

  private rebuild(failed: OpenWorker, error: unknown): void {
    if (this.isClosed || this.current !== failed) return;
    this.options.onError(asError(error));
    this.current = undefined;
    void this.dispose(failed);
    const waitMs = Math.min(REBUILD_AFTER_MS * 2 ** this.failures, REBUILD_AFTER_MAX_MS);
    this.failures += 1;
    this.rebuilding = setTimeout(() => this.build(), waitMs);
  }

  private async work(job: Job, token: string | undefined): Promise<void> {
    if (job.id === undefined) return;
    const run = this.handler(job.id);
    this.running.add(run);
    const verdict = await run.finally(() => this.running.delete(run));
    if (verdict === undefined) return;
    await job.moveToDelayed(verdict.againAtMs, token);
    throw new DelayedError();
  }

  private async dispose({ worker, isUp, drop }: OpenWorker): Promise<void> {
    try {
      // A backend that is away cannot say goodbye; forcing it leaves the running handlers, which close() awaits itself.
      await within(CLOSE_TIMEOUT_MS, worker.close(!isUp()), 'closing a queue worker');
    } catch (error) {
      this.options.onError(asError(error));
      await worker.disconnect().catch(() => undefined);
    }
    drop();
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
