import { defineProblems, type Problem } from '#kernel';
import type { Principal } from './principal.js';

export const ownerProblems = defineProblems({
  UNAUTHENTICATED: { status: 401, title: 'The request carries no valid API key', retry: 'after-change' },
  SCOPE_MISSING: { status: 403, title: 'The key lacks a scope', retry: 'after-change' },
  AGENT_FROZEN: { status: 403, title: 'The agent is frozen by its owner', retry: 'after-change' },
});

const WHOSE: Record<Principal['kind'], string> = {
  agent: "an agent's",
  owner: "an owner's",
  admin: "an administrator's",
};

/** One answer for a key that is absent, malformed, unknown, expired or revoked. */
export function unauthenticated(kind: Principal['kind']): Problem {
  return ownerProblems.UNAUTHENTICATED(`Send ${WHOSE[kind]} valid key in the header X-API-Key`);
}
