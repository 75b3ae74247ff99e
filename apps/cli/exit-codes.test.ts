import { describe, expect, it } from 'vitest';
import { EXIT, exitCodeFor } from './exit-codes.js';

describe('exit codes', () => {
  it.each([
    [400, 'VALIDATION_FAILED', 2],
    [400, 'INPUT_INVALID', 2],
    [401, 'UNAUTHENTICATED', 4],
    [402, 'INSUFFICIENT_FUNDS', 6],
    [403, 'SCOPE_MISSING', 4],
    [403, 'AGENT_FROZEN', 5],
    [403, 'TOP_UP_NOT_CONFIGURED', 5],
    [404, 'NOT_FOUND', 3],
    [405, 'METHOD_NOT_ALLOWED', 1],
    [409, 'ALREADY_SETTLED', 5],
    [409, 'PRICE_ABOVE_MAXIMUM', 6],
    [413, 'BODY_TOO_LARGE', 2],
    [422, 'IDEMPOTENCY_KEY_REUSED', 5],
    [202, 'APPROVAL_REQUIRED', 7],
    [403, 'APPROVAL_DENIED', 7],
    [429, 'APPROVAL_LIMIT', 9],
    [409, 'APPROVAL_DECIDED', 5],
    [409, 'APPROVAL_EXPIRED', 5],
    [402, 'BUDGET_EXCEEDED', 6],
    [0, 'BUDGET_EXCEEDED', 6],
    [429, 'SERVICE_BUSY', 9],
    [429, 'RATE_LIMITED', 9],
    [500, 'INTERNAL', 1],
    [503, 'OVERLOADED', 10],
  ])('answers %i %s with %i', (status, code, exit) => {
    expect(exitCodeFor(status, code)).toBe(exit);
  });

  it('has the numbers that the documentation promises', () => {
    expect(Object.values(EXIT)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });
});
