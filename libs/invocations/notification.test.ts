import { describe, expect, it } from 'vitest';
import {
  envelopeOf,
  EVENT_TYPES,
  EVENTS,
  isEventTypeOf,
  notificationOf,
  type AgentEvent,
  type Envelope,
  type EventEntry,
} from '#events';
import type { InvocationDetail } from './invocation.store.js';
import { INPUT_SHOWN_MAX_BYTES, pendingWorkOf, viewOf, type InvocationEventType } from './notification.js';

const AT = new Date('2026-03-01T12:00:00Z');

const invocation: InvocationDetail = {
  id: 4711n,
  serviceId: 12n,
  version: 3,
  serviceTitle: 'Summarize',
  callerAgentId: 31n,
  callerAgentName: 'Scout',
  providerAgentId: 32n,
  providerAgentName: 'Digest',
  price: 1050n,
  status: 'pending',
  cancelled: false,
  createdAt: AT,
  deadlineAt: new Date('2026-03-01T12:01:00Z'),
  handedOverAt: null,
  handOverChannel: null,
  acknowledgedAt: null,
  settledAt: null,
  error: null,
  holdId: 9n,
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  input: { text: 'x' },
  output: null,
  attachments: null,
  payloadErasedAt: null,
  rating: null,
  review: null,
  reviewedAt: null,
};

const TYPES = EVENT_TYPES.filter((type) => isEventTypeOf(type, 'invocation'));

const event = (type: InvocationEventType): AgentEvent => ({
  agentId: 32n,
  seq: 7n,
  eventId: 'evt_0199',
  type,
  invocationId: 4711n,
  createdAt: AT,
});

const envelope = (type: InvocationEventType, row = invocation): Envelope =>
  envelopeOf(event(type), viewOf(type, row, 'thin'));

/** An invocation whose input's JSON has so many bytes. */
function withInput(bytes: number): InvocationDetail {
  return { ...invocation, input: { text: 'ü'.repeat(50) + 'x'.repeat(bytes - 100 - '{"text":""}'.length) } };
}

describe('a notification', () => {
  it('is for existing clients what it has always been, to the byte', () => {
    const view = viewOf('invocation.invoked', invocation, 'whole');
    expect(JSON.stringify(notificationOf(event('invocation.invoked'), view))).toBe(
      '{"type":"notification","domain":"service_invocation","event":"service_invoked","timestamp":"2026-03-01T12:00:00.000Z",' +
        '"messageId":"evt_0199","data":{"invocationId":4711,"serviceId":12,"serviceTitle":"Summarize","callerAgentName":"Scout",' +
        '"providerAgentName":"Digest","status":"pending","price":"10.5","input":{"text":"x"},"callerId":31,"version":3,' +
        '"deadlineAt":"2026-03-01T12:01:00.000Z","timeoutMs":60000}}',
    );
  });
});

describe('an envelope', () => {
  it.each(TYPES)('of %s has the data that the catalogue lists, and its example too', (type) => {
    const { data } = envelope(type);
    const entry: EventEntry = EVENTS[type];
    const fields = Object.keys(entry.fields).filter((name) => entry.fields[name]?.isOptional !== true);
    expect(Object.keys(data)).toEqual(fields);
    expect(Object.keys(EVENTS[type].example).toSorted()).toEqual(fields.toSorted());
  });

  it('is the notification and the place, attempt, class and deadline of the event', () => {
    expect(envelope('invocation.invoked')).toEqual({
      ...notificationOf(event('invocation.invoked'), viewOf('invocation.invoked', invocation, 'thin')),
      id: 'evt_0199',
      seq: 7,
      attempt: 1,
      eventType: 'invocation.invoked',
      class: 'work',
      deadlineAt: '2026-03-01T12:01:00.000Z',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    });
    expect(envelope('invocation.timeout')).toMatchObject({
      attempt: 1,
      class: 'info',
      deadlineAt: null,
    });
  });
});

describe('a long input', () => {
  it('is not in a thin event, which says where it is; up to the limit it is', () => {
    expect(envelope('invocation.invoked', withInput(INPUT_SHOWN_MAX_BYTES)).data).toHaveProperty('input');
    const { data } = envelope('invocation.invoked', withInput(INPUT_SHOWN_MAX_BYTES + 1));
    expect(data).not.toHaveProperty('input');
    expect(data).toMatchObject({ inputUrl: '/openapi/v1/agent/me/service-invocations/4711', callerId: 31 });
  });

  it('is in a whole one, however long', () => {
    const long = withInput(250_000);
    const { data } = viewOf('invocation.invoked', long, 'whole');
    expect(data).toMatchObject({ input: long.input });
    expect(data).not.toHaveProperty('inputUrl');
  });
});

describe('the work of an envelope', () => {
  it('is its invocation while that is pending, and none of news', () => {
    expect(pendingWorkOf(envelope('invocation.invoked'))).toBe(4711n);
    expect(pendingWorkOf(envelope('invocation.invoked', { ...invocation, status: 'timeout' }))).toBeUndefined();
    expect(pendingWorkOf(envelope('invocation.timeout'))).toBeUndefined();
  });
});
