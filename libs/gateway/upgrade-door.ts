import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { Injectable } from '@nestjs/common';
import type { WebSocket, WebSocketServer } from 'ws';
import { Problem } from '#kernel';
import { KeyDoor, ownerProblems, requireAllowed, type AgentPrincipal } from '#owners';
import {
  httpProblems,
  JSON_TYPE,
  newTraceId,
  problemBody,
  problemOf,
  RateLimits,
  rateHeaders,
  SharedPlaces,
  within,
  type RateNote,
} from '#platform';
import { gatewayProblems } from './gateway.problems.js';
import type { SocketOwner } from './live-socket.js';
import { UpgradeTurns } from './upgrade-turns.js';

export const SOCKET_PATH = '/ws';
const V1 = 'c4c.v1';
const ANY_VERSION = /^c4c\.v/;
const SOCKETS_PER_AGENT_MAX = 5;
const AUTHENTICATION_TIMEOUT_MS = 5_000;
// What `ws` speaks. RFC 6455 (4.4) wants it on the answer to another version; on others it does no harm.
const HANDSHAKE_VERSIONS = { 'sec-websocket-version': '13, 8' };

/** Decides at the HTTP upgrade who gets a socket; everybody else gets an HTTP answer with the common envelope. */
@Injectable()
export class UpgradeDoor {
  private readonly open = new Map<bigint, number>();
  private isDraining = false;
  private readonly turns = new UpgradeTurns();
  private readonly notes = new WeakMap<IncomingMessage, RateNote>();

  constructor(
    private readonly door: KeyDoor,
    private readonly limits: RateLimits,
    private readonly places: SharedPlaces,
  ) {}

  /** From now on nobody is let in. */
  shut(): void {
    this.isDraining = true;
  }

  async admit(request: IncomingMessage, socket: Duplex, head: Buffer, server: WebSocketServer): Promise<void> {
    // The peer may vanish while its key is looked up.
    const ignore = (): void => undefined;
    socket.on('error', ignore);
    try {
      const owner = await this.ownerOf(request);
      if (socket.destroyed) return;
      await this.takePlace(owner.agentId, socket);
      if (socket.destroyed) return;
      // Shutting the door may have happened while the key was looked up.
      this.requireOpen();
      socket.off('error', ignore);
      server.handleUpgrade(request, socket, head, (ws: WebSocket) => server.emit('connection', ws, request, owner));
    } catch (error) {
      refuse(socket, problemOf(error), this.rateHeadersOf(request));
    }
  }

  /** Answers a handshake that `ws` does not take. */
  refuseHandshake(request: IncomingMessage, socket: Duplex, why: string): void {
    const headers = { ...HANDSHAKE_VERSIONS, ...this.rateHeadersOf(request) };
    if (request.method === 'GET') {
      const detail = `The request asks for a WebSocket and is no handshake of RFC 6455: ${why}`;
      refuse(socket, httpProblems.MALFORMED_REQUEST(detail), headers);
    } else {
      const detail = `A WebSocket is opened with GET, not ${request.method ?? 'that'}`;
      refuse(socket, httpProblems.METHOD_NOT_ALLOWED(detail), { allow: 'GET', ...headers });
    }
  }

  /** The limits that the answer to this upgrade names. */
  rateHeadersOf(request: IncomingMessage): Record<string, string> {
    return rateHeaders(this.notes.get(request)?.rateFields ?? this.limits.fieldsFor(request));
  }

  private requireOpen(): void {
    if (!this.isDraining) return;
    throw httpProblems.UNAVAILABLE('This server is stopping; connect again shortly', { retryAfterS: 2 });
  }

  private async ownerOf(request: IncomingMessage): Promise<SocketOwner> {
    const url = addressOf(request);
    if (url?.pathname !== SOCKET_PATH) throw httpProblems.NOT_FOUND(`WebSockets are opened at ${SOCKET_PATH}`);
    this.requireOpen();
    const principal = await this.principalOf(request, url.searchParams);
    requireAllowed(principal, undefined);
    const { scopes } = principal;
    if (!scopes.includes('provide') && !scopes.includes('read')) {
      throw ownerProblems.SCOPE_MISSING('A socket needs a key with the scope "read" or "provide"', {
        details: { scopes: [...scopes] },
      });
    }
    return { ...principal, ...versionOf(url.searchParams.get('v') ?? '', protocolsOf(request)) };
  }

