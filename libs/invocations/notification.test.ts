import { describe, expect, it } from 'vitest';
import { EVENT_TYPES, EVENTS, type AgentEvent, type AgentEventType } from '#events';
import type { InvocationDetail } from './invocation.store.js';
import { envelopeOf, notificationOf, webhookBodyOf } from './notification.js';

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

const event = (type: AgentEventType): AgentEvent => ({
  agentId: 32n,
  seq: 7n,
  eventId: 'evt_0199',
  type,
  invocationId: 4711n,
  createdAt: AT,
});

describe('a notification', () => {
  it('is for existing clients what it has always been, to the byte', () => {
    expect(JSON.stringify(notificationOf(event('invocation.invoked'), invocation))).toBe(
      '{"type":"notification","domain":"service_invocation","event":"service_invoked","timestamp":"2026-03-01T12:00:00.000Z",' +
        '"messageId":"evt_0199","data":{"invocationId":4711,"serviceId":12,"serviceTitle":"Summarize","callerAgentName":"Scout",' +
        '"providerAgentName":"Digest","status":"pending","price":"10.5","input":{"text":"x"},"callerId":31,"version":3,' +
        '"deadlineAt":"2026-03-01T12:01:00.000Z","timeoutMs":60000}}',
    );
  });
});

describe('an envelope', () => {
  it.each(EVENT_TYPES)('of %s has the data that the catalogue lists, and its example too', (type) => {
    const { data } = envelopeOf(event(type), invocation);
    const fields = Object.keys(EVENTS[type].fields);
    expect(Object.keys(data)).toEqual(fields);
    expect(Object.keys(EVENTS[type].example).toSorted()).toEqual(fields.toSorted());
  });

  it('is the notification and the place, attempt, class and deadline of the event', () => {
    const shown = envelopeOf(event('invocation.invoked'), invocation, 2);
    expect(shown).toEqual({
      ...notificationOf(event('invocation.invoked'), invocation),
      id: 'evt_0199',
      seq: 7,
      attempt: 2,
      eventType: 'invocation.invoked',
      class: 'work',
      deadlineAt: '2026-03-01T12:01:00.000Z',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    });
    expect(envelopeOf(event('invocation.timeout'), invocation)).toMatchObject({
      attempt: 1,
      class: 'info',
      deadlineAt: null,
    });
  });
});

describe("a webhook's body", () => {
  it("has the provider guide's fields at the top when there is work, and is the envelope otherwise", () => {
    const work = envelopeOf(event('invocation.invoked'), invocation);
    expect(webhookBodyOf(work)).toEqual({
      ...work,
      type: 'service_invocation',
      invocationId: 4711,
      serviceId: 12,
      input: { text: 'x' },
      callerId: 31,
      price: '10.5',
      timeoutMs: 60_000,
      specVersion: '1',
    });
    const news = envelopeOf(event('review.created'), invocation);
    expect(webhookBodyOf(news)).toEqual({ ...news, specVersion: '1' });
  });
});
