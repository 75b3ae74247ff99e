import { Injectable } from '@nestjs/common';
import { isAgentEventType, type AgentEvent } from '#events';
import { InvocationStore, type InvocationDetail } from './invocation.store.js';
import { envelopeOf, notificationOf, type Envelope, type NotificationFrame } from './notification.js';

/** Makes the contract's notification frames, and the log's envelopes, from events of the log. */
@Injectable()
export class InvocationFrames {
  constructor(private readonly store: InvocationStore) {}

  /** One frame an event, in order. */
  async render(events: readonly AgentEvent[]): Promise<NotificationFrame[]> {
    return this.each(events, notificationOf);
  }

  /** One envelope an event, in order, each with `attempt` 1. An event of a type that this version does not know has none. */
  async envelopes(events: readonly AgentEvent[]): Promise<Envelope[]> {
    return this.each(
      events.filter(({ type }) => isAgentEventType(type)),
      (event, invocation) => envelopeOf(event, invocation),
    );
  }

  /** The `service_invoked` frames of the agent's pending invocations with a higher id, by id, under the event ids they were announced with. */
  async pendingFor(agentId: bigint, afterInvocationId: bigint, limit: number): Promise<NotificationFrame[]> {
    const pending = await this.store.pendingOf(agentId, afterInvocationId, limit);
    return this.render(
      pending.map(({ id, eventId, announcedAt }) => ({
        agentId,
        seq: 0n,
        eventId,
        type: 'invocation.invoked',
        invocationId: id,
        createdAt: announcedAt,
      })),
    );
  }

  private async each<T>(
    events: readonly AgentEvent[],
    show: (event: AgentEvent, invocation: InvocationDetail) => T,
  ): Promise<T[]> {
    if (events.length === 0) return [];
    const invocations = new Map(
      (await this.store.findAll([...new Set(events.map((event) => event.invocationId))])).map((row) => [row.id, row]),
    );
    return events.flatMap((event) => {
      const invocation = invocations.get(event.invocationId);
      return invocation === undefined ? [] : [show(event, invocation)];
    });
  }
}
