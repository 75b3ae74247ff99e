import { formatShells, type Json } from '#kernel';
import type { AgentEventType } from '#events';
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

// Dotted names in the log, the contract's names on the wire.
const EVENT_NAMES: Record<AgentEventType, string> = {
  'invocation.invoked': 'service_invoked',
  'invocation.completed': 'result_submitted',
  'invocation.failed': 'invocation_failed',
  'invocation.timeout': 'invocation_timeout',
  'review.created': 'invocation_reviewed',
};

/** The frame of an event, with the fields that clients read and a few that let them act without asking. */
export function notificationOf(
  event: { type: AgentEventType; eventId: string; createdAt: Date },
  invocation: InvocationDetail,
): NotificationFrame {
  return {
    type: 'notification',
    domain: 'service_invocation',
    event: EVENT_NAMES[event.type],
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
