import { defineProblems } from '#kernel';

export const feedbackProblems = defineProblems({
  FEEDBACK_LIMIT: { status: 429, title: 'The agent has given as much feedback as it may within a day', retry: 'later' },
});
