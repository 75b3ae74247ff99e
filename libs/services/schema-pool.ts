import { SchemaWorker, type Job, type JobResult } from './schema-worker.js';
import type { ThreadRequest } from './schema-thread.js';

/** Threads that compile and validate, started when needed, each replaced when a job takes more time or memory than allowed. */
export class SchemaPool {
  private readonly workers: SchemaWorker[] = [];
  // Waiting jobs by whose they are, the next in turn first. Whoever sends values that take the full time waits as long as all
  // others together, and they wait for one of those values at a time; more schemas bring nobody more turns.
  private readonly turns = new Map<string, WaitingJob[]>();
  private readonly threads: number;
  private waiting = { jobs: 0, chars: 0 };
  private isClosed = false;

  constructor(threads: number) {
    this.threads = threads;
  }

  /** Jobs that wait for a thread. */
  get depth(): number {
    return this.waiting.jobs;
  }

  /** @param turn whose job it is: each has its turn, however many jobs wait
   *  @throws {SchemaPoolBusy} too many jobs wait already, or this one has waited too long */
  run(request: ThreadRequest, turn: string): Promise<JobResult> {
    if (this.isClosed) return Promise.reject(new Error('The schema pool is closed'));
    const waiting = this.turns.get(turn) ?? [];
    const isFull = this.waiting.jobs >= JOBS_MAX || this.waiting.chars + charsOf(request) > CHARS_MAX;
    if (isFull || waiting.length >= JOBS_PER_TURN_MAX) return Promise.reject(new SchemaPoolBusy());
    return new Promise((resolve, reject) => {
      waiting.push({ request, resolve, reject, since: performance.now() });
      this.turns.set(turn, waiting);
      this.count(request, 1);
      this.serve();
    });
  }

  /** Ends all threads; jobs that wait or run are rejected. */
  async close(): Promise<void> {
    this.isClosed = true;
    for (let job = this.next(); job !== undefined; job = this.next())
      job.reject(new Error('The schema pool is closed'));
    await Promise.all(this.workers.splice(0).map((worker) => worker.end(new Error('The schema pool is closed'))));
  }

  private serve(): void {
    while (this.waiting.jobs > 0 && !this.isClosed) {
      const worker = this.freeWorker();
      if (worker === undefined) return;
      const job = this.next();
      if (job === undefined) return;
      if (performance.now() - job.since > WAIT_MAX_MS) job.reject(new SchemaPoolBusy());
      else worker.take(job);
    }
  }

  private next(): WaitingJob | undefined {
    for (const [turn, waiting] of this.turns) {
      const job = waiting.shift();
      this.turns.delete(turn);
      if (waiting.length > 0) this.turns.set(turn, waiting);
      if (job !== undefined) this.count(job.request, -1);
      return job;
    }
    return undefined;
  }

  private count(request: ThreadRequest, sign: 1 | -1): void {
    this.waiting.jobs += sign;
    this.waiting.chars += sign * charsOf(request);
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
}

/** Validation is overloaded; the same request may succeed in a second. */
export class SchemaPoolBusy extends Error {
  override readonly name = 'SchemaPoolBusy';

  constructor() {
    super('Too many values wait to be checked against their schemas; try again in a second');
  }
}

type WaitingJob = Job & { since: number };

// An innocent job takes less than 1 ms, so 1,000 of them wait for half a second.
const JOBS_MAX = 1_000;
const JOBS_PER_TURN_MAX = 100;
const CHARS_MAX = 32 * 1024 * 1024;
const WAIT_MAX_MS = 3_000;

function charsOf(request: ThreadRequest): number {
  return request.schema.length + (request.kind === 'validate' ? request.value.length : 0);
}
