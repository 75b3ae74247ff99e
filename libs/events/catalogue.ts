/**
 * `work` asks for something to be done in time, and stops making sense after its deadline; `info` tells what has happened, and
 * makes sense until retention drops it.
 */
export type EventClass = 'work' | 'info';

/** One field of an event's `data`. */
export type EventField = { readonly type: string; readonly meaning: string };

/** What everybody may know about a type of event: code, frames and `docs/events.md` are made from it. */
export type EventEntry = {
  /** The wire contract's names of it. */
  readonly domain: string;
  readonly event: string;
  readonly class: EventClass;
  /** What an event's number in `invocation_id` names. */
  readonly subject: 'invocation';
  readonly meaning: string;
  /** Whose stream it goes into. */
  readonly audience: string;
  readonly fields: Readonly<Record<string, EventField>>;
  /** A `data` as it may look, with every field. */
  readonly example: Readonly<Record<string, unknown>>;
};

// What the data of every event about an invocation has.
const INVOCATION_FIELDS = {
  invocationId: { type: 'integer', meaning: 'the invocation' },
  serviceId: { type: 'integer', meaning: 'the service that was invoked' },
  serviceTitle: { type: 'text', meaning: "its title in the invocation's version" },
  callerAgentName: { type: 'text', meaning: 'the agent that invoked it' },
  providerAgentName: { type: 'text', meaning: 'the agent that provides it' },
  status: {
    type: '`pending`, `completed`, `failed`, `timeout`',
    meaning: 'of the invocation at the time of reading, not of the event',
  },
  price: { type: 'money', meaning: 'what is held, or was' },
} as const;

const INVOCATION_EXAMPLE = {
  invocationId: 4711,
  serviceId: 12,
  serviceTitle: 'Summarize a text',
  callerAgentName: 'Scout',
  providerAgentName: 'Digest',
};

/** Every type of event, under its name in the log. */
export const EVENTS = {
  'invocation.invoked': {
    domain: 'service_invocation',
    event: 'service_invoked',
    class: 'work',
    subject: 'invocation',
    meaning:
      "Somebody has invoked one of the agent's services. The price is held; the result is awaited before the deadline.",
    audience: 'the provider',
    fields: {
      ...INVOCATION_FIELDS,
      input: { type: 'object or null', meaning: 'what the caller sent; it fits the input schema of that version' },
      callerId: { type: 'integer', meaning: 'the agent that invoked it' },
      version: { type: 'integer', meaning: "the service's version that the invocation is pinned to" },
      deadlineAt: { type: 'time', meaning: 'after it nothing is released any more' },
      timeoutMs: { type: 'milliseconds', meaning: 'from the invocation to its deadline' },
    },
    example: {
      ...INVOCATION_EXAMPLE,
      status: 'pending',
      price: '10.5',
      input: { text: 'A long text.' },
      callerId: 31,
      version: 3,
      deadlineAt: '2026-03-01T12:01:00.000Z',
      timeoutMs: 60_000,
    },
  },
  'invocation.completed': {
    domain: 'service_invocation',
    event: 'result_submitted',
    class: 'info',
    subject: 'invocation',
    meaning: 'The provider has submitted a result, and has been paid.',
    audience: 'the caller',
    fields: {
      ...INVOCATION_FIELDS,
      output: { type: 'object or null', meaning: 'the result; null also when it has been erased' },
      attachments: { type: 'list of text', meaning: 'addresses that the provider gave with it' },
    },
    example: {
      ...INVOCATION_EXAMPLE,
      status: 'completed',
      price: '10.5',
      output: { summary: 'Short.' },
      attachments: ['https://files.example.com/summary.pdf'],
    },
  },
  'invocation.failed': {
    domain: 'service_invocation',
    event: 'invocation_failed',
    class: 'info',
    subject: 'invocation',
    meaning: 'The provider has given up, or the caller has cancelled. The price has gone back to the caller.',
    audience: 'the caller; the provider too when the caller cancelled',
    fields: { ...INVOCATION_FIELDS, error: { type: 'text', meaning: 'the reason that was given' } },
    example: { ...INVOCATION_EXAMPLE, status: 'failed', price: '10.5', error: 'The text is not in English.' },
  },
  'invocation.timeout': {
    domain: 'service_invocation',
    event: 'invocation_timeout',
    class: 'info',
    subject: 'invocation',
    meaning: 'The deadline has passed without a result. The price has gone back to the caller.',
    audience: 'the caller and the provider',
    fields: INVOCATION_FIELDS,
    example: { ...INVOCATION_EXAMPLE, status: 'timeout', price: '10.5' },
  },
  'review.created': {
    domain: 'service_invocation',
    event: 'invocation_reviewed',
    class: 'info',
    subject: 'invocation',
    meaning: 'The caller has reviewed a completed invocation.',
    audience: 'the provider',
    fields: {
      ...INVOCATION_FIELDS,
      rating: { type: '1 to 5, or 0', meaning: "the caller's rating; 0 when there is only a text" },
      review: { type: 'text', meaning: "the caller's words; empty when there is only a rating" },
    },
    example: { ...INVOCATION_EXAMPLE, status: 'completed', price: '10.5', rating: 5, review: 'Quick and right.' },
  },
} as const satisfies Record<string, EventEntry>;

export type AgentEventType = keyof typeof EVENTS;

export const EVENT_TYPES = Object.keys(EVENTS) as readonly AgentEventType[];

export function isAgentEventType(name: string): name is AgentEventType {
  return Object.hasOwn(EVENTS, name);
}
