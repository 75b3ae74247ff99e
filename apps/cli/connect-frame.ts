import { webhookBodyOf } from '#kernel';
import { textOf, rowOf, type Row } from './answer.js';

/** One event to hand to the local target. */
export type Delivery = {
  seq: number;
  /** Which hand-over of the event this is, as the server counts; an acknowledgement names it. */
  attempt: number;
  id: string;
  /** The wire contract's name, such as `service_invoked`. */
  event: string;
  /** The log's name, such as `invocation.invoked`. */
  type: string;
  invocationId?: number;
  /** Has to be done before its deadline; everything else is news. */
  isWork: boolean;
  /** It was work and has ended meanwhile: somebody has done it, or it came to nothing. */
  hasEnded?: boolean;
  /** When trying again stops to make sense, in milliseconds since 1970. */
  deadlineAt?: number;
  /** The object that the target gets, as JSON. */
  body: Row;
};

/** What an `event` frame of the socket asks to be handed over. */
export function deliveryOf(seq: number, attempt: number, frame: Row): Delivery {
  const data = rowOf(frame['data']);
  const id = textOf(frame, 'id') ?? textOf(frame, 'messageId') ?? `seq_${seq}`;
  const event = textOf(frame, 'event') ?? 'unknown';
  const type = textOf(frame, 'eventType') ?? event;
  const invocationId = numberOf(data['invocationId']);
  const deadlineAt = timeOf(frame['deadlineAt']);
  const isWork = frame['class'] === 'work' && invocationId !== undefined;
  return {
    seq,
    attempt,
    id,
    event,
    type,
    ...(invocationId === undefined ? {} : { invocationId }),
    isWork,
    ...(isWork && (textOf(data, 'status') ?? 'pending') !== 'pending' ? { hasEnded: true } : {}),
    ...(isWork && deadlineAt !== undefined ? { deadlineAt } : {}),
    body: bodyOf(frame, type, data),
  };
}

/** The body of a direct webhook, made from a frame of the socket. */
function bodyOf(frame: Row, eventType: string, data: Row): Row {
  // What the socket adds for itself stays with the socket.
  const { redelivered: _, ...envelope } = frame;
  return webhookBodyOf({ ...envelope, type: 'notification', eventType, data });
}

function timeOf(value: unknown): number | undefined {
  const at = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}
