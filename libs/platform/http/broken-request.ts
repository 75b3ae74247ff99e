import type { Socket } from 'node:net';
import type { Problem } from '#kernel';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import type { RateLimits } from '../rate-limit/index.js';
import { newTraceId } from '../trace.js';
import { rawProblemResponse } from './envelope.js';
import { httpProblems } from './http.problems.js';
import { rateHeaders } from './rate-fields.js';

type BrokenRequest = (error: { readonly code?: string }, socket: Socket) => void;

/** Answers what the HTTP parser refused. There is no request and no response then, only the socket. */
export function brokenRequestHandler({
  log,
  limits,
  metrics,
}: {
  log: Log;
  limits: RateLimits | undefined;
  metrics: Metrics | undefined;
}): BrokenRequest {
  const refused = metrics?.counter('c4c_http_malformed_total', 'Requests that the HTTP parser refused, by status.', [
    'status',
  ]);
  return ({ code = '' }, socket) => {
    if (code === 'ECONNRESET' || socket.destroyed) return;
    log.debug({ code }, 'request refused before it was a request');
    const problem = brokenRequestProblem(code);
    refused?.inc({ status: problem.kind.status });
    // Which headers it had is not known, so they are the limits of the peer.
    const headers = rateHeaders(limits?.fieldsFor({ socket, headers: {} }) ?? null);
    if (socket.writable) socket.write(rawProblemResponse(problem, newTraceId(), headers));
    socket.destroySoon();
  };
}

function brokenRequestProblem(code: string): Problem {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return httpProblems.REQUEST_TIMEOUT('The request did not arrive completely in time');
  }
  if (code === 'HPE_HEADER_OVERFLOW') {
    return httpProblems.HEADERS_TOO_LARGE('The request line and headers together may have 16 KiB');
  }
  return httpProblems.MALFORMED_REQUEST('The request is not well-formed HTTP/1.1');
}
