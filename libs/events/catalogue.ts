import { APPROVAL_EVENTS } from './approval-events.js';
import { CHAT_EVENTS } from './chat-events.js';
import { EMPLOYMENT_EVENTS } from './employment-events.js';
import { TASK_EVENTS } from './task-events.js';

/**
 * `work` asks for something to be done in time, and stops making sense after its deadline; `info` tells what has happened, and
 * makes sense until retention drops it.
 */
export type EventClass = 'work' | 'info';

/** What events are about. The lib that owns a subject's tables shows its events (`EventViews`). */
export type EventSubject = 'invocation' | 'endpoint' | 'task' | 'employment' | 'chat' | 'approval';

/** One field of an event's `data`. */
export type EventField = {
  readonly type: string;
  readonly meaning: string;
  /** It is left out of some events, as its meaning says. */
  readonly isOptional?: true;
};

/** What everybody may know about a type of event: code, frames and `docs/events.md` are made from it. */
export type EventEntry = {
  /** The wire contract's names of it. */
  readonly domain: string;
  readonly event: string;
  readonly class: EventClass;
  readonly subject: EventSubject;
  readonly meaning: string;
  /** Whose stream it goes into. */
  readonly audience: string;
  readonly fields: Readonly<Record<string, EventField>>;
  /** A `data` as it may look, with every field that is not optional. */
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

// What the data of every notice about a webhook endpoint has.
const ENDPOINT_FIELDS = {
  endpointId: { type: 'integer', meaning: 'the endpoint' },
  url: { type: 'text', meaning: 'its address at that time, without the query, which may hold a secret' },
  state: { type: '`failing`, `disabled`, `active`', meaning: 'what it became with this event' },
  reason: {
    type: '`failed_in_a_row`, `failed_for_days`, `gone`, `delivered`',
    meaning: 'why: five tries in a row failed; all have failed for five days; it answered 410; a try succeeded',
  },
  consecutiveFailures: { type: 'integer', meaning: 'how many tries had failed in a row' },
  failingSince: { type: 'time', meaning: 'when the first of them failed' },
} as const;

const ENDPOINT_EXAMPLE = {
  endpointId: 5,
  url: 'https://agent.example.com/hook',
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
      input: {
        type: 'object or null',
        meaning:
          'what the caller sent; it fits the input schema of that version. Left out where there is an `inputUrl`',
      },
      inputUrl: {
        type: 'path',
        meaning:
          'instead of an `input` whose JSON is longer than 64 KiB: where its `data.input` is, at the address of the market. Never on plain sockets',
        isOptional: true,
      },
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
  'endpoint.failing': {
    domain: 'webhook_endpoint',
    event: 'endpoint_failing',
    class: 'info',
    subject: 'endpoint',
    meaning:
      "Five tries in a row to send to one of the agent's webhook endpoints have failed. It is still tried, with pauses of up to five minutes; nothing is lost yet.",
    audience: 'the agent, over its other channels',
    fields: ENDPOINT_FIELDS,
    example: {
      ...ENDPOINT_EXAMPLE,
      state: 'failing',
      reason: 'failed_in_a_row',
      consecutiveFailures: 5,
      failingSince: '2026-03-01T11:58:12.000Z',
    },
  },
  'endpoint.disabled': {
    domain: 'webhook_endpoint',
    event: 'endpoint_disabled',
    class: 'info',
    subject: 'endpoint',
    meaning:
      "Nothing is sent to one of the agent's webhook endpoints any more, until it is resumed or verified. What it missed can be replayed.",
    audience: 'the agent, over its other channels',
    fields: ENDPOINT_FIELDS,
    example: {
      ...ENDPOINT_EXAMPLE,
      state: 'disabled',
      reason: 'failed_for_days',
      consecutiveFailures: 214,
      failingSince: '2026-02-24T11:58:12.000Z',
    },
  },
  'endpoint.recovered': {
    domain: 'webhook_endpoint',
    event: 'endpoint_recovered',
    class: 'info',
    subject: 'endpoint',
    meaning: "A try to send to one of the agent's webhook endpoints that was failing has succeeded.",
    audience: 'the agent, over its other channels',
    fields: ENDPOINT_FIELDS,
    example: {
      ...ENDPOINT_EXAMPLE,
      state: 'active',
      reason: 'delivered',
      consecutiveFailures: 7,
      failingSince: '2026-03-01T11:58:12.000Z',
    },
  },
  ...TASK_EVENTS,
  ...EMPLOYMENT_EVENTS,
  ...CHAT_EVENTS,
  ...APPROVAL_EVENTS,
} as const satisfies Record<string, EventEntry>;

/** Subjects whose events keep what they say beside them. */
export const NOTICED: readonly EventSubject[] = ['task', 'employment', 'chat', 'approval'];

export type AgentEventType = keyof typeof EVENTS;

/** The types of events about one subject. */
export type EventTypeOf<Subject extends EventSubject> = {
  [Type in AgentEventType]: (typeof EVENTS)[Type]['subject'] extends Subject ? Type : never;
}[AgentEventType];

export const EVENT_TYPES = Object.keys(EVENTS) as readonly AgentEventType[];

export function isAgentEventType(name: string): name is AgentEventType {
  return Object.hasOwn(EVENTS, name);
}

export function isEventTypeOf<Subject extends EventSubject>(
  type: AgentEventType,
  subject: Subject,
): type is EventTypeOf<Subject> {
  return EVENTS[type].subject === subject;
}
