import { Injectable, Module } from '@nestjs/common';
import { InvocationDeadlinesModule, Marks } from '#invocations';
import { EVENT_TYPES, EVENTS, EventViews } from '#events';
import { Bell, Bus, damped, Egress, InjectLog, QueueFactory, RepeatedJob, type Log, type QueueWorker } from '#platform';
import { DeliveriesController } from './deliveries.controller.js';
import { DeliveryBodies } from './delivery-bodies.js';
import { DeliveryLog } from './delivery-log.store.js';
import { DeliveryStore } from './delivery.store.js';
import { EndpointHealthStore } from './endpoint-health.store.js';
import { EndpointProbe } from './endpoint-probe.js';
import { EndpointStore } from './endpoint.store.js';
import { EndpointsController } from './endpoints.controller.js';
import { Endpoints } from './endpoints.usecase.js';
import { NoticeStore } from './notice.store.js';
import { Notices } from './notices.js';
import { PurgeStore } from './purge.store.js';
import { PurgeWorker } from './purge.worker.js';
import { RateStore } from './rate.store.js';
import { ReplayStore } from './replay.store.js';
import { Replays } from './replay.usecase.js';
import { SecretBox } from './secret-box.js';
import { SenderMetrics } from './sender.metrics.js';
import { Sender } from './sender.js';

/** Webhooks over HTTP: endpoints and what was delivered to them. */
@Module({
  controllers: [DeliveriesController, EndpointsController],
  providers: [
    DeliveryLog,
    DeliveryStore,
    EndpointProbe,
    EndpointStore,
    Endpoints,
    Notices,
    NoticeStore,
    ReplayStore,
    Replays,
    SecretBox,
  ],
})
export class WebhooksModule {
  constructor(views: EventViews, notices: Notices) {
    views.add(notices);
  }
}

const WORK_TYPES = EVENT_TYPES.filter((type) => EVENTS[type].class === 'work');
const QUEUE = 'deliveries';
// A queue that was wiped costs half a second at most, until the sender looks by itself.
const QUEUE_WATCH_EVERY_MS = 10_000;
const REPLAY_EVERY_MS = 1_000;
const REPLAY_BATCH = 500;
// Then other replays have their turn at the next run, and a process can stop soon.
const REPLAY_STEPS = 20;

/** The sender of webhooks, in the process that sends them. */
@Injectable()
export class Webhooks {
  private readonly sender: Sender;
  private readonly bell: Bell;
  private consumer: QueueWorker | undefined;
  private readonly replays: RepeatedJob;

  constructor(
    deliveries: DeliveryStore,
    health: EndpointHealthStore,
    bodies: DeliveryBodies,
    endpoints: EndpointStore,
    replays: ReplayStore,
    rates: RateStore,
    metrics: SenderMetrics,
    marks: Marks,
    egress: Egress,
    bus: Bus,
    private readonly queues: QueueFactory,
    @InjectLog() private readonly log: Log,
  ) {
    this.bell = new Bell(
      queues.queue(QUEUE),
      damped((error) => log.warn({ err: error }, 'the delivery queue did not take a job; the sender looks by itself')),
      QUEUE_WATCH_EVERY_MS,
    );
    this.sender = new Sender({
      deliveries,
      health,
      rates,
      bodies,
      endpoints,
      metrics,
      marks,
      egress,
      bus,
      log,
      bell: this.bell,
    });
    this.replays = new RepeatedJob('webhook-replays', REPLAY_EVERY_MS, () => this.replay(replays));
  }

  start(): void {
    this.bell.start();
    this.sender.start();
    this.consumer = this.queues.worker(QUEUE, () => Promise.resolve(this.sender.rung()));
    this.replays.start(this.log);
  }

  /** Tries under way come to their end. */
  async stop(): Promise<void> {
    await Promise.all([this.consumer?.close(), this.sender.stop(), this.replays.stop()]);
    await this.bell.close();
  }

  private async replay(store: ReplayStore): Promise<void> {
    let isAny = false;
    for (let step = 0; step < REPLAY_STEPS && (await store.step(WORK_TYPES, REPLAY_BATCH)); step += 1) isAny = true;
    if (isAny) this.sender.wake();
  }
}

@Module({
  imports: [InvocationDeadlinesModule],
  providers: [
    DeliveryBodies,
    DeliveryStore,
    EndpointHealthStore,
    EndpointStore,
    Notices,
    NoticeStore,
    PurgeStore,
    PurgeWorker,
    RateStore,
    ReplayStore,
    SecretBox,
    SenderMetrics,
    Webhooks,
  ],
  exports: [PurgeWorker, Webhooks],
})
export class WebhookSenderModule {
  constructor(views: EventViews, notices: Notices) {
    views.add(notices);
  }
}
