import { HttpException } from '@nestjs/common';
import { InvalidShells, MalformedJson, Problem, UnsafeJson } from '#kernel';
import { LaneClosed, LaneFull } from '../lane.js';
import { isConnectionLoss, isRetryable, sqlState } from '../sql-state.js';
import { TurnstileFull } from '../turnstile.js';
import { httpProblems } from './http.problems.js';

const RETRY_AFTER_S = 2;
const CAUSES_MAX = 4;

/** The problem that stands for anything that was thrown. What nobody expected becomes INTERNAL and tells nothing. */
export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown;
  if (thrown instanceof UnsafeJson) {
    return httpProblems.VALIDATION_FAILED(fieldsDetail(thrown.errors.length), { errors: thrown.errors });
  }
  if (thrown instanceof MalformedJson) return httpProblems.MALFORMED_JSON(thrown.message);
  if (thrown instanceof InvalidShells) return httpProblems.VALIDATION_FAILED(`An amount ${thrown.message}`);
  if (thrown instanceof LaneFull) {
    return httpProblems.OVERLOADED('Too many requests are waiting; try again in 1 second', { retryAfterS: 1 });
  }
  if (thrown instanceof TurnstileFull) {
    return httpProblems.OVERLOADED('As many long readings as there may be are under way; repeat the request shortly', {
      retryAfterS: RETRY_AFTER_S,
      cause: thrown,
    });
  }
  if (isOutOfReach(thrown)) {
    return httpProblems.UNAVAILABLE('The database cannot be reached at the moment; repeat the request shortly', {
      retryAfterS: RETRY_AFTER_S,
      cause: thrown,
    });
  }
  const status = statusOf(thrown);
  if (status !== undefined && status < 500) return problemOfStatus(status, thrown);
  if (status === 503) {
    return httpProblems.UNAVAILABLE('Repeat the request shortly', { retryAfterS: RETRY_AFTER_S, cause: thrown });
  }
  return httpProblems.INTERNAL('The request failed; the trace id finds it in the log', { cause: thrown });
}

/** "3 fields are wrong", for the detail of a VALIDATION_FAILED. */
export function fieldsDetail(count: number): string {
  return count === 1 ? 'One field is wrong; see errors' : `${count} fields are wrong; see errors`;
}

/** Fastify's and Nest's own refusals, which say little more than their status. */
function problemOfStatus(status: number, thrown: unknown): Problem {
  const cause = { cause: thrown };
  switch (status) {
    case 404:
      return httpProblems.NOT_FOUND('There is nothing at this address', cause);
    case 405:
      return httpProblems.METHOD_NOT_ALLOWED('This path does not take this method', cause);
    case 408:
      return httpProblems.REQUEST_TIMEOUT('The request did not arrive completely in time', cause);
    case 413:
      return httpProblems.BODY_TOO_LARGE('The body is larger than this server takes', cause);
    case 414:
      return httpProblems.URL_TOO_LONG('The URL is longer than this server takes', cause);
    case 415:
      return httpProblems.UNSUPPORTED_MEDIA_TYPE('Send the body as application/json', cause);
    case 431:
      return httpProblems.HEADERS_TOO_LARGE('The request headers are larger than this server takes', cause);
    default:
      return httpProblems.MALFORMED_REQUEST(messageOf(thrown), cause);
  }
}

/** The status of a Nest HttpException or of a Fastify error. */
function statusOf(thrown: unknown): number | undefined {
  if (thrown instanceof HttpException) return thrown.getStatus();
  if (typeof thrown !== 'object' || thrown === null) return undefined;
  const status: unknown = Reflect.get(thrown, 'statusCode');
  const code: unknown = Reflect.get(thrown, 'code');
  const isFastify = typeof code === 'string' && code.startsWith('FST_');
  return isFastify && typeof status === 'number' && status >= 400 ? status : undefined;
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : 'The request cannot be understood';
}

// pg's pool reports these without a code.
const POOL_MESSAGES = /^(?:timeout exceeded when trying to connect|cannot use a pool after|client has encountered)/i;
// Too many connections and other exhausted resources, a statement or a lock that took too long.
const BUSY_STATES = /^(?:53[0-9A-Z]{3}|57014|55P03)$/;

/** Whether the database (or its socket) went away or is too busy, here or in what caused the error. */
function isOutOfReach(thrown: unknown, depth = 0): boolean {
  if (!(thrown instanceof Error) || depth > CAUSES_MAX) return false;
  if (thrown instanceof LaneClosed || isConnectionLoss(thrown) || isRetryable(thrown)) return true;
  if (BUSY_STATES.test(sqlState(thrown) ?? '') || POOL_MESSAGES.test(thrown.message)) return true;
  // A connection tried on several addresses fails with one error for each.
  if (thrown instanceof AggregateError && thrown.errors.some((error) => isOutOfReach(error, depth + 1))) return true;
  return isOutOfReach(thrown.cause, depth + 1);
}
