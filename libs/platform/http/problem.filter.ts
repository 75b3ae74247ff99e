import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Problem } from '#kernel';
import { damped } from '../damped.js';
import type { Log } from '../log.js';
import { JSON_TYPE, problemBody } from './envelope.js';
import { problemOf } from './problem-of.js';

/** Turns whatever a request threw into the one error envelope; logs what nobody expected, with its cause. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly log: Log) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    if (host.getType() !== 'http') {
      this.log.error({ err: thrown }, 'unexpected error outside HTTP');
      return;
    }
    const http = host.switchToHttp();
    sendProblem(this.log, thrown, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }
}

export function sendProblem(log: Log, thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  if (request.raw.errored !== null || (request.raw.destroyed && !request.raw.complete)) {
    // The client left in the middle of its own request. Nobody reads an answer, and nothing is wrong here.
    log.debug({ err: thrown }, 'the client left before its request was complete');
    reply.raw.destroy();
    return;
  }
  const problem = problemOf(thrown);
  logUnexpected(log, problem, thrown);
  if (reply.sent || reply.raw.headersSent) {
    // Half an answer is on its way already: a broken connection is the only honest end.
    reply.raw.destroy();
    return;
  }
  if (problem.retryAfterS !== undefined) reply.header('retry-after', String(problem.retryAfterS));
  reply
    .code(problem.kind.status)
    .header('content-type', JSON_TYPE)
    .send(problemBody(problem, request.id, pathOf(request)));
}

function logUnexpected(log: Log, problem: Problem, thrown: unknown): void {
  if (problem.kind.status < 500) return;
  const message = problem.kind.code === 'INTERNAL' ? 'request failed unexpectedly' : problem.kind.title;
  if (problem.kind.code === 'INTERNAL') log.error({ err: thrown }, message);
  else warnSometimes(log)(thrown);
}

/** Who is refused because too many come must not fill the disk as well; the metrics count each. */
function warnSometimes(log: Log): (thrown: unknown) => void {
  const known = warnings.get(log);
  if (known !== undefined) return known;
  const warn = damped((error) => log.warn({ err: error }, 'requests are refused with 503'));
  warnings.set(log, warn);
  return warn;
}

const warnings = new WeakMap<Log, (thrown: unknown) => void>();

/** The path without the query, which may hold what should not be repeated. */
export function pathOf(request: FastifyRequest): string {
  const { url } = request;
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}
