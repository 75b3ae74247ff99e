import { NestFactory } from '@nestjs/core';
import { FoldWorker } from '#escrow';
import { Deadlines } from '#invocations';
import { nestLogger, RepeatedJob, type Platform } from '#platform';
import { TallyWorker } from '#reputation';
import { WorkerModule } from './worker.module.js';

const PARTITIONS_EVERY_MS = 60_000;

export type Worker = { close(): Promise<void> };

/** Starts the queues' consumers and the repeated jobs. Any number of such processes may run. */
export async function startWorker(platform: Platform): Promise<Worker> {
  const context = await NestFactory.createApplicationContext(WorkerModule.with(platform), {
    logger: nestLogger(platform.log),
    abortOnError: false,
  });
  const deadlines = context.get(Deadlines);
  const jobs = [
    context.get(TallyWorker).job(),
    context.get(FoldWorker).job(),
    new RepeatedJob('partitions', PARTITIONS_EVERY_MS, () =>
      platform.database.query('select platform.extend_partitions()'),
    ),
  ];
  deadlines.start();
  for (const job of jobs) job.start(platform.log);
  return {
    async close() {
      await deadlines.stop();
      await Promise.all(jobs.map((job) => job.stop()));
      await context.close();
    },
  };
}
