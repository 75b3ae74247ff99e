import { Injectable } from '@nestjs/common';
import { EventViews, isAgentEventType, type AgentEvent } from '#events';
import { webhookBodyOf } from '#kernel';
import type { DueDelivery } from './delivery.js';

/** Makes the bytes that are sent. */
@Injectable()
export class DeliveryBodies {
  constructor(private readonly views: EventViews) {}

  /** The body of each delivery's next try, by id. What it tells is fixed at the first try; later ones differ in `attempt` alone. */
  async of(due: readonly DueDelivery[]): Promise<Map<bigint, Buffer>> {
    const bodies = new Map<bigint, Buffer>();
    const fresh = due.filter(({ id, body, attempt }) => {
      if (body !== null) bodies.set(id, again(body, attempt + 1));
      return body === null;
    });
    const events = fresh.flatMap((one) => eventOf(one) ?? []);
    const envelopes = new Map((await this.views.envelopes(events)).map((envelope) => [envelope.id, envelope]));
    for (const { id, eventId, attempt } of fresh) {
      const envelope = envelopes.get(eventId);
      if (envelope === undefined) continue;
      bodies.set(id, Buffer.from(JSON.stringify(webhookBodyOf({ ...envelope, attempt: attempt + 1 }))));
    }
    return bodies;
  }
}

function again(body: Buffer, attempt: number): Buffer {
  const sent = JSON.parse(body.toString()) as Record<string, unknown>;
  return Buffer.from(JSON.stringify({ ...sent, attempt }));
}

function eventOf({ agentId, seq, eventId, type, invocationId, eventCreatedAt }: DueDelivery): AgentEvent | undefined {
  if (!isAgentEventType(type)) return undefined;
  return { agentId, seq, eventId, type, invocationId, createdAt: eventCreatedAt };
}
