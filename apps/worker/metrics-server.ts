import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MetricsDoor } from '#owners';
import {
  brokenRequestHandler,
  httpProblems,
  JSON_TYPE,
  newTraceId,
  problemBody,
  problemOf,
  rateHeaders,
  RateLimits,
  type Platform,
  type RateNote,
} from '#platform';
import type { Worker } from './worker.js';

const REQUEST_TIMEOUT_MS = 10_000;
const CONNECTIONS_MAX = 20;

export type MetricsServer = { readonly url: string; close(): Promise<void> };

/** Serves GET /metrics and nothing else, for a worker that has no other HTTP. Undefined without C4C_METRICS_PORT.
 *  @throws the socket's error, such as EADDRINUSE */
export async function serveMetrics(platform: Platform, worker: Worker): Promise<MetricsServer | undefined> {
  const { host, metrics } = platform.config;
  if (metrics.port === undefined) return undefined;
  const desk = new Desk(platform, worker);
  // Node would answer what has no Host header or does not parse without a body.
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, requireHostHeader: false }, (request, response) => {
    void desk.answer(request, response);
  });
  server.on(
    'clientError',
    brokenRequestHandler({ log: platform.log, limits: worker.app.get(RateLimits), metrics: undefined }),
  );
  server.maxConnections = CONNECTIONS_MAX;
  const { address, family, port } = await listening(server, metrics.port, host);
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listening(server: Server, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('the server listens on no port'));
      else resolve(address);
    });
  });
}

/** Answers what comes to a worker. */
class Desk {
  private readonly door: MetricsDoor;
  private readonly limits: RateLimits;

  constructor(
    private readonly platform: Platform,
    { app }: Worker,
  ) {
    this.door = app.get(MetricsDoor);
    this.limits = app.get(RateLimits);
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const note: RateNote = { rateFields: null };
    const traceId = newTraceId();
    let [status, contentType, body] = [200, this.platform.metrics.contentType, ''];
    try {
      body = await this.figuresFor(request, note);
    } catch (thrown) {
      const problem = problemOf(thrown);
      if (problem.kind.status >= 500) this.platform.log.error({ err: thrown }, 'the metrics could not be read');
      if (problem.kind.status === 405) response.setHeader('allow', 'GET, HEAD');
      if (problem.retryAfterS !== undefined) response.setHeader('retry-after', problem.retryAfterS);
      [status, contentType] = [problem.kind.status, JSON_TYPE];
      body = problemBody(problem, traceId, pathOf(request));
    }
    response.writeHead(status, {
      'content-type': contentType,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-trace-id': traceId,
      ...rateHeaders(note.rateFields ?? this.limits.fieldsFor(request)),
    });
    response.end(body);
  }

  private async figuresFor(request: IncomingMessage, note: RateNote): Promise<string> {
    if (pathOf(request) !== '/metrics') throw httpProblems.NOT_FOUND('A worker serves /metrics and nothing else');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      throw httpProblems.METHOD_NOT_ALLOWED(`This path takes GET and HEAD, not ${request.method ?? 'that'}`);
    }
    await this.door.admit(request, note);
    return this.platform.metrics.text();
  }
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '';
}
