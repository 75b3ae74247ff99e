import { once } from 'node:events';
import { Agent, request, type ClientRequest, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatApiKey, secretFrom } from '#kernel';
import { BASE } from '../support/api.js';
import { dataOf } from '../support/expect-problem.js';
import { operations } from '../support/openapi.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

/* Whoever is refused for the key is refused by the head of the request: what follows it is never waited for. */

const WRONG = formatApiKey(
  'agent',
  secretFrom((size) => new Uint8Array(size).fill(9)),
);
const BODY_BYTES = 182_000;
const [KEY_RATE, GUESSES] = [5, 1_000];

let world: World;
let agent: AgentActor;

// The clock of the limits moves only when a test moves it.
let nowMs = 0;

beforeAll(async () => {
  const env = { C4C_RATE_KEY: `${KEY_RATE}`, C4C_RATE_WRONG_KEYS: `${GUESSES}` };
  world = await startWorld({ env, monotonicNow: () => (nowMs += 1) });
  nowMs += 60_000;
  agent = await world.agent();
  dataOf(await agent.api.get('/agent/me'));
});
afterAll(() => world.close());

// Signing up and signing in need no key.
const KEYLESS = ['signUp', 'signIn'];
const writes = operations.filter(
  ({ id, method, template }) =>
    template.startsWith(BASE) && ['post', 'patch', 'put'].includes(method) && !KEYLESS.includes(id),
);

/** A request whose head announces a body, of which nothing is sent. */
function head(method: string, path: string, key?: string, connection?: Agent): ClientRequest {
  const sent = request(`${world.url}${path}`, {
    method,
    headers: {
      'content-type': 'application/json',
      'content-length': BODY_BYTES,
      ...(key === undefined ? {} : { 'x-api-key': key }),
    },
    ...(connection === undefined ? {} : { agent: connection }),
  });
  // Most of them are given up before their body was sent.
  sent.on('error', () => undefined);
  sent.flushHeaders();
  return sent;
}

type Answered = { status: number | undefined; code: string; headers: IncomingMessage['headers'] };

async function answerTo(sent: ClientRequest): Promise<Answered> {
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const { error } = (await json(response)) as { error: { code: string } };
  return { status: response.statusCode, code: error.code, headers: response.headers };
}

describe('a body that has not come yet', () => {
  it.each(writes.map(({ method, template }) => ({ method: method.toUpperCase(), template })))(
    'is not waited for by $method $template when the key is wrong or missing',
    async ({ method, template }) => {
      for (const key of [WRONG, 'x', undefined]) {
        const sent = head(method, template.replaceAll(/\{\w+\}/g, '1'), key);
        const { status, code, headers } = await answerTo(sent);
        expect([status, code]).toEqual([401, 'UNAUTHENTICATED']);
        expect(headers['ratelimit-policy']).toBe(`"address";q=${GUESSES};w=60`);
        sent.destroy();
      }
    },
  );

  it('is not waited for when a right key may not do this, or not so often', async () => {
    const limited = await agent.newKey({ scopes: ['read'] });
    const other = await world.agent();
    dataOf(await other.owner.api.post(`/owner/agents/${other.id}/freeze`));
    const path = `${BASE}/agent/me/services`;
    const refusals = [
      [limited, 403, 'SCOPE_MISSING'],
      [other.key, 403, 'AGENT_FROZEN'],
      [agent.owner.key, 401, 'UNAUTHENTICATED'],
    ] as const;
    for (const [key, status, code] of refusals) {
      const sent = head('POST', path, key);
      expect(await answerTo(sent)).toMatchObject({ status, code });
      sent.destroy();
    }
    const waiting = Array.from({ length: KEY_RATE }, () => head('POST', path, agent.key));
    await expect
      .poll(async () => (await agent.api.get('/agent/me')).status, { timeout: 5_000, interval: 10 })
      .toBe(429);
    const sent = head('POST', path, agent.key);
    const refused = await answerTo(sent);
    expect(refused).toMatchObject({ status: 429, code: 'RATE_LIMITED' });
    expect(refused.headers).toMatchObject({ 'retry-after': '1', ratelimit: '"key";r=0;t=1' });
    for (const one of [...waiting, sent]) one.destroy();
  });

  it('may still come, and the connection is used again', async () => {
    const connection = new Agent({ keepAlive: true, maxSockets: 1 });
    const first = head('POST', `${BASE}/agent/me/services`, WRONG, connection);
    expect(await answerTo(first)).toMatchObject({ status: 401 });
    const { socket } = first;
    first.end('{'.repeat(BODY_BYTES));
    const second = head('POST', `${BASE}/agent/me/services`, undefined, connection);
    expect(await answerTo(second)).toMatchObject({ status: 401 });
    expect(second.socket).toBe(socket);
    second.destroy();
    connection.destroy();
  });
});
