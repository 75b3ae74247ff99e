import { expect, it } from 'vitest';
import { defineProblems, Problem, problemKinds } from './problem.js';

const problems = defineProblems({ TEST_ONLY_REFUSED: { status: 409, title: 'Refused', retry: 'later' } });

it('makes problems of one kind and lists the kind', () => {
  const problem = problems.TEST_ONLY_REFUSED('because', { retryAfterS: 3, cause: new Error('inner') });
  expect(problem).toBeInstanceOf(Problem);
  expect(problem).toMatchObject({ code: 'TEST_ONLY_REFUSED', detail: 'because', retryAfterS: 3 });
  expect(problem.cause).toBeInstanceOf(Error);
  expect(problemKinds()).toContainEqual({
    code: 'TEST_ONLY_REFUSED',
    status: 409,
    title: 'Refused',
    retry: 'later',
    slug: 'test-only-refused',
  });
});

it('takes a code only once and only in capitals', () => {
  const declaration = { status: 409, title: 'x', retry: 'no' } as const;
  expect(() => defineProblems({ TEST_ONLY_REFUSED: declaration })).toThrow(/twice/);
  expect(() => defineProblems({ refused: declaration })).toThrow(/SCREAMING/);
});
