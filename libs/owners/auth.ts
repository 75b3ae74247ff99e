import {
  applyDecorators,
  createParamDecorator,
  Injectable,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { ownerProblems } from './owners.problems.js';
import type { AgentPrincipal, Principal, Scope } from './principal.js';

/** Whose key a route asks for. */
export type Requirement = { readonly kind: Principal['kind']; readonly scope?: Scope };

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Judged by `useKeys` before anything of the body is read. */
    requirement?: Requirement;
  }
  interface FastifyRequest {
    /** Whose key it carries, where the route asks for one. */
    principal?: Principal;
  }
}

/** Asks for an agent's key with this scope. A frozen agent is refused. */
export const AgentAuth = (scope: Scope): MethodDecorator & ClassDecorator => require({ kind: 'agent', scope });

/** Asks for an owner's key. */
export const OwnerAuth = (): MethodDecorator & ClassDecorator => require({ kind: 'owner' });

/** Asks for an administrator's key. */
export const AdminAuth = (): MethodDecorator & ClassDecorator => require({ kind: 'admin' });

/** The principal of the request, as a handler's argument. */
export const Caller = createParamDecorator((_data: unknown, context: ExecutionContext): Principal | undefined => {
  return context.switchToHttp().getRequest<FastifyRequest>().principal;
});

/** Behind the door, which has judged the key: a server that was built without the door lets nobody in. */
@Injectable()
class PrincipalGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    if (context.switchToHttp().getRequest<FastifyRequest>().principal !== undefined) return true;
    throw new Error('The key of this request was not judged: useKeys is missing');
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
  return applyDecorators(onEachRoute(RouteConfig({ requirement })), UseGuards(PrincipalGuard));
}

/** Nest hands the configuration of a method to Fastify, and of a class nothing. */
function onEachRoute(decorate: MethodDecorator): MethodDecorator & ClassDecorator {
  return (target: object, name?: string | symbol, descriptor?: PropertyDescriptor): void => {
    if (name !== undefined && descriptor !== undefined) {
      decorate(target, name, descriptor);
      return;
    }
    const prototype: unknown = Reflect.get(target, 'prototype');
    for (const [method, each] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      if (method !== 'constructor' && typeof each.value === 'function') decorate(target, method, each);
    }
  };
}
