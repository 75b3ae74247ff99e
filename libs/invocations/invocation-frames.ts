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
import { InvocationStore, type Announced } from './invocation.store.js';
import { viewOf } from './notification.js';

export type PendingFrame = { invocationId: bigint; frame: NotificationFrame };

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

  /** The agent's pending invocations with a higher id, by id, so many at most, and under which event each was announced. */
  async pendingOf(agentId: bigint, afterInvocationId: bigint, limit: number): Promise<Announced[]> {
    return this.store.pendingOf(agentId, afterInvocationId, limit);
  }

  /** The `service_invoked` frames of those of them that are pending still, in order. */
  async framesOf(agentId: bigint, announced: readonly Announced[]): Promise<PendingFrame[]> {
    const invocations = new Map((await this.store.findAll(announced.map(({ id }) => id))).map((row) => [row.id, row]));
    return announced.flatMap(({ id, eventId, announcedAt }) => {
      const invocation = invocations.get(id);
      if (invocation?.status !== 'pending') return [];
      const type = 'invocation.invoked';
      const event = { agentId, seq: 0n, eventId, type, invocationId: id, createdAt: announcedAt } as const;
      return [{ invocationId: id, frame: notificationOf(event, viewOf(type, invocation, 'whole')) }];
    });
  }
}
