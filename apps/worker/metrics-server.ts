import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MetricsDoor } from '#owners';
import { httpProblems, JSON_TYPE, newTraceId, problemBody, problemOf, type Platform } from '#platform';
import type { Worker } from './worker.js';

const REQUEST_TIMEOUT_MS = 10_000;
const CONNECTIONS_MAX = 20;

export type MetricsServer = { readonly url: string; close(): Promise<void> };

/** Serves GET /metrics and nothing else, for a worker that has no other HTTP. Undefined without C4C_METRICS_PORT.
 *  @throws the socket's error, such as EADDRINUSE */
export async function serveMetrics(platform: Platform, worker: Worker): Promise<MetricsServer | undefined> {
  const { host, metrics } = platform.config;
  if (metrics.port === undefined) return undefined;
  const door = worker.app.get(MetricsDoor);
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    answer(platform, door, request, response).catch((thrown: unknown) => refuse(platform, thrown, request, response));
  });
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

async function answer(
  { metrics }: Platform,
  door: MetricsDoor,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (pathOf(request) !== '/metrics') throw httpProblems.NOT_FOUND('A worker serves /metrics and nothing else');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    throw httpProblems.METHOD_NOT_ALLOWED(`This path takes GET and HEAD, not ${request.method ?? 'that'}`);
  }
  await door.admit(request, { rateFields: null });
  send(response, 200, metrics.contentType, await metrics.text(), newTraceId());
}

function refuse({ log }: Platform, thrown: unknown, request: IncomingMessage, response: ServerResponse): void {
  const problem = problemOf(thrown);
  if (problem.kind.status >= 500) log.error({ err: thrown }, 'the metrics could not be read');
  const traceId = newTraceId();
  const body = problemBody(problem, traceId, pathOf(request));
  if (problem.retryAfterS !== undefined) response.setHeader('retry-after', problem.retryAfterS);
  send(response, problem.kind.status, JSON_TYPE, body, traceId);
}

function send(response: ServerResponse, status: number, contentType: string, body: string, traceId: string): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-trace-id': traceId,
  });
  response.end(body);
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '';
}
