import { defineProblems } from '#kernel';

export const agentProblems = defineProblems({
  KEY_LIMIT: { status: 409, title: 'The agent has as many live keys as it may have', retry: 'after-change' },
});
