import { SchemaWorker, type Job, type JobResult } from './schema-worker.js';
import type { ThreadRequest } from './schema-thread.js';

/** Threads that compile and validate, started when needed, each replaced when a job takes more time or memory than allowed. */
export class SchemaPool {
  private readonly workers: SchemaWorker[] = [];
  private readonly queue: (Job & { waitsSince: number })[] = [];
  private isClosed = false;
  private readonly threads: number;

  constructor(threads: number) {
    this.threads = threads;
  }

  /** @throws {SchemaPoolBusy} too many jobs wait already, or this one has waited too long */
  run(request: ThreadRequest): Promise<JobResult> {
    if (this.isClosed) return Promise.reject(new Error('The schema pool is closed'));
    const isCrowded = this.queue.length >= QUEUE_MAX || this.waitingFor(request) >= QUEUE_PER_SCHEMA_MAX;
    if (isCrowded) return Promise.reject(new SchemaPoolBusy());
    return new Promise((resolve, reject) => {
      this.queue.push({ request, resolve, reject, waitsSince: performance.now() });
      this.serve();
    });
  }

  /** Ends all threads; jobs that wait or run are rejected. */
  async close(): Promise<void> {
    this.isClosed = true;
    for (const job of this.queue.splice(0)) job.reject(new Error('The schema pool is closed'));
    await Promise.all(this.workers.splice(0).map((worker) => worker.end(new Error('The schema pool is closed'))));
  }

  private serve(): void {
    for (;;) {
      const job = this.queue[0];
      if (job === undefined || this.isClosed) return;
      if (performance.now() - job.waitsSince > WAIT_MAX_MS) {
        this.queue.shift();
        job.reject(new SchemaPoolBusy());
        continue;
      }
      const worker = this.freeWorker();
      if (worker === undefined) return;
      this.queue.shift();
      worker.take(job);
    }
  }

  private freeWorker(): SchemaWorker | undefined {
    const free = this.workers.find((worker) => worker.isFree);
    if (free !== undefined || this.workers.length >= this.threads) return free;
    const worker = new SchemaWorker({
      onFree: () => this.serve(),
      onEnd: () => {
        const index = this.workers.indexOf(worker);
        if (index >= 0) this.workers.splice(index, 1);
        this.serve();
      },
    });
    this.workers.push(worker);
    return worker;
  }

  private waitingFor(request: ThreadRequest): number {
    return this.queue.filter((job) => job.request.schema === request.schema).length;
  }
}

/** Validation is overloaded; the same request may succeed in a second. */
export class SchemaPoolBusy extends Error {
  override readonly name = 'SchemaPoolBusy';

  constructor() {
    super('Too many values wait to be checked against their schemas; try again in a second');
  }
}

const QUEUE_MAX = 256;
// One schema that takes the full time for each value must not fill the queue for all others.
const QUEUE_PER_SCHEMA_MAX = 64;
const WAIT_MAX_MS = 3_000;
