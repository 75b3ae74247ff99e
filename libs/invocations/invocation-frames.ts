import { Injectable } from '@nestjs/common';
import {
  isEventTypeOf,
  notificationOf,
  type AgentEvent,
  type EventForm,
  type EventRenderer,
  type EventView,
  type NotificationFrame,
} from '#events';
import { InvocationStore } from './invocation.store.js';
import { viewOf } from './notification.js';

/** Shows events about invocations. */
@Injectable()
export class InvocationFrames implements EventRenderer {
  readonly subject = 'invocation';

  constructor(private readonly store: InvocationStore) {}

  async show(events: readonly AgentEvent[], form: EventForm): Promise<Map<string, EventView>> {
    if (events.length === 0) return new Map();
    const ids = new Set(events.flatMap(({ invocationId }) => invocationId ?? []));
    const invocations = new Map((await this.store.findAll([...ids])).map((row) => [row.id, row]));
    const views = new Map<string, EventView>();
    for (const { type, invocationId, eventId } of events) {
      const invocation = invocationId === null ? undefined : invocations.get(invocationId);
      if (invocation !== undefined && isEventTypeOf(type, this.subject))
        views.set(eventId, viewOf(type, invocation, form));
    }
    return views;
  }

  /** The `service_invoked` frames of the agent's pending invocations with a higher id, by id, under the event ids they were announced with. */
  async pendingFor(
    agentId: bigint,
    afterInvocationId: bigint,
    limit: number,
  ): Promise<{ invocationId: bigint; frame: NotificationFrame }[]> {
    const pending = await this.store.pendingOf(agentId, afterInvocationId, limit);
    const events = pending.map(({ id, eventId, announcedAt }): AgentEvent => ({
      agentId,
      seq: 0n,
      eventId,
      type: 'invocation.invoked',
      invocationId: id,
      createdAt: announcedAt,
    }));
    const views = await this.show(events, 'whole');
    return events.flatMap((event) => {
      const view = views.get(event.eventId);
      if (view === undefined || event.invocationId === null) return [];
      return [{ invocationId: event.invocationId, frame: notificationOf(event, view) }];
    });
  }
}
