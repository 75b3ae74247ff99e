import { describe, expect, it } from 'vitest';
import { deliveryOf } from './connect-frame.js';

const INVOKED = {
  type: 'notification',
  domain: 'service_invocation',
  event: 'service_invoked',
  timestamp: '2026-01-05T10:00:00.000Z',
  messageId: 'evt_1',
  data: {
    invocationId: 41,
    serviceId: 7,
    input: { text: 'x' },
    serviceTitle: 'Words',
    deadlineAt: '2026-01-05T10:00:04.000Z',
  },
};

describe('what the local webhook receives', () => {
  it('is one body with the fields of both shapes, for an invocation', () => {
    const delivery = deliveryOf(INVOKED, 0);
    expect(delivery?.body).toEqual({
      type: 'service_invocation',
      invocationId: 41,
      serviceId: 7,
      input: { text: 'x' },
      timestamp: '2026-01-05T10:00:00.000Z',
      domain: 'service_invocation',
      event: 'service_invoked',
      messageId: 'evt_1',
      data: INVOKED.data,
    });
    expect(delivery).toMatchObject({ isWork: true, invocationId: 41, names: ['evt_1', 'invoked:41'] });
    expect(delivery?.deadlineAt).toBe(Date.parse('2026-01-05T10:00:04.000Z'));
  });

  it('is the frame itself for every other event, for a minute', () => {
    const frame = { ...INVOKED, event: 'invocation_reviewed', data: { rating: 5 } };
    expect(deliveryOf(frame, 1_000)).toMatchObject({
      body: frame,
      isWork: false,
      deadlineAt: 61_000,
      names: ['evt_1'],
    });
  });

  it('writes a numeric time as the guide does', () => {
    expect(deliveryOf({ ...INVOKED, timestamp: 0 }, 0)?.body['timestamp']).toBe('1970-01-01T00:00:00.000Z');
  });

  it.each([[{ type: 'ping' }], [{ type: 'error', messageId: 'x' }], [{ type: 'notification' }]])(
    'is nothing for %j',
    (frame) => {
      expect(deliveryOf(frame, 0)).toBeUndefined();
    },
  );
});
