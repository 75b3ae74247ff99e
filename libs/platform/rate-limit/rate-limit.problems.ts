import { defineProblems } from '#kernel';

export const rateLimitProblems = defineProblems({
  RATE_LIMITED: { status: 429, title: 'Too many requests in too short a time', retry: 'later' },
});
