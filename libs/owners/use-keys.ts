import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { RateLimits } from '#platform';
import { requireAllowed, type Requirement } from './auth.js';
import { KeyDoor } from './key-door.js';
import type { Principal } from './principal.js';
import { sessionInCookie } from './session-cookie.js';

// What is under them asks the database; the documents and what operators look at do not.
const ASKING = ['/openapi/v1/', '/signup/', '/approvals/'];

/**
 * Judges who asks before anything of the body is read: reading and parsing cost most, and a stranger shall not have them. A
 * key whose principal is in memory is judged at once, without a turn of the event loop. What needs no key is counted for its
 * address.
 */
export function useKeys(app: NestFastifyApplication): void {
  const door = app.get(KeyDoor);
  const limits = app.get(RateLimits);
  const addressOf = (request: FastifyRequest): string => limits.addressOf(request.raw);

  /** False when the key has to be looked up. */
  const isLetIn = (request: FastifyRequest, requirement: Requirement | undefined): boolean => {
    if (requirement === undefined) {
      const { url } = request.routeOptions;
      if (ASKING.some((path) => url?.startsWith(path))) limits.admitKeyless(addressOf(request), request);
      return true;
    }
    const principal = door.enterKnown(keyOf(request, requirement), requirement.kind, request);
    if (principal === undefined) return false;
    admit(request, requirement, principal);
    return true;
  };

  const fastify = app.getHttpAdapter().getInstance();
  fastify.decorateRequest('principal');
  fastify.addHook('onRequest', (request, _reply, done) => {
    const { requirement } = request.routeOptions.config;
    let isIn: boolean;
    try {
      isIn = isLetIn(request, requirement);
    } catch (refusal) {
      // Everything that is thrown here is an Error.
      done(refusal as Error);
      return;
    }
    if (isIn || requirement === undefined) {
      done();
      return;
    }
    door
      .enter(keyOf(request, requirement), requirement.kind, () => addressOf(request), request)
      .then((principal) => admit(request, requirement, principal))
      .then(() => done(), done);
  });
}

/** The header of the clients, then that of everybody, then what a browser keeps, which opens an owner's doors only. */
function keyOf(request: FastifyRequest, { kind }: Requirement): string | undefined {
  const { 'x-api-key': key, authorization } = request.headers;
  if (typeof key === 'string') return key;
  if (authorization !== undefined) return /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  return kind === 'owner' ? sessionInCookie(request) : undefined;
}

/** @throws {Problem} AGENT_FROZEN, SCOPE_MISSING */
function admit(request: FastifyRequest, { scope }: Requirement, principal: Principal): void {
  if (principal.kind === 'agent') requireAllowed(principal, scope);
  request.principal = principal;
}
