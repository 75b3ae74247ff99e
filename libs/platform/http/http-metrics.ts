import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Counter } from 'prom-client';
import type { Histogram, Series } from '../histogram.js';
import type { Metrics } from '../metrics.js';

/** What answers a path or a method that no route takes. Strangers make paths up, so all of them are one. */
const UNMATCHED = 'unmatched';
/** The status of an answer that its client did not wait for. */
const ABORTED = 'aborted';
// An answer may wait for its invocation for a minute.
const BOUNDS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Counts requests by method, route and status, and measures how long their answers took. */
export function addHttpMetrics(fastify: FastifyInstance, metrics: Metrics): void {
  const requests = metrics.counter(
    'c4c_http_requests_total',
    'HTTP requests that have ended, by method, route and status.',
    ['method', 'route', 'status'],
  );
  const durations = metrics.histogram(
    'c4c_http_request_duration_seconds',
    'Time from a request to the end of its answer, by method and route.',
    BOUNDS_S,
  );
  let inFlight = 0;
  metrics.gauge('c4c_http_requests_in_flight', 'HTTP requests that are being answered.', () => inFlight);
  const routes = new Map<string, Route>();

  // The end of the connection's use, not of the handler's work: it comes once for each request, also when the client has left.
  fastify.addHook('onRequest', (request, reply, done) => {
    inFlight += 1;
    reply.raw.once('close', () => {
      inFlight -= 1;
      const method = request.is404 ? methodOf(request) : request.method;
      const url = (request.is404 ? undefined : request.routeOptions.url) ?? UNMATCHED;
      const key = `${method} ${url}`;
      let route = routes.get(key);
      if (route === undefined) {
        route = new Route(requests, durations, method, url);
        routes.set(key, route);
      }
      route.ended(statusOf(reply), reply.elapsedTime / 1_000);
    });
    done();
  });
}

/** The series of one route; looked up once, since that costs more than counting. */
class Route {
  private readonly duration: Series;
  private readonly statuses = new Map<string, Counter.Internal>();

  constructor(
    private readonly requests: Counter,
    durations: Histogram,
    private readonly method: string,
    private readonly route: string,
  ) {
    this.duration = durations.labels({ method, route });
  }

  ended(status: string, seconds: number): void {
    this.duration.observe(seconds);
    let count = this.statuses.get(status);
    if (count === undefined) {
      count = this.requests.labels({ method: this.method, route: this.route, status });
      this.statuses.set(status, count);
    }
    count.inc();
  }
}

// Node's parser takes many more, none of which any route has.
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

function methodOf({ method }: FastifyRequest): string {
  return METHODS.has(method) ? method : 'other';
}

function statusOf({ raw, statusCode }: FastifyReply): string {
  return raw.writableFinished ? String(statusCode) : ABORTED;
}
