import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { PresenceRecord } from '#agents';
import { FoldWorker } from '#escrow';
import { EraseWorker } from '#invocations';
import { LoginPurge } from '#owners';
import { Deadlines, nestLogger, Partitions, type Platform } from '#platform';
import { TallyWorker } from '#reputation';
import { PurgeWorker, Webhooks } from '#webhooks';
import { WorkerModule } from './worker.module.js';

export type Worker = { readonly app: INestApplicationContext; close(): Promise<void> };

/** Starts the queues' consumers and the repeated jobs. Any number of such processes may run. */
export async function startWorker(platform: Platform): Promise<Worker> {
  const context = await NestFactory.createApplicationContext(WorkerModule.with(platform), {
    logger: nestLogger(platform.log),
    abortOnError: false,
  });
  const deadlines = context.get(Deadlines);
  const webhooks = context.get(Webhooks);
  const jobs = [
    context.get(TallyWorker).job(),
    context.get(FoldWorker).job(),
    context.get(EraseWorker).job(),
    context.get(PurgeWorker).job(),
    context.get(LoginPurge).job(),
    context.get(PresenceRecord).job(),
    new Partitions(platform.database, platform.config.eventDays, platform.log).job(),
  ];
  deadlines.start();
  webhooks.start();
  for (const job of jobs) job.start(platform.log);
  return {
    app: context,
    async close() {
      await Promise.all([deadlines.stop(), webhooks.stop()]);
      await Promise.all(jobs.map((job) => job.stop()));
      await context.close();
    },
  };
}
