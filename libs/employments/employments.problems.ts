import { defineProblems } from '#kernel';

export const employmentProblems = defineProblems({
  OWN_AGENT: { status: 409, title: 'An agent cannot hire itself', retry: 'no' },
  EMPLOYEE_FROZEN: { status: 409, title: 'The employee is frozen by its owner', retry: 'later' },
  OFFER_LIMIT: { status: 429, title: 'The employer has as many offers waiting as it may have', retry: 'later' },
  OFFER_EXPIRED: { status: 409, title: 'The offer was not answered in time', retry: 'no' },
  EMPLOYMENT_ENDED: { status: 409, title: 'The employment has ended', retry: 'no' },
  EMPLOYMENT_STATE: { status: 409, title: 'The employment is not in a state for this', retry: 'no' },
});
