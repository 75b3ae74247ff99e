import { Worker } from 'node:worker_threads';
import type { FieldError } from '#kernel';
import { THREAD_LIMITS } from './schema-limits.js';
import type { RuleError } from './schema-limits.js';
import type { ThreadAnswer, ThreadRequest } from './schema-thread.js';

export type JobResult =
  | { kind: 'checked'; errors: RuleError[] }
  | { kind: 'validated'; errors: FieldError[] }
  | { kind: 'exceeded'; limit: 'time' | 'memory' };

export interface Job {
  request: ThreadRequest;
  resolve: (result: JobResult) => void;
  reject: (error: Error) => void;
}

/** One thread and the job it has. The thread keeps the process alive only while it has one. */
export class SchemaWorker {
  private readonly worker = startThread();
  private readonly events: { onFree: () => void; onEnd: () => void };
  private job: Job | undefined;
  private isReady = false;
  private isEnded = false;
  private cpuMarkMs = 0;
  private limitMs = 0;
  private stageStartedAt = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(events: { onFree: () => void; onEnd: () => void }) {
    this.events = events;
    this.worker.unref();
    this.worker.on('message', (answer: ThreadAnswer) => this.hear(answer));
    this.worker.on('error', (error) => this.fail(error));
    this.worker.on('exit', () => this.fail(new Error('The schema thread ended')));
  }

  get isFree(): boolean {
    return this.job === undefined && !this.isEnded;
  }

  take(job: Job): void {
    this.job = job;
    this.worker.ref();
    if (this.isReady) this.send(job);
    // A thread that does not come up at all must not hold its job for ever.
    else this.watch(START_MAX_MS);
  }

  /** Ends the thread; its job, if it has one, is rejected with the error. */
  async end(error: Error): Promise<void> {
    this.settle((job) => job.reject(error));
    this.isEnded = true;
    await this.worker.terminate();
  }

  private send(job: Job): void {
    this.watch(THREAD_LIMITS.compileMs);
    this.worker.postMessage(job.request);
  }

  private hear(answer: ThreadAnswer): void {
    this.cpuMarkMs = answer.cpuMs;
    switch (answer.kind) {
      case 'ready':
        this.isReady = true;
        clearTimeout(this.timer);
        if (this.job !== undefined) this.send(this.job);
        return;
      case 'compiled':
        return this.watch(THREAD_LIMITS.validateMs);
      case 'checked':
        this.settle((job) => job.resolve({ kind: 'checked', errors: answer.errors }));
        return this.events.onFree();
      case 'validated':
        this.settle((job) => job.resolve({ kind: 'validated', errors: answer.errors }));
        return this.events.onFree();
    }
  }

  private watch(limitMs: number): void {
    clearTimeout(this.timer);
    this.limitMs = limitMs;
    this.stageStartedAt = performance.now();
    // When this process itself was held up, the answer may wait in its queue: messages are heard before setImmediate.
    this.timer = setTimeout(() => setImmediate(() => void this.judge(this.stageStartedAt)), limitMs);
  }

  // The limit is on the thread's own CPU time, so that a busy machine does not refuse innocent values.
  private async judge(stage: number): Promise<void> {
    if (stage !== this.stageStartedAt || this.job === undefined) return;
    const wallMs = performance.now() - stage;
    const usage = this.isReady ? await this.worker.cpuUsage().catch(() => undefined) : undefined;
    if (stage !== this.stageStartedAt || this.job === undefined) return;
    const usedMs = usage === undefined ? wallMs : (usage.user + usage.system) / 1_000 - this.cpuMarkMs;
    if (usedMs >= this.limitMs || wallMs >= this.limitMs * WALL_FACTOR) return this.exceed('time');
    this.timer = setTimeout(() => void this.judge(stage), Math.max(5, this.limitMs - usedMs));
  }

  private exceed(limit: 'time' | 'memory'): void {
    this.isEnded = true;
    this.settle((job) => job.resolve({ kind: 'exceeded', limit }));
    void this.worker.terminate();
    this.events.onEnd();
  }

  private fail(error: Error): void {
    if (this.isEnded) return;
    if ('code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY') return this.exceed('memory');
    this.isEnded = true;
    this.settle((job) => job.reject(error));
    this.events.onEnd();
  }

  private settle(tell: (job: Job) => void): void {
    const job = this.job;
    clearTimeout(this.timer);
    this.job = undefined;
    this.worker.unref();
    if (job !== undefined) tell(job);
  }
}

const START_MAX_MS = 10_000;
// Waiting for a processor does not count as time used, up to this multiple of the limit.
const WALL_FACTOR = 20;

function startThread(): Worker {
  const options = {
    name: 'c4c-schema',
    resourceLimits: { maxOldGenerationSizeMb: THREAD_LIMITS.memoryMb, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 },
    // Nothing of the process is passed on: what runs there is made from somebody else's schema.
    env: {},
    execArgv: [],
    stdin: false,
  };
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./schema-thread.js', import.meta.url), options);
  // Straight from the sources, as tests run: Node strips the types, but `./x.js` has to be found as `./x.ts`.
  const source = JSON.stringify(new URL('./schema-thread.ts', import.meta.url).href);
  return new Worker(
    `require('node:module').registerHooks({
       resolve: (name, context, next) =>
         next(name.startsWith('.') && context.parentURL?.endsWith('.ts') ? name.replace(/\\.js$/, '.ts') : name, context),
     });
     import(${source});`,
    { ...options, eval: true },
  );
}
