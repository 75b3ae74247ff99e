import { Injectable, Module } from '@nestjs/common';
import { DeadlinesModule, Marks } from '#invocations';
import { Bus, Egress, InjectLog, type Log } from '#platform';
import { DeliveryBodies } from './delivery-bodies.js';
import { DeliveryStore } from './delivery.store.js';
import { EndpointHealthStore } from './endpoint-health.store.js';
import { EndpointProbe } from './endpoint-probe.js';
import { EndpointStore } from './endpoint.store.js';
import { EndpointsController } from './endpoints.controller.js';
import { Endpoints } from './endpoints.usecase.js';
import { SecretBox } from './secret-box.js';
import { Sender } from './sender.js';

/** Webhooks over HTTP: endpoints and what was delivered to them. */
@Module({
  controllers: [EndpointsController],
  providers: [DeliveryStore, EndpointProbe, EndpointStore, Endpoints, SecretBox],
})
export class WebhooksModule {}

/** The sender of webhooks, in the process that sends them. */
@Injectable()
export class Webhooks {
  private readonly sender: Sender;

  constructor(
    deliveries: DeliveryStore,
    health: EndpointHealthStore,
    bodies: DeliveryBodies,
    endpoints: EndpointStore,
    marks: Marks,
    egress: Egress,
    bus: Bus,
    @InjectLog() log: Log,
  ) {
    this.sender = new Sender({ deliveries, health, bodies, endpoints, marks, egress, bus, log });
  }

  start(): void {
    this.sender.start();
  }

  async stop(): Promise<void> {
    await this.sender.stop();
  }
}

@Module({
  imports: [DeadlinesModule],
  providers: [DeliveryBodies, DeliveryStore, EndpointHealthStore, EndpointStore, SecretBox, Webhooks],
  exports: [Webhooks],
})
export class WebhookSenderModule {}
