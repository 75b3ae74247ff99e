import { formatShells, type Json, type JsonObject } from '#kernel';
import type { Envelope, EventForm, EventTypeOf, EventView } from '#events';
import type { InvocationDetail } from './invocation.store.js';

export type InvocationEventType = EventTypeOf<'invocation'>;

/** An input whose JSON is longer is left out of a thin event, which says where it is. */
export const INPUT_SHOWN_MAX_BYTES = 64 * 1024;

/** What an event about an invocation says: the fields that clients read and a few that let them act without asking. */
export function viewOf(type: InvocationEventType, invocation: InvocationDetail, form: EventForm): EventView {
  return {
    data: {
      invocationId: Number(invocation.id),
      serviceId: Number(invocation.serviceId),
      serviceTitle: invocation.serviceTitle,
      callerAgentName: invocation.callerAgentName,
      providerAgentName: invocation.providerAgentName,
      status: invocation.status,
      price: formatShells(invocation.price),
      ...fieldsOf(type, invocation, form),
    },
    deadlineAt: invocation.deadlineAt,
    traceparent: invocation.traceparent,
  };
}

/** The invocation that the envelope asks to be done; undefined for news, and for what has ended meanwhile. */
export function pendingWorkOf({ class: eventClass, data }: Envelope): bigint | undefined {
  const { invocationId, status } = data;
  return eventClass === 'work' && status === 'pending' && typeof invocationId === 'number'
    ? BigInt(invocationId)
    : undefined;
}

function fieldsOf(type: InvocationEventType, invocation: InvocationDetail, form: EventForm): Record<string, Json> {
  switch (type) {
    case 'invocation.invoked':
      return {
        ...inputOf(invocation, form),
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

// The body of a webhook is stored, and sent anew with every try; and little is buffered for a peer.
function inputOf({ id, input }: InvocationDetail, form: EventForm): Record<string, Json> {
  if (form === 'whole' || input === null || !isLong(input)) return { input };
  // A path and no address: whoever reads it sends its key to the market that it knows, and not to where a message says.
  return { inputUrl: `/openapi/v1/agent/me/service-invocations/${id}` };
}

function isLong(input: JsonObject): boolean {
  return Buffer.byteLength(JSON.stringify(input)) > INPUT_SHOWN_MAX_BYTES;
}
