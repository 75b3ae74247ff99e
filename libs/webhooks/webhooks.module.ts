import { Injectable, Module } from '@nestjs/common';
import { DeadlinesModule, Marks } from '#invocations';
import { EVENT_TYPES, EVENTS } from '#events';
import { Bus, Egress, InjectLog, RepeatedJob, type Log } from '#platform';
import { DeliveriesController } from './deliveries.controller.js';
import { DeliveryBodies } from './delivery-bodies.js';
import { DeliveryLog } from './delivery-log.store.js';
import { DeliveryStore } from './delivery.store.js';
import { EndpointHealthStore } from './endpoint-health.store.js';
import { EndpointProbe } from './endpoint-probe.js';
import { EndpointStore } from './endpoint.store.js';
import { EndpointsController } from './endpoints.controller.js';
import { Endpoints } from './endpoints.usecase.js';
import { ReplayStore } from './replay.store.js';
import { Replays } from './replay.usecase.js';
import { SecretBox } from './secret-box.js';
import { Sender } from './sender.js';

/** Webhooks over HTTP: endpoints and what was delivered to them. */
@Module({
  controllers: [DeliveriesController, EndpointsController],
  providers: [DeliveryLog, DeliveryStore, EndpointProbe, EndpointStore, Endpoints, ReplayStore, Replays, SecretBox],
})
export class WebhooksModule {}

const WORK_TYPES = EVENT_TYPES.filter((type) => EVENTS[type].class === 'work');
const REPLAY_EVERY_MS = 500;
const REPLAY_BATCH = 500;
// Then other replays have their turn at the next run, and a process can stop soon.
const REPLAY_STEPS = 20;

/** The sender of webhooks, in the process that sends them. */
@Injectable()
export class Webhooks {
  private readonly sender: Sender;
  private readonly replays: RepeatedJob;

  constructor(
    deliveries: DeliveryStore,
    health: EndpointHealthStore,
    bodies: DeliveryBodies,
    endpoints: EndpointStore,
    replays: ReplayStore,
    marks: Marks,
    egress: Egress,
    bus: Bus,
    @InjectLog() private readonly log: Log,
  ) {
    this.sender = new Sender({ deliveries, health, bodies, endpoints, marks, egress, bus, log });
    this.replays = new RepeatedJob('webhook-replays', REPLAY_EVERY_MS, () => this.replay(replays));
  }

  start(): void {
    this.sender.start();
    this.replays.start(this.log);
  }

  async stop(): Promise<void> {
    await Promise.all([this.sender.stop(), this.replays.stop()]);
  }

  private async replay(store: ReplayStore): Promise<void> {
    let isAny = false;
    for (let step = 0; step < REPLAY_STEPS && (await store.step(WORK_TYPES, REPLAY_BATCH)); step += 1) isAny = true;
    if (isAny) this.sender.wake();
  }
}

@Module({
  imports: [DeadlinesModule],
  providers: [DeliveryBodies, DeliveryStore, EndpointHealthStore, EndpointStore, ReplayStore, SecretBox, Webhooks],
  exports: [Webhooks],
})
export class WebhookSenderModule {}
