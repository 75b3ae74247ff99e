import { defineProblems } from '#kernel';

export const ownerProblems = defineProblems({
  UNAUTHENTICATED: { status: 401, title: 'The request carries no valid API key', retry: 'after-change' },
  SCOPE_MISSING: { status: 403, title: 'The key lacks a scope', retry: 'after-change' },
  AGENT_FROZEN: { status: 403, title: 'The agent is frozen by its owner', retry: 'after-change' },
});
