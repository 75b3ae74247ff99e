import { defineProblems, type Problem } from '#kernel';

export const escrowProblems = defineProblems({
  INSUFFICIENT_FUNDS: { status: 402, title: 'The wallet has too little', retry: 'after-change' },
  IDEMPOTENCY_KEY_REUSED: {
    status: 422,
    title: 'The idempotency key belongs to another request',
    retry: 'after-change',
  },
  IDEMPOTENCY_IN_PROGRESS: {
    status: 409,
    title: 'A request with this idempotency key is still running',
    retry: 'later',
  },
  TOP_UP_NOT_CONFIGURED: { status: 403, title: 'Owners cannot deposit here', retry: 'no' },
  REVERSAL_REFUSED: { status: 409, title: 'The transfer cannot be reversed', retry: 'no' },
});

/** The problem of a key that was used with another request before. */
export function keyReused(key: string): Problem {
  return escrowProblems.IDEMPOTENCY_KEY_REUSED(
    `The key "${key}" was used with a different request before; use a new key for a new request`,
  );
}
