import {
  applyDecorators,
  createParamDecorator,
  Injectable,
  SetMetadata,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { RateLimits, type RateNote } from '#platform';
import { KeyDoor } from './key-door.js';
import { ownerProblems } from './owners.problems.js';
import type { AgentPrincipal, Principal, Scope } from './principal.js';

type Requirement = { kind: Principal['kind']; scope?: Scope };

const REQUIREMENT = 'c4c:auth';

/** Asks for an agent's key with this scope. A frozen agent is refused. */
export const AgentAuth = (scope: Scope): MethodDecorator & ClassDecorator => require({ kind: 'agent', scope });

/** Asks for an owner's key. */
export const OwnerAuth = (): MethodDecorator & ClassDecorator => require({ kind: 'owner' });

/** Asks for an administrator's key. */
export const AdminAuth = (): MethodDecorator & ClassDecorator => require({ kind: 'admin' });

/** The principal of the request, as a handler's argument. */
export const Caller = createParamDecorator((_data: unknown, context: ExecutionContext): Principal | undefined => {
  return context.switchToHttp().getRequest<Authenticated>().principal;
});

type Authenticated = FastifyRequest & RateNote & { principal?: Principal };

@Injectable()
export class KeyGuard implements CanActivate {
  constructor(
    private readonly door: KeyDoor,
    private readonly limits: RateLimits,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const required = this.reflector.getAllAndOverride<Requirement>(REQUIREMENT, [
      context.getHandler(),
      context.getClass(),
    ]);
    const request = context.switchToHttp().getRequest<Authenticated>();
    const header = request.headers['x-api-key'];
    const key = typeof header === 'string' ? header : undefined;
    const principal = await this.door.enter(key, required.kind, () => this.limits.addressOf(request.raw), request);
    if (principal.kind === 'agent') requireAllowed(principal, required.scope);
    request.principal = principal;
    return true;
  }
}

/** @throws {Problem} AGENT_FROZEN, SCOPE_MISSING */
export function requireAllowed(principal: AgentPrincipal, scope: Scope | undefined): void {
  if (principal.isFrozen) {
    throw ownerProblems.AGENT_FROZEN(
      'The owner has frozen this agent: its keys open nothing until it is unfrozen; what it holds runs to its end',
    );
  }
  if (scope !== undefined && !principal.scopes.includes(scope)) {
    throw ownerProblems.SCOPE_MISSING(
      `This key lacks the scope "${scope}"; it has ${principal.scopes.join(', ') || 'none'}`,
      {
        details: { scope, scopes: [...principal.scopes] },
      },
    );
  }
}

function require(requirement: Requirement): MethodDecorator & ClassDecorator {
  return applyDecorators(SetMetadata(REQUIREMENT, requirement), UseGuards(KeyGuard));
}
