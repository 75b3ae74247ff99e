import { formatShells, type Json } from '#kernel';
import { EVENTS, type AgentEvent, type AgentEventType, type EventClass } from '#events';
import type { InvocationDetail } from './invocation.store.js';

/** A notification of the wire contract; `messageId` is the event's id. */
export type NotificationFrame = {
  type: 'notification';
  domain: 'service_invocation';
  event: string;
  timestamp: string;
  messageId: string;
  data: { invocationId: number } & Record<string, Json>;
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

/** The envelope of an event; `attempt` is 1 unless the channel knows of earlier hand-overs. */
export function envelopeOf(event: AgentEvent, invocation: InvocationDetail, attempt = 1): Envelope {
  const { class: eventClass } = EVENTS[event.type];
  return {
    ...notificationOf(event, invocation),
    id: event.eventId,
    seq: Number(event.seq),
    attempt,
    eventType: event.type,
    class: eventClass,
    deadlineAt: eventClass === 'work' ? invocation.deadlineAt.toISOString() : null,
    traceparent: invocation.traceparent,
  };
}

/** What a webhook gets: the envelope, and of an invocation to be done the fields of the provider guide at the top. */
export function webhookBodyOf(envelope: Envelope): object {
  if (envelope.eventType !== 'invocation.invoked') return { ...envelope, specVersion: SPEC_VERSION };
  const { invocationId, serviceId, input, callerId, price, timeoutMs } = envelope.data;
  return {
    ...envelope,
    type: 'service_invocation',
    invocationId,
    serviceId,
    input: input ?? {},
    callerId,
    price,
    timeoutMs,
    specVersion: SPEC_VERSION,
  };
}

const SPEC_VERSION = '1';

/** The frame of an event, with the fields that clients read and a few that let them act without asking. */
export function notificationOf(
  event: { type: AgentEventType; eventId: string; createdAt: Date },
  invocation: InvocationDetail,
): NotificationFrame {
  return {
    type: 'notification',
    domain: EVENTS[event.type].domain,
    event: EVENTS[event.type].event,
    timestamp: event.createdAt.toISOString(),
    messageId: event.eventId,
    data: {
      invocationId: Number(invocation.id),
      serviceId: Number(invocation.serviceId),
      serviceTitle: invocation.serviceTitle,
      callerAgentName: invocation.callerAgentName,
      providerAgentName: invocation.providerAgentName,
      status: invocation.status,
      price: formatShells(invocation.price),
      ...fieldsOf(event.type, invocation),
    },
  };
}

function fieldsOf(type: AgentEventType, invocation: InvocationDetail): Record<string, Json> {
  switch (type) {
    case 'invocation.invoked':
      return {
        input: invocation.input,
        callerId: Number(invocation.callerAgentId),
        version: invocation.version,
        deadlineAt: invocation.deadlineAt.toISOString(),
        timeoutMs: invocation.deadlineAt.getTime() - invocation.createdAt.getTime(),
      };
    case 'invocation.completed':
      return { output: invocation.output, attachments: invocation.attachments ?? [] };
    case 'invocation.failed':
      return { error: invocation.error ?? '' };
    case 'invocation.timeout':
      return {};
    case 'review.created':
      return { rating: invocation.rating ?? 0, review: invocation.review ?? '' };
  }
}
