import { describe, expect, it } from 'vitest';
import { deliveryOf } from './connect-frame.js';

const INVOKED = {
  type: 'event',
  redelivered: false,
  domain: 'service_invocation',
  event: 'service_invoked',
  timestamp: '2026-01-05T10:00:00.000Z',
  messageId: 'evt_1',
  data: { invocationId: 41, serviceId: 7, input: { text: 'x' }, serviceTitle: 'Words', price: '2.5', timeoutMs: 4_000 },
  id: 'evt_1',
  seq: 9,
  attempt: 2,
  eventType: 'invocation.invoked',
  class: 'work',
  deadlineAt: '2026-01-05T10:00:04.000Z',
  traceparent: null,
};

describe('what the local target receives', () => {
  it('is one body with the fields of both shapes, for an invocation', () => {
    const delivery = deliveryOf(9, 2, INVOKED);
    const { redelivered: _, ...envelope } = INVOKED;
    expect(delivery.body).toEqual({
      ...envelope,
      type: 'service_invocation',
      invocationId: 41,
      serviceId: 7,
      input: { text: 'x' },
      callerId: undefined,
      price: '2.5',
      timeoutMs: 4_000,
      specVersion: '1',
    });
    expect(delivery).toMatchObject({ seq: 9, attempt: 2, id: 'evt_1', isWork: true, invocationId: 41 });
    expect(delivery.deadlineAt).toBe(Date.parse('2026-01-05T10:00:04.000Z'));
  });

  it.each([
    ['pending', undefined],
    ['completed', true],
    ['failed', true],
  ])('says of work that is %s whether it has ended: %s', (status, hasEnded) => {
    const delivery = deliveryOf(9, 2, { ...INVOKED, data: { ...INVOKED.data, status } });
    expect(delivery.hasEnded).toBe(hasEnded);
  });

  it('is the notification itself for every other event, which has no deadline', () => {
    const frame = {
      ...INVOKED,
      event: 'invocation_reviewed',
      eventType: 'review.created',
      class: 'info',
      deadlineAt: null,
      data: { invocationId: 41, rating: 5 },
    };
    const { redelivered: _, ...envelope } = frame;
    const delivery = deliveryOf(9, 2, frame);
    expect(delivery).toMatchObject({ isWork: false, event: 'invocation_reviewed' });
    expect(delivery.deadlineAt).toBeUndefined();
    expect(delivery.body).toEqual({ ...envelope, type: 'notification', specVersion: '1' });
  });
});
