import { describe, expect, it } from 'vitest';
import { EVENT_TYPES, EVENTS, isEventTypeOf } from '#events';
import { noticeData } from './notices.js';

const NOTICE = {
  endpointId: 5n,
  reason: 'gone',
  url: 'https://agent.example.com/hook',
  consecutiveFailures: 1,
  failingSince: new Date('2026-03-01T11:58:12Z'),
};

describe('an event about an endpoint', () => {
  it.each(EVENT_TYPES.filter((type) => isEventTypeOf(type, 'endpoint')))(
    '%s has the data that the catalogue lists, and its example too',
    (type) => {
      const data = noticeData(type, NOTICE);
      expect(Object.keys(data)).toEqual(Object.keys(EVENTS[type].fields));
      expect(Object.keys(EVENTS[type].example)).toEqual(Object.keys(data));
      expect(data['state']).toBe(EVENTS[type].example.state);
    },
  );

  it('says what is known of a notice that is older than its counts', () => {
    expect(noticeData('endpoint.failing', { ...NOTICE, consecutiveFailures: null, failingSince: null })).toEqual({
      endpointId: 5,
      url: 'https://agent.example.com/hook',
      state: 'failing',
      reason: 'gone',
      consecutiveFailures: null,
      failingSince: null,
    });
  });
});
