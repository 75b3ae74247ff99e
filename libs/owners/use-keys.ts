import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { RateLimits } from '#platform';
import { requireAllowed, type Requirement } from './auth.js';
import { KeyDoor } from './key-door.js';
import type { Principal } from './principal.js';

/**
 * Judges the key of a request before anything of its body is read: reading and parsing cost most, and a stranger shall not
 * have them. A key whose principal is in memory is judged at once, without a turn of the event loop.
 */
export function useKeys(app: NestFastifyApplication): void {
  const door = app.get(KeyDoor);
  const limits = app.get(RateLimits);
  const fastify = app.getHttpAdapter().getInstance();
  fastify.decorateRequest('principal');
  fastify.addHook('onRequest', (request, _reply, done) => {
    const { requirement } = request.routeOptions.config;
    if (requirement === undefined) {
      done();
      return;
    }
    const header = request.headers['x-api-key'];
    const key = typeof header === 'string' ? header : undefined;
    try {
      const known = door.enterKnown(key, requirement.kind, request);
      if (known !== undefined) {
        admit(request, requirement, known);
        done();
        return;
      }
    } catch (refusal) {
      // Everything that the door throws is an Error.
      done(refusal as Error);
      return;
    }
    door
      .enter(key, requirement.kind, () => limits.addressOf(request.raw), request)
      .then((principal) => admit(request, requirement, principal))
      .then(() => done(), done);
  });
}

/** @throws {Problem} AGENT_FROZEN, SCOPE_MISSING */
function admit(request: FastifyRequest, { scope }: Requirement, principal: Principal): void {
  if (principal.kind === 'agent') requireAllowed(principal, scope);
  request.principal = principal;
}
