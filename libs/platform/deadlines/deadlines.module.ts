import { Injectable, Module, type OnModuleDestroy } from '@nestjs/common';
import { Database } from '../database.js';
import type { Log } from '../log.js';
import { LOG } from '../platform.module.js';
import { QueueFactory } from '../queue.js';
import { DeadlineBell } from './deadline.bell.js';
import { DEADLINE_QUEUE, Deadlines } from './deadlines.js';

/** Starts the bell with the application and stops it with it. */
@Injectable()
class BellLife implements OnModuleDestroy {
  constructor(private readonly bell: DeadlineBell) {
    bell.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.bell.close();
  }
}

const bell = {
  provide: DeadlineBell,
  inject: [QueueFactory, LOG],
  useFactory: (queues: QueueFactory, log: Log) =>
    new DeadlineBell(queues.queue(DEADLINE_QUEUE), (error) =>
      log.warn({ err: error }, 'the deadline queue did not take a job; the sweep keeps the deadline'),
    ),
};

const deadlines = {
  provide: Deadlines,
  inject: [Database, QueueFactory, LOG],
  useFactory: (database: Database, queues: QueueFactory, log: Log) => new Deadlines(database, queues, log),
};

/** For processes that make deadlines. */
@Module({ providers: [bell, BellLife], exports: [DeadlineBell] })
export class DeadlineBellModule {}

/** For the process that keeps them. */
@Module({ providers: [deadlines], exports: [Deadlines] })
export class DeadlinesModule {}
