import type { IncomingMessage } from 'node:http';
import type { DynamicModule, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { nestLogger, type Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import type { RateLimits } from '../rate-limit/index.js';
import { newTraceId, traceIdFrom } from '../trace.js';
import { addAdmission, type Admission } from './admission.js';
import { brokenRequestHandler } from './broken-request.js';
import { DtoPipe } from './dto.pipe.js';
import { EnvelopeAdapter } from './envelope.adapter.js';
import { addEdgeHooks, EDGE_HEADERS } from './edge-hooks.js';
import { addHttpMetrics } from './http-metrics.js';
import { takeFormBodies } from './form-body.js';
import { takeJsonBodies } from './json-body.js';
import { ProblemFilter, sendProblem } from './problem.filter.js';
import { addRateFields, rateHeaders } from './rate-fields.js';
import { endSilentSockets } from './silent-sockets.js';

export const BODY_LIMIT_BYTES = 256 * 1024;

export type HttpAppOptions = {
  log: Log;
  metrics?: Metrics;
  bodyLimitBytes?: number;
  requestTimeoutMs?: number;
  /** Without them no answer names a limit. */
  limits?: RateLimits;
  /** How many are worked on at a time, and how many whose bodies are still arriving. */
  admission?: Admission;
  arriving?: Admission;
};

/**
 * A Nest application on Fastify whose every answer, also to what is hardly HTTP, is the one envelope. Call `listen` on it,
 * or `init` to use it with `inject`. Nest's function middleware is not supported (Fastify's hooks do that work).
 */
export async function createHttpApp(
  module: Type | DynamicModule,
  {
    log,
    metrics,
    bodyLimitBytes = BODY_LIMIT_BYTES,
    requestTimeoutMs = 30_000,
    limits,
    admission,
    arriving,
  }: HttpAppOptions,
): Promise<NestFastifyApplication> {
  const adapter = new EnvelopeAdapter({
    bodyLimit: bodyLimitBytes,
    skipMiddie: true,
    // Requests that arrive while the application drains are still answered, in the envelope, and their connection closed.
    return503OnClosing: false,
    // A request must arrive whole in this time. It does not limit how long an answer may wait.
    requestTimeout: requestTimeoutMs,
    connectionTimeout: 120_000,
    http: {
      headersTimeout: requestTimeoutMs,
      connectionsCheckingInterval: Math.min(5_000, requestTimeoutMs),
      // Node would refuse such a request with an empty answer; the edge refuses it with a full one.
      requireHostHeader: false,
    },
    // A path id of any length is an unknown id; Node itself bounds the whole head to 16 KiB.
    routerOptions: { maxParamLength: 16 * 1024 },
    genReqId: (request: IncomingMessage) => traceIdFrom(request.headers['traceparent']) ?? newTraceId(),
    clientErrorHandler: brokenRequestHandler({ log, limits, metrics }),
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      reply.headers(EDGE_HEADERS).header('x-trace-id', request.id);
      if (limits !== undefined) reply.headers(rateHeaders(limits.fieldsFor(request.raw)));
      sendProblem(log, error, request, reply);
    },
  });
  takeJsonBodies(adapter.getInstance(), bodyLimitBytes);
  takeFormBodies(adapter.getInstance());
  if (metrics !== undefined) addHttpMetrics(adapter.getInstance(), metrics);
  addEdgeHooks(adapter.getInstance(), log);
  if (limits !== undefined) addRateFields(adapter.getInstance(), limits);
  const { server } = adapter.getInstance();
  addAdmission(adapter.getInstance(), { admission, arriving, metrics, limits });
  endSilentSockets(adapter.getInstance());
  // An expectation that nobody knows may be ignored (RFC 9110, 10.1.1); Node would answer 417 with no body.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    bodyParser: false,
    logger: nestLogger(log),
    abortOnError: false,
  });
  app.useGlobalPipes(new DtoPipe());
  app.useGlobalFilters(new ProblemFilter(log));
  return app;
}
