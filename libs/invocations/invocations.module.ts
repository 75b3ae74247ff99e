import { Module, type OnModuleDestroy, Injectable } from '@nestjs/common';
import { ReachabilityModule } from '#agents';
import { EscrowModule } from '#escrow';
import { EventViews } from '#events';
import { LOG, QueueFactory, type Log } from '#platform';
import { ServicesModule } from '#services';
import { CloseStore } from './close.store.js';
import { CloseInvocations } from './close.usecase.js';
import { DeadlineBell } from './deadline.bell.js';
import { DeadlineMetrics } from './deadline.metrics.js';
import { EraseStore } from './erase.store.js';
import { EraseWorker } from './erase.worker.js';
import { ExpireWorker } from './expire.worker.js';
import { InvocationFrames } from './invocation-frames.js';
import { InvocationStore } from './invocation.store.js';
import { InvocationsController } from './invocations.controller.js';
import { Invoke } from './invoke.usecase.js';
import { MarksStore } from './marks.store.js';
import { Marks } from './marks.usecase.js';
import { OpenStore } from './open.store.js';
import { PinnedSchemas } from './pinned-schemas.js';
import { SettledWaiters } from './settled-waiters.js';

const QUEUE = 'deadlines';

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
    new DeadlineBell(queues.queue(QUEUE), (error) =>
      log.warn({ err: error }, 'the deadline queue did not take a job; the sweep keeps the deadline'),
    ),
};

/** Invocations over HTTP. */
@Module({
  imports: [EscrowModule, ReachabilityModule, ServicesModule],
  controllers: [InvocationsController],
  providers: [
    bell,
    BellLife,
    CloseInvocations,
    CloseStore,
    DeadlineMetrics,
    InvocationFrames,
    InvocationStore,
    Invoke,
    Marks,
    MarksStore,
    OpenStore,
    PinnedSchemas,
    SettledWaiters,
  ],
  exports: [CloseInvocations, CloseStore, DeadlineBell, InvocationFrames, Marks],
})
export class InvocationsModule {
  constructor(views: EventViews, frames: InvocationFrames) {
    views.add(frames);
  }
}

/** Deadlines, in the process that keeps them. */
@Injectable()
export class Deadlines {
  private readonly worker: ExpireWorker;

  constructor(
    closer: CloseInvocations,
    store: CloseStore,
    private readonly queues: QueueFactory,
    log: Log,
  ) {
    this.worker = new ExpireWorker(closer, { nowMs: () => store.clockMs() }, (error) =>
      log.error({ err: error }, 'the sweep of deadlines failed'),
    );
  }

  start(): void {
    this.worker.start((handler) => this.queues.worker(QUEUE, handler));
  }

  async stop(): Promise<void> {
    await this.worker.close();
  }
}

@Module({
  imports: [ServicesModule],
  providers: [
    CloseInvocations,
    CloseStore,
    DeadlineMetrics,
    EraseStore,
    EraseWorker,
    InvocationFrames,
    InvocationStore,
    Marks,
    MarksStore,
    PinnedSchemas,
    {
      provide: Deadlines,
      inject: [CloseInvocations, CloseStore, QueueFactory, LOG],
      useFactory: (closer: CloseInvocations, store: CloseStore, queues: QueueFactory, log: Log) =>
        new Deadlines(closer, store, queues, log),
    },
  ],
  exports: [Deadlines, EraseWorker, Marks],
})
export class DeadlinesModule {
  constructor(views: EventViews, frames: InvocationFrames) {
    views.add(frames);
  }
}
