import { describe, expect, it } from 'vitest';
import { sinceOf } from './webhook-deliveries.commands.js';
import { deliveryLines, deliveryPageLines, replayLines } from './webhook-deliveries.view.js';

const NOW = Date.parse('2026-01-05T10:00:00Z');

describe('since', () => {
  it.each([
    ['90s', '2026-01-05T09:58:30.000Z'],
    ['30m', '2026-01-05T09:30:00.000Z'],
    ['2h', '2026-01-05T08:00:00.000Z'],
    ['3d', '2026-01-02T10:00:00.000Z'],
    ['2026-01-04T10:00:00+02:00', '2026-01-04T08:00:00.000Z'],
    ['2026-01-04', '2026-01-04T00:00:00.000Z'],
  ])('%s is %s', (text, at) => expect(sinceOf(text, undefined, NOW)).toBe(at));

  it.each(['', 'yesterday', '2w', '5', '-1h', '2026-13-01'])('%j is no time', (text) => {
    expect(() => sinceOf(text, undefined, NOW)).toThrow();
  });
});

const DELIVERY = {
  id: 812,
  endpointId: 5,
  eventId: 'evt_1',
  seq: 41,
  eventType: 'invocation.completed',
  invocationId: 4711,
  class: 'info',
  status: 'pending',
  attempts: 2,
  nextTryAt: '2026-01-05T10:05:00.000Z',
  expiresAt: null,
  replayOf: 811,
  replayId: 4,
  createdAt: '2026-01-05T10:00:00.000Z',
  endedAt: null,
};

it('shows a page, and where to read on', () => {
  expect(deliveryPageLines({ deliveries: [DELIVERY], nextBefore: 812 })).toEqual([
    ' ID  CREATED               SEQ  TYPE                  INVOCATION  STATUS   TRIES  NEXT TRY',
    '812  2026-01-05 10:00:00Z   41  invocation.completed        4711  pending      2  2026-01-05 10:05:00Z',
    'There may be more: --before 812',
  ]);
  expect(deliveryPageLines({ deliveries: [], nextBefore: null })).toEqual(['None.']);
});

it('shows every try with its phases, and what was said last', () => {
  const timings = { dnsMs: 1.2, connectMs: 8.1, tlsMs: null, firstByteMs: null, totalMs: 2_004 };
  const tries = [
    { attempt: 1, at: DELIVERY.createdAt, statusCode: null, reason: 'timeout', detail: 'no answer', timings },
    { attempt: 2, at: DELIVERY.createdAt, statusCode: 500, reason: null, detail: null, timings, response: 'no\nroom' },
  ].map((one) => ({ response: null, ...one }));
  expect(deliveryLines({ ...DELIVERY, tries }).slice(-5)).toEqual([
    'TRY  AT                    ANSWER                 DNS  CONNECT  TLS  FIRST BYTE  TOTAL',
    '  1  2026-01-05 10:00:00Z  timeout: no answer  1.2 ms   8.1 ms                     2 s',
    '  2  2026-01-05 10:00:00Z  500                 1.2 ms   8.1 ms                     2 s',
    'Answer: no',
    '        room',
  ]);
});

it.each([
  [{ kind: 'failed', after: null, through: null }, 'Of:     all that failed'],
  [{ kind: 'range', after: 30, through: 41 }, 'Of:     events 31 to 41'],
  [{ kind: 'one', after: null, through: null }, 'Of:     one delivery'],
])('says what %j is of', (replay, line) => {
  expect(replayLines({ id: 3, status: 'done', made: 1, ...replay })).toEqual([
    'Replay: 3',
    line,
    'Status: done',
    'Made:   1 delivery',
  ]);
});
