import { BadRequestException, NotFoundException } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { LaneClosed, LaneFull } from '../lane.js';
import { httpProblems } from './http.problems.js';
import { problemOf } from './problem-of.js';

const withCode = (code: string): Error => Object.assign(new Error('x'), { code });

describe('problemOf', () => {
  it('keeps a problem as it is', () => {
    const problem = httpProblems.NOT_FOUND('gone');
    expect(problemOf(problem)).toBe(problem);
  });

  it.each([
    ['08006', withCode('08006')],
    ['57P01', withCode('57P01')],
    ['53300', withCode('53300')],
    ['57014', withCode('57014')],
    ['a refused socket', withCode('ECONNREFUSED')],
    ['all addresses refused', new AggregateError([withCode('ECONNREFUSED')])],
    ['a wrapped loss', new Error('outer', { cause: withCode('08003') })],
    ['a full pool', new Error('timeout exceeded when trying to connect')],
    ['a cut connection', new Error('Connection terminated unexpectedly')],
    ['a closed lane', new LaneClosed('closed')],
  ])('says UNAVAILABLE and when to come back for %s', (_what, error) => {
    expect(problemOf(error)).toMatchObject({ code: 'UNAVAILABLE', retryAfterS: 2 });
  });

  it('says OVERLOADED for a full lane', () => {
    expect(problemOf(new LaneFull('full'))).toMatchObject({ code: 'OVERLOADED', retryAfterS: 1 });
  });

  it.each([new Error('secret'), withCode('23505'), 'a string', undefined, null, { statusCode: 404 }])(
    'says INTERNAL and nothing more for %s',
    (thrown) => {
      const problem = problemOf(thrown);
      expect(problem.code).toBe('INTERNAL');
      expect(problem.detail).not.toContain('secret');
    },
  );

  it('does not run in circles when an error is its own cause', () => {
    const error = new Error('x');
    error.cause = error;
    expect(problemOf(error).code).toBe('INTERNAL');
  });

  it("takes the status of Nest's exceptions", () => {
    expect(problemOf(new NotFoundException()).code).toBe('NOT_FOUND');
    expect(problemOf(new BadRequestException('odd')).code).toBe('MALFORMED_REQUEST');
  });
});
