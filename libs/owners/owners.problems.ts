import { defineProblems, type Problem } from '#kernel';
import type { Principal } from './principal.js';

export const ownerProblems = defineProblems({
  UNAUTHENTICATED: { status: 401, title: 'The request carries no valid API key', retry: 'after-change' },
  SCOPE_MISSING: { status: 403, title: 'The key lacks a scope', retry: 'after-change' },
  KEY_LIMIT: { status: 409, title: 'There are as many live keys as there may be', retry: 'after-change' },
  LAST_KEY: { status: 409, title: 'It is the only way in that the owner has', retry: 'after-change' },
  LOGIN_FAILED: { status: 401, title: 'The login or the password is wrong', retry: 'after-change' },
  LOGIN_TAKEN: { status: 409, title: 'Another owner has this login', retry: 'after-change' },
  LOGIN_EXISTS: { status: 409, title: 'The owner has a login already', retry: 'after-change' },
  INVITATION_ENDED: { status: 410, title: 'The link to sign up with has ended', retry: 'no' },
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
