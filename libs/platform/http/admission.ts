import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Metrics } from '../metrics.js';
import type { RateLimits } from '../rate-limit/index.js';
import { newTraceId } from '../trace.js';
import { EDGE_HEADERS } from './edge-hooks.js';
import { JSON_TYPE, problemBody } from './envelope.js';
import { httpProblems } from './http.problems.js';
import { rateHeaders } from './rate-fields.js';

// A fifth of a second's work at some 5,000 requests a second: who is let in is answered within about that time, and those before
// the door learn at once that they had better come back.
const INSIDE_MAX = 1_024;
const RETRY_AFTER_S = 1;
// Characters; a header may have thousands, and no key of ours has more than these.
const KEPT_KEY_MAX = 128;
// Whoever is turned away should not come back before a second has passed. Being told only after half of it costs a client that
// heeds this nothing, and keeps one that does not from asking again and again, since refusing costs time as well.
const HELD_BACK_MS = 500;
const HELD_BACK_MAX = 2_048;
/** What operators look at is never kept out. */
const ALWAYS_OPEN = new Set(['/healthz', '/readyz', '/metrics']);

/**
 * Bounds how many requests are worked on at the same time. A request costs most before it waits for anything: reading, checking,
 * validating. So what cannot be served soon is refused before any of that, or refusing would cost what serving does
 * and nobody would be served.
 *
 * A key may have as many requests inside as there are places free (dynamic thresholds: A. Choudhury and E. Hahne, "Dynamic queue
 * length thresholds for shared-memory packet switches", IEEE/ACM Transactions on Networking 6(2), 1998, with α = 1). So one flood
 * comes to have half of the places, two have a third each, and whoever comes with a single request finds one.
 */
export class Admission {
  private inside = 0;
  private readonly insideOf = new Map<string, number>();

  constructor(private readonly insideMax = INSIDE_MAX) {}

  /** True when the request may go in; then `leave` is called once, with the same key. */
  enter(key: string): boolean {
    const own = this.insideOf.get(key) ?? 0;
    if (own >= this.insideMax - this.inside) return false;
    this.inside += 1;
    this.insideOf.set(key, own + 1);
    return true;
  }

  leave(key: string): void {
    const own = (this.insideOf.get(key) ?? 0) - 1;
    this.inside -= 1;
    // Whoever comes again keeps its entry: one that is made and deleted with each request makes the map copy itself all the time.
    if (own > 0 || key.length <= KEPT_KEY_MAX) this.insideOf.set(key, own);
    else this.insideOf.delete(key);
    if (this.insideOf.size > 2 * this.insideMax) this.forgetWhoLeft();
  }

  private forgetWhoLeft(): void {
    for (const [key, own] of this.insideOf) if (own === 0) this.insideOf.delete(key);
  }

  get size(): number {
    return this.inside;
  }
}

const LEAVE = Symbol('leave');
type Admitted = IncomingMessage & { [LEAVE]?: () => void };
type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Puts the door before everything else that the server does with a request. A request whose body is not here yet, however long that
 * takes, has a place among those only, so that nobody keeps others out by sending nothing.
 */
export function addAdmission(
  fastify: FastifyInstance,
  {
    admission = new Admission(),
    arriving = new Admission(),
    metrics,
    limits,
  }: {
    admission: Admission | undefined;
    arriving: Admission | undefined;
    metrics: Metrics | undefined;
    limits: RateLimits | undefined;
  },
): void {
  metrics?.gauge(
    'c4c_http_admitted',
    'Requests that are worked on; those that wait for an event are not.',
    () => admission.size + arriving.size,
  );
  const refused = metrics?.counter('c4c_http_turned_away_total', 'Requests refused before anything was read of them.');
  const turnAway = refusals(limits);
  const server: Server = fastify.server;
  const handlers = server.listeners('request') as Handler[];
  server.removeAllListeners('request');

  const enter = (place: Admission, request: Admitted, response: ServerResponse): void => {
    const header = request.headers['x-api-key'];
    const key = typeof header === 'string' ? header : '';
    if (!place.enter(key)) {
      refused?.inc();
      turnAway(request, response);
      return;
    }
    let isInside = true;
    const leave = (): void => {
      if (isInside) place.leave(key);
      isInside = false;
    };
    request[LEAVE] = leave;
    response.once('close', leave);
    for (const handle of handlers) handle(request, response);
  };

  server.on('request', (request: Admitted, response: ServerResponse) => {
    if (ALWAYS_OPEN.has(request.url ?? '')) {
      for (const handle of handlers) handle(request, response);
    } else if (!hasBody(request)) enter(admission, request, response);
    // A small body comes with its head, and the parser has read both when this loop has seen to its sockets.
    else setImmediate(() => enter(request.complete ? admission : arriving, request, response));
  });
  // The work is done. How long the client takes to read the answer is its own affair and costs no place.
  fastify.addHook('onSend', (request, _reply, payload, done) => {
    waitOutside(request);
    done(null, payload);
  });
}

function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return (length !== undefined && length !== '0') || headers['transfer-encoding'] !== undefined;
}

/** Gives the request's place to another: it waits for something to happen, or its answer is ready and only has to be taken. */
export function waitOutside({ raw }: FastifyRequest): void {
  const admitted: Admitted = raw;
  admitted[LEAVE]?.();
}

/** Refuses later, as long as not too many wait for it. */
function refusals(limits: RateLimits | undefined): Handler {
  let heldBack = 0;
  return (request, response) => {
    if (heldBack >= HELD_BACK_MAX) {
      turnAway(request, response, limits);
      return;
    }
    heldBack += 1;
    setTimeout(() => {
      heldBack -= 1;
      turnAway(request, response, limits);
    }, HELD_BACK_MS);
  };
}

/** As short as an answer can be; it is written most when there is least time for it. Node throws away the body that nobody reads. */
function turnAway(request: IncomingMessage, response: ServerResponse, limits: RateLimits | undefined): void {
  const traceId = newTraceId();
  const [path = ''] = (request.url ?? '').split('?', 1);
  const body = `${BODY_UNTIL_TRACE}${traceId}${BODY_UNTIL_INSTANCE}${JSON.stringify(path)}}`;
  const rates = rateHeaders(limits?.fieldsFor(request) ?? null);
  // A list of names and values goes out as it is; an object would be looked through first.
  const headers = [...HEADERS, 'content-length', String(Buffer.byteLength(body)), 'x-trace-id', traceId];
  for (const [name, value] of Object.entries(rates)) headers.push(name, value);
  response.writeHead(OVERLOADED.kind.status, headers);
  response.end(body);
}

const OVERLOADED = httpProblems.OVERLOADED('The server has more to do than it can; repeat the request in a moment', {
  retryAfterS: RETRY_AFTER_S,
});
const HEADERS = Object.entries({
  ...EDGE_HEADERS,
  'content-type': JSON_TYPE,
  'retry-after': String(RETRY_AFTER_S),
}).flat();
// The text of the problem is the same for all but for its trace and its path, which comes last.
const [BODY_UNTIL_TRACE = '', BODY_UNTIL_INSTANCE = ''] = problemBody(OVERLOADED, '\u2022', '')
  .replace(/""}$/, '')
  .split('\u2022');
