import { describe, expect, it } from 'vitest';
import { webhookBodyOf } from './webhook-body.js';

const ENVELOPE = { type: 'notification', id: 'evt_0199', seq: 7, attempt: 1 };

describe("a webhook's body", () => {
  const data = {
    invocationId: 4711,
    serviceId: 12,
    serviceTitle: 'Summarize',
    input: { text: 'x' },
    callerId: 31,
    price: '10.5',
    timeoutMs: 60_000,
  };
  const work = { ...ENVELOPE, eventType: 'invocation.invoked', data };

  it("has the provider guide's fields at the top when there is work", () => {
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
  });

  it('has an input also when there is none any more', () => {
    expect(webhookBodyOf({ ...work, data: { ...data, input: null } })).toMatchObject({ input: {} });
  });

  it('says at the top, too, where an input is that is not in the event', () => {
    const { input: _, ...rest } = data;
    const body = webhookBodyOf({ ...work, data: { ...rest, inputUrl: '/there' } });
    expect(body).toMatchObject({ inputUrl: '/there' });
    expect(body).not.toHaveProperty('input');
  });

  it('is the envelope of every other event', () => {
    const news = { ...ENVELOPE, eventType: 'review.created', data: { rating: 5 } };
    expect(webhookBodyOf(news)).toEqual({ ...news, specVersion: '1' });
  });
});
