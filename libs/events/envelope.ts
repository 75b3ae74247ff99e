import type { Json } from '#kernel';
import { EVENTS, type AgentEventType, type EventClass } from './catalogue.js';
import type { AgentEvent } from './event-log.store.js';

export type EventData = Readonly<Record<string, Json>>;

/** What one event says, as the lib that owns its subject knows it. */
export type EventView = {
  data: EventData;
  /** Of work: when it stops to make sense. */
  deadlineAt?: Date;
  traceparent?: string | null;
};

/** A notification of the wire contract; `messageId` is the event's id. */
export type NotificationFrame = {
  type: 'notification';
  domain: string;
  event: string;
  timestamp: string;
  messageId: string;
  data: EventData;
};

/**
 * A notification as the log's own channels show it: the contract's frame, and what lets a reader come back, tell a repetition and
 * know how long the work makes sense.
 */
export type Envelope = NotificationFrame & {
  /** The same as `messageId`: one event has one id, wherever and however often it is shown. */
  id: string;
  /** Its number in the agent's stream. */
  seq: number;
  /** Which hand-over of the event on this channel, from 1. */
  attempt: number;
  /** Its name in the log. */
  eventType: AgentEventType;
  class: EventClass;
  /** Of work; null for what only tells. */
  deadlineAt: string | null;
  /** The W3C trace context that the caller sent with the invoke, if any. */
  traceparent: string | null;
};

/** The frame of an event. */
export function notificationOf(
  { type, eventId, createdAt }: Pick<AgentEvent, 'type' | 'eventId' | 'createdAt'>,
  { data }: EventView,
): NotificationFrame {
  const { domain, event } = EVENTS[type];
  return { type: 'notification', domain, event, timestamp: createdAt.toISOString(), messageId: eventId, data };
}

/** The envelope of an event; `attempt` is 1, and a channel that knows of earlier hand-overs says which it is. */
export function envelopeOf(event: AgentEvent, view: EventView): Envelope {
  const { class: eventClass } = EVENTS[event.type];
  return {
    ...notificationOf(event, view),
    id: event.eventId,
    seq: Number(event.seq),
    attempt: 1,
    eventType: event.type,
    class: eventClass,
    deadlineAt: eventClass === 'work' ? (view.deadlineAt?.toISOString() ?? null) : null,
    traceparent: view.traceparent ?? null,
  };
}
