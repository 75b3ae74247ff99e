import { rowOf, textOf, type Row } from './answer.js';

/** One thing to hand to the local webhook. */
export type Delivery = {
  messageId: string;
  event: string;
  /** Names that this delivery goes by; whoever has seen one of them has seen it. */
  names: readonly string[];
  invocationId?: number;
  serviceId?: number;
  /** Only an invocation to be done is acknowledged. */
  isWork: boolean;
  /** When trying again stops to make sense, in milliseconds since 1970. */
  deadlineAt: number;
  body: Row;
};

// Events without a deadline of their own are news; a receiver that is down for longer reads them over the API.
const NEWS_LIFE_MS = 60_000;

/** What a frame asks to be forwarded; undefined for frames that are nobody's business but the socket's. */
export function deliveryOf(frame: Row, now: number): Delivery | undefined {
  const messageId = textOf(frame, 'messageId');
  const type = frame['type'];
  if (messageId === undefined || (type !== 'notification' && type !== 'message')) return undefined;
  const event = type === 'message' ? 'message' : (textOf(frame, 'event') ?? 'unknown');
  const data = rowOf(frame['data']);
  const isWork = event === 'service_invoked';
  const invocationId = numberOf(data['invocationId']);
  const serviceId = numberOf(data['serviceId']);
  return {
    messageId,
    event,
    // The same invocation may be announced again after a reconnect, under whatever message id.
    names: isWork && invocationId !== undefined ? [messageId, `invoked:${invocationId}`] : [messageId],
    ...(invocationId === undefined ? {} : { invocationId }),
    ...(serviceId === undefined ? {} : { serviceId }),
    isWork: isWork && invocationId !== undefined,
    deadlineAt: timeOf(data['deadlineAt'] ?? data['timeoutAt']) ?? now + NEWS_LIFE_MS,
    body: isWork ? invokedBody(frame, data) : frame,
  };
}

/** One body for both kinds of handlers: those that switch on `type`, and those that take the frame. */
function invokedBody(frame: Row, data: Row): Row {
  return {
    ...frame,
    type: 'service_invocation',
    invocationId: data['invocationId'],
    serviceId: data['serviceId'],
    input: data['input'] ?? {},
    timestamp: isoTime(frame['timestamp']),
  };
}

function isoTime(value: unknown): unknown {
  return typeof value === 'number' ? new Date(value).toISOString() : value;
}

function timeOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  const at = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined;
}
