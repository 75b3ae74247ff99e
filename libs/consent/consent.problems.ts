import { defineProblems } from '#kernel';

export const consentProblems = defineProblems({
  APPROVAL_REQUIRED: { status: 202, title: 'The owner is asked first', retry: 'later' },
  APPROVAL_DENIED: { status: 403, title: 'The owner has denied this', retry: 'no' },
  APPROVAL_LIMIT: { status: 429, title: 'The agent has as many approvals waiting as it may have', retry: 'later' },
  APPROVAL_EXPIRED: { status: 409, title: 'The approval was not decided in time', retry: 'no' },
  APPROVAL_DECIDED: { status: 409, title: 'The approval was decided otherwise', retry: 'no' },
  APPROVAL_ENDED: { status: 409, title: 'The approval does not stand for this any more', retry: 'no' },
  BUDGET_EXCEEDED: { status: 402, title: 'The budget of the agent does not cover the price', retry: 'after-change' },
});