  private async principalOf(request: IncomingMessage, query: URLSearchParams): Promise<AgentPrincipal> {
    const note: RateNote = { rateFields: null };
    this.notes.set(request, note);
    const key = keyOf(request, query);
    // After the limit of wrong keys: whoever has none of the right ones must not use up the turns of those who have.
    const takeTurn = (): void => {
      if (this.turns.take(key ?? '')) return;
      throw httpProblems.UNAVAILABLE('Too many sockets are being opened; try again shortly', { retryAfterS: 1 });
    };
    const entering = this.door.enter(key, 'agent', () => this.limits.addressOf(request), note, takeTurn);
    return within(AUTHENTICATION_TIMEOUT_MS, entering, 'looking up a key').catch((cause: unknown) => {
      if (cause instanceof Problem) throw cause;
      throw httpProblems.UNAVAILABLE('The key could not be looked up; try again shortly', { retryAfterS: 2, cause });
    });
  }

  /** Counts the TCP connection, so that the place is free again however the socket ends. */
  private async takePlace(agentId: bigint, socket: Duplex): Promise<void> {
    const taken = this.open.get(agentId) ?? 0;
    if (taken >= SOCKETS_PER_AGENT_MAX) throw tooMany();
    this.open.set(agentId, taken + 1);
    let giveBack = (): void => undefined;
    // It closes once, and `once` would keep a wrapper for each of thousands.
    socket.on('close', () => {
      const left = (this.open.get(agentId) ?? 1) - 1;
      if (left > 0) this.open.set(agentId, left);
      else this.open.delete(agentId);
      giveBack();
    });
    // Other processes have sockets of the agent, too.
    const place = await this.places.take(`socket:${agentId}`, SOCKETS_PER_AGENT_MAX);
    if (place === undefined) throw tooMany();
    giveBack = place;
    if (socket.closed) giveBack();
  }
}

/** What a client is told that asked for a version of the protocol which is not spoken here. */
export function otherVersion(): Problem {
  return gatewayProblems.PROTOCOL_VERSION(
    `This server speaks version 1 of the protocol: offer the subprotocol ${V1}, or connect to ${SOCKET_PATH}?v=1`,
  );
}

/** One name that is spoken is enough; who asks for none speaks the plain protocol. */
function versionOf(query: string, offered: readonly string[]): Pick<SocketOwner, 'isV1' | 'isOtherVersion'> {
  if (query === '1' || offered.includes(V1)) return { isV1: true, isOtherVersion: false };
  const isOtherVersion = query !== '' || offered.some((name) => ANY_VERSION.test(name));
  return { isV1: isOtherVersion, isOtherVersion };
}

function tooMany(): Problem {
  return gatewayProblems.TOO_MANY_CONNECTIONS(
    `An agent has at most ${SOCKETS_PER_AGENT_MAX} sockets; close one of them first`,
    { retryAfterS: 5 },
  );
}

/** The subprotocol that answers these offers: `c4c.v1`, or the first one, as clients of the plain protocol know it. */
export function chosenProtocol(offered: Iterable<string>): string | false {
  const [first, ...more] = offered;
  return [first, ...more].includes(V1) ? V1 : (first ?? false);
}

function protocolsOf(request: IncomingMessage): string[] {
  return (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
}

function addressOf(request: IncomingMessage): URL | undefined {
  return URL.parse(request.url ?? '', 'http://localhost') ?? undefined;
}

/** The header wins over the query; existing clients send both. */
function keyOf(request: IncomingMessage, query: URLSearchParams): string | undefined {
  const header = request.headers['x-api-key'];
  if (typeof header === 'string' && header !== '') return header;
  const [key, ...more] = query.getAll('api_key');
  return more.length === 0 && key !== '' ? key : undefined;
}

/** Answers over the bare socket: an upgrade has no response object. */
function refuse(socket: Duplex, problem: Problem, headers: Readonly<Record<string, string>>): void {
  if (socket.destroyed) return;
  const traceId = newTraceId();
  const body = problemBody(problem, traceId, SOCKET_PATH);
  const { status } = problem.kind;
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}`,
    `content-type: ${JSON_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    `x-trace-id: ${traceId}`,
    'x-content-type-options: nosniff',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    'connection: close',
    ...(problem.retryAfterS === undefined ? [] : [`retry-after: ${problem.retryAfterS}`]),
  ];
  // A peer that never reads its answer must not hold the connection.
  const timer = setTimeout(() => socket.destroy(), 2_000);
  socket.once('close', () => clearTimeout(timer));
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
}
