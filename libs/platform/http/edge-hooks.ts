import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { FieldError } from '#kernel';
import type { Log } from '../log.js';
import { withTrace } from '../trace.js';
import { validationFailed } from './dto.pipe.js';
import { httpProblems } from './http.problems.js';
import { pathOf } from './problem.filter.js';
import { RouteTable } from './route-table.js';

/** For answers that are data; a page that loads scripts sets its own policy. */
export const EDGE_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
};

const QUIET_ROUTES = new Set(['/healthz', '/readyz']);

/** What happens to every request before and after its handler: trace id, headers, early refusals, one access line. */
export function addEdgeHooks(fastify: FastifyInstance, log: Log): void {
  const routes = new RouteTable();
  fastify.addHook('onRoute', ({ method, url }) => routes.add(method, url));

  fastify.addHook('onRequest', (request, reply, done) => {
    reply.headers(EDGE_HEADERS).header('x-trace-id', request.id);
    withTrace(request.id, () => {
      if (request.is404 && request.method === 'OPTIONS' && answeredOptions(routes, request, reply)) return;
      done(refusalOf(routes, request, reply));
    });
  });

  fastify.addHook('onSend', (_request, reply, payload, done) => {
    // Fastify would close the connection under a client that is still sending, which then never reads why. Node throws
    // the rest away instead, for as long as a request may take to arrive.
    if (reply.statusCode === 413 || reply.statusCode === 415) reply.removeHeader('connection');
    done(null, payload);
  });

  fastify.addHook('onResponse', (request, reply, done) => {
    const route = request.is404 ? undefined : request.routeOptions.url;
    const line = {
      method: request.method,
      route: route ?? pathOf(request).slice(0, 200),
      status: reply.statusCode,
      durationMs: Math.round(reply.elapsedTime * 100) / 100,
      traceId: request.id,
    };
    if (route !== undefined && QUIET_ROUTES.has(route) && reply.statusCode < 400) log.debug(line, 'request');
    else log.info(line, 'request');
    done();
  });
}

/** Answers OPTIONS for a known path with the methods it takes. */
function answeredOptions(routes: RouteTable, request: FastifyRequest, reply: FastifyReply): boolean {
  const methods = routes.methodsOf(pathOf(request));
  if (methods.length === 0) return false;
  reply.code(204).header('allow', methods.join(', ')).send();
  return true;
}

function refusalOf(routes: RouteTable, request: FastifyRequest, reply: FastifyReply): Error | undefined {
  // No path, search text or filter can contain U+0000, and PostgreSQL would raise on it.
  if (request.raw.url?.includes('%00') === true) {
    return httpProblems.MALFORMED_REQUEST('The URL contains the character U+0000');
  }
  if (request.headers.host === undefined && request.raw.httpVersion === '1.1') {
    return httpProblems.MALFORMED_REQUEST('The request has no Host header');
  }
  if (request.is404) return noSuchRoute(routes, request, reply);
  const doubled = doubledParameters(request.query);
  return doubled.length === 0 ? undefined : validationFailed(doubled);
}

function noSuchRoute(routes: RouteTable, request: FastifyRequest, reply: FastifyReply): Error {
  const methods = routes.methodsOf(pathOf(request));
  if (methods.length === 0) return httpProblems.NOT_FOUND('There is nothing at this address');
  reply.header('allow', methods.join(', '));
  return httpProblems.METHOD_NOT_ALLOWED(`This path takes ${methods.join(', ')}, not ${request.method}`);
}

/** A parameter given twice has no meaning that two readers would agree on. */
function doubledParameters(query: unknown): FieldError[] {
  const errors: FieldError[] = [];
  for (const [field, value] of Object.entries(query ?? {})) {
    if (Array.isArray(value)) errors.push({ field, message: 'must be given only once', code: 'doubled' });
  }
  return errors;
}
