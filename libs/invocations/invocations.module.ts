import { Module } from '@nestjs/common';
import { ReachabilityModule } from '#agents';
import { Carriers, ConsentModule } from '#consent';
import { EscrowModule } from '#escrow';
import { EventViews } from '#events';
import { DeadlineBellModule, Deadlines, DeadlinesModule } from '#platform';
import { ServicesModule } from '#services';
import { CloseStore } from './close.store.js';
import { CloseInvocations } from './close.usecase.js';
import { DeadlineMetrics } from './deadline.metrics.js';
import { EraseStore } from './erase.store.js';
import { EraseWorker } from './erase.worker.js';
import { InvocationFrames } from './invocation-frames.js';
import { InvocationStore } from './invocation.store.js';
import { InvocationsController } from './invocations.controller.js';
import { approvedInvoke } from './invoke-wish.js';
import { Invoke } from './invoke.usecase.js';
import { MarksStore } from './marks.store.js';
import { Marks } from './marks.usecase.js';
import { OpenStore } from './open.store.js';
import { PinnedSchemas } from './pinned-schemas.js';
import { SettledWaiters } from './settled-waiters.js';

/** Invocations over HTTP. */
@Module({
  imports: [ConsentModule, DeadlineBellModule, EscrowModule, ReachabilityModule, ServicesModule],
  controllers: [InvocationsController],
  providers: [
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
  exports: [CloseInvocations, CloseStore, InvocationFrames, Marks],
})
export class InvocationsModule {
  constructor(views: EventViews, frames: InvocationFrames, carriers: Carriers, invoke: Invoke) {
    views.add(frames);
    carriers.add('invoke', (caller, request, approvalId) => invoke.run(caller, approvedInvoke(request, approvalId)));
  }
}

/** What becomes of invocations without a request, in the process that keeps deadlines. */
@Module({
  imports: [DeadlinesModule, ServicesModule],
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
  ],
  exports: [EraseWorker, Marks],
})
export class InvocationDeadlinesModule {
  constructor(views: EventViews, frames: InvocationFrames, deadlines: Deadlines, closer: CloseInvocations) {
    views.add(frames);
    deadlines.add('invocations', closer);
  }
}
