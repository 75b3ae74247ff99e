import { apiKeyKind, type KeyKind } from '#kernel';
import { WebSocket } from 'ws';
import { rowOf, textOf } from './answer.js';
import type { ApiClient } from './api-client.js';
import { ApiError, CliError } from './cli-error.js';
import { PROTOCOL } from './connect-protocol.js';
import { EXIT } from './exit-codes.js';
import { ok, problem, warning, type Diagnosis } from './finding.js';

const OPEN_WITHIN_MS = 5_000;
const SCOPES = ['read', 'profile', 'services', 'invoke', 'provide'];

/** Reads that cost little and that a right key of this kind may do. */
const ASKS: Readonly<Record<KeyKind, string>> = {
  agent: '/agent/me',
  owner: '/owner/wallet',
  admin: '/admin/owners?limit=1',
  session: '/owner',
};

/** What is wrong with the key that shows without a server. */
export function typedKeyDiagnosis(token: string | undefined): Diagnosis | undefined {
  if (token === undefined) {
    return problem(
      'key',
      EXIT.authentication,
      'No key is configured; only the market can be read without one.',
      'Set one with `c4c config set token -`, or take a demo key with `c4c config use`.',
    );
  }
  if (token.startsWith('c4c_') && apiKeyKind(token) === undefined) {
    return problem('key', EXIT.authentication, 'The key is incomplete or mistyped: its checksum is wrong.', COPY_AGAIN);
  }
  return undefined;
}

/** What the server says of the key. */
export async function keyDiagnosis(api: ApiClient, token: string): Promise<Diagnosis> {
  const kind = apiKeyKind(token) ?? 'agent';
  try {
    const data = await api.data({ path: ASKS[kind] });
    if (kind !== 'agent')
      return ok('key', `The key is ${WHOSE[kind]}. Agents' commands (manage, connect, events) need an agent's.`);
    return agentKey(data);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return refusedKey(error);
  }
}

function agentKey(data: unknown): Diagnosis {
  const scopes = textsOf(rowOf(data)['keyScopes']);
  const lacking = scopes.length === 0 ? [] : SCOPES.filter((scope) => !scopes.includes(scope));
  const may =
    lacking.length === 0 ? 'it has all scopes' : `it has ${scopes.join(', ')} and lacks ${lacking.join(', ')}`;
  return ok('key', `The key is that of agent ${textOf(data, 'id') ?? '?'} (${textOf(data, 'name') ?? ''}); ${may}.`);
}

function refusedKey(error: CliError): Diagnosis {
  if (!(error instanceof ApiError)) {
    return problem('key', error.exitCode, `The key could not be tried: ${error.message}`, 'Run `c4c doctor` again.');
  }
  if (error.status === 401) {
    const message = 'The server does not accept the key: it belongs to another server, was revoked, or has expired.';
    return problem('key', EXIT.authentication, message, COPY_AGAIN);
  }
  if (error.code === 'AGENT_FROZEN') {
    return problem(
      'key',
      error.exitCode,
      "The agent's owner has frozen it.",
      'Ask the owner (`c4c owner agent unfreeze`).',
    );
  }
  if (error.code === 'SCOPE_MISSING') {
    const scopes = textsOf(rowOf(error.envelope().error.details)['scopes']);
    return warning(
      'key',
      `The key is right and lacks the scope read; it has ${scopes.join(', ') || 'none'}.`,
      'If that is not meant so: `c4c owner key create` makes one with other scopes.',
    );
  }
  return problem(
    'key',
    error.exitCode,
    `The key could not be tried: ${error.message} (${error.code}).`,
    'Run `c4c doctor` again.',
  );
}

/**
 * Opens a socket and says nothing on it: without a hello nothing is handed over to it, and no consumer is made.
 */
export async function socketDiagnosis(endpoint: string, token: string, userAgent: string): Promise<Diagnosis> {
  const end = await openOnce(`${endpoint.replace(/^http/, 'ws')}/ws`, token, userAgent);
  if (end === 'open') return ok('websocket', 'A WebSocket opens and carries what is sent.');
  if (typeof end === 'string') {
    return problem('websocket', EXIT.unavailable, `A WebSocket does not open: ${end}.`, PROXY);
  }
  const { status, isC4c } = end;
  if (status === 429 || status === 503) {
    return warning(
      'websocket',
      `The server takes no more WebSockets just now (HTTP ${status}).`,
      "Close one of the agent's sockets, or try again.",
    );
  }
  if (status === 401 && isC4c) {
    return problem('websocket', EXIT.authentication, 'The key does not arrive with the upgrade to a WebSocket.', PROXY);
  }
  if (status === 403 && isC4c) {
    return warning(
      'websocket',
      'The key may not open a WebSocket.',
      'It needs the scope read or provide: `c4c owner key create` makes one.',
    );
  }
  return problem('websocket', EXIT.unavailable, `The upgrade to a WebSocket is answered with HTTP ${status}.`, PROXY);
}

type Refused = { status: number; isC4c: boolean };

/** How an attempt ends: open, refused by HTTP, or why there is nothing. */
function openOnce(url: string, token: string, userAgent: string): Promise<'open' | Refused | string> {
  const socket = new WebSocket(url, PROTOCOL, {
    headers: { 'x-api-key': token, 'user-agent': userAgent },
    handshakeTimeout: OPEN_WITHIN_MS,
    perMessageDeflate: false,
  });
  let silent: NodeJS.Timeout | undefined;
  return new Promise<'open' | Refused | string>((resolve) => {
    silent = setTimeout(() => resolve(`nothing comes back within ${OPEN_WITHIN_MS / 1_000} s`), OPEN_WITHIN_MS);
    // An upgrade that was let through says little: some proxies take it and pass nothing on.
    socket.on('open', () => socket.ping());
    socket.on('pong', () => resolve('open'));
    socket.on('unexpected-response', (_, response) => {
      // The trace id tells the market's own answer from that of something in front of it.
      resolve({ status: response.statusCode ?? 0, isC4c: response.headers['x-trace-id'] !== undefined });
      response.destroy();
    });
    socket.on('error', (error) => resolve(error.message));
    socket.on('close', (code) => resolve(`it is closed at once (${code})`));
  }).finally(() => {
    clearTimeout(silent);
    socket.terminate();
  });
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

const WHOSE = {
  agent: "an agent's",
  owner: "an owner's",
  admin: "an administrator's",
  session: "an owner's session",
} as const;
const COPY_AGAIN =
  'Copy it again (`c4c config set token -` reads it from standard input); the owner makes a new one with `c4c owner key create`.';
const PROXY =
  'Let the proxy in front of the server pass the upgrade of /ws: HTTP/1.1, the headers Upgrade, Connection, X-API-Key and Sec-WebSocket-*.';
