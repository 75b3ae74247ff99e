import { Injectable } from '@nestjs/common';
import { Database } from '../database.js';
import type { Log } from '../log.js';
import type { QueueFactory, QueueWorker } from '../queue.js';
import { DueWorker, type DueWork } from './due.worker.js';

export const DEADLINE_QUEUE = 'deadlines';

/**
 * The process that keeps deadlines. Each trade adds what closes its own; one bell rings for all of them, and each sweeps by itself, so
 * that a trade that fails does not keep another from its deadlines.
 */
@Injectable()
export class Deadlines {
  private readonly workers: DueWorker[] = [];
  private consumer: QueueWorker | undefined;

  constructor(
    private readonly database: Database,
    private readonly queues: QueueFactory,
    private readonly log: Log,
  ) {}

  /** @param trade for the log */
  add(trade: string, work: DueWork): void {
    const failed = (error: unknown): void => this.log.error({ err: error, trade }, 'the sweep of deadlines failed');
    this.workers.push(new DueWorker(work, { nowMs: () => this.nowMs() }, failed));
  }

  start(): void {
    this.consumer = this.queues.worker(DEADLINE_QUEUE, (jobId) => this.ring(jobId));
    for (const worker of this.workers) worker.start();
  }

  async stop(): Promise<void> {
    await this.consumer?.close();
    await Promise.all(this.workers.map((worker) => worker.close()));
  }

  private async ring(jobId: string): Promise<{ againAtMs: number } | undefined> {
    const rung = await Promise.all(this.workers.map((worker) => worker.ring(jobId)));
    const again = rung.flatMap((each) => (each === undefined ? [] : [each.againAtMs]));
    return again.length === 0 ? undefined : { againAtMs: Math.max(...again) };
  }

  /** The database's clock, in milliseconds since 1970. */
  private async nowMs(): Promise<number> {
    const [row] = await this.database.query<{ ms: bigint }>(
      'select (extract(epoch from platform.clock()) * 1000)::bigint as ms',
      [],
      'clock',
    );
    return Number(row?.ms ?? 0n);
  }
}
