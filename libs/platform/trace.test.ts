import { describe, expect, it } from 'vitest';
import { newTraceId, traceIdFrom, traceparentFrom } from './trace.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';

describe('a traceparent', () => {
  it.each([
    ['of version 00', `00-${TRACE}-${PARENT}-01`, `00-${TRACE}-${PARENT}-01`],
    ['with other flags', `00-${TRACE}-${PARENT}-03`, `00-${TRACE}-${PARENT}-03`],
    ['of a later version', `01-${TRACE}-${PARENT}-03`, `00-${TRACE}-${PARENT}-01`],
    ['of a later version with more', `cc-${TRACE}-${PARENT}-02-what-is-this`, `00-${TRACE}-${PARENT}-00`],
  ])('%s is passed on', (_name, header, passedOn) => {
    expect(traceparentFrom(header)).toBe(passedOn);
    expect(traceIdFrom(header)).toBe(TRACE);
  });

  it.each([
    undefined,
    '',
    `ff-${TRACE}-${PARENT}-01`,
    `00-${'0'.repeat(32)}-${PARENT}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${PARENT}-01`,
    `00-${TRACE}-${PARENT}-01-more`,
    `00-${TRACE}-${PARENT}-1`,
    `00-${TRACE}-${PARENT}`,
    `00-${TRACE}-${PARENT}-01, 00-${TRACE}-${PARENT}-01`,
    [`00-${TRACE}-${PARENT}-01`],
  ])('that is %j counts as absent', (header) => {
    expect(traceparentFrom(header)).toBeUndefined();
  });
});

it('makes a trace id of 32 digits, each time another, also when it has to draw again', () => {
  const ids = Array.from({ length: 1_000 }, () => newTraceId());
  expect(new Set(ids).size).toBe(1_000);
  expect(ids.filter((id) => !/^[0-9a-f]{32}$/.test(id))).toEqual([]);
});
