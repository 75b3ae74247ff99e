import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import request from 'supertest';
import { formatApiKey, secretFrom } from '#kernel';
import { api, BASE } from '../support/api.js';
import { dataOf, expectProblem } from '../support/expect-problem.js';
import { expectMatchesOpenApi, operations, type Operation } from '../support/openapi.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

/* What holds for every operation of the document, tried on each of them. */

let world: World;
let agent: AgentActor;
let frozen: AgentActor;
const ids: Record<string, number> = {};

beforeAll(async () => {
  world = await startWorld();
  agent = await world.agent();
  frozen = await world.agent();
  dataOf(await frozen.owner.api.post(`/owner/agents/${frozen.id}/freeze`));
  const caller = await world.agent();
  await world.fund(caller.owner, '100');
  const service = await world.service(agent);
  const answer = await caller.api.post('/agent/me/service-invocations', { serviceId: service, input: { text: 'a' } });
  ids['service-invocations'] = Number(dataOf(answer)['invocationId']);
  ids['services'] = service;
  const task = { title: 'a', description: 'b', bounty: '1', category: 'writing' };
  ids['tasks'] = Number(dataOf(await caller.api.post('/agent/me/tasks', task))['id']);
  const applied = await agent.api.post('/agent/me/task-applications', { taskId: ids['tasks'] });
  ids['task-applications'] = Number(dataOf(applied)['applicationId']);
  const offer = { employeeAgentId: agent.id, salary: '1' };
  ids['employments'] = Number(dataOf(await caller.api.post('/agent/me/employments', offer))['id']);
  ids['agents'] = agent.id;
  ids['keys'] = Number(dataOf(await agent.owner.api.post('/owner/keys', {}))['id']);
  ids['invitations'] = Number(dataOf(await world.admin.post('/admin/invitations', {}))['id']);
  ids['owners'] = agent.owner.id;
  ids['keyId'] = Number(dataOf(await agent.owner.api.post(`/owner/agents/${agent.id}/keys`, {}))['id']);
});
afterAll(() => world.close());

const apiOperations = operations.filter(({ template }) => template.startsWith(BASE));
const writes = apiOperations.filter(({ method }) => ['post', 'patch', 'put'].includes(method));
const guarded = apiOperations.filter(({ node }) => schemeOf(node) !== undefined);
const withId = apiOperations.filter(({ template }) => template.includes('{id}'));
const named = (list: readonly Operation[]) =>
  list.map((operation) => ({ name: `${operation.method.toUpperCase()} ${operation.template}`, operation }));

/** A body sent byte for byte. */
type Body = { type?: string; bytes: string | Buffer };

/** Stands for not sending the header. */
const NO_KEY = '';

const NUL = '\\u0000';
const BAD_BODIES: { name: string; body: Body; status: number; code: string; field?: string }[] = [
  { name: 'text that is not JSON', body: { bytes: '{"a":' }, status: 400, code: 'MALFORMED_JSON' },
  { name: 'single quotes', body: { bytes: "{'a':1}" }, status: 400, code: 'MALFORMED_JSON' },
  { name: 'a comment', body: { bytes: '{} // done' }, status: 400, code: 'MALFORMED_JSON' },
  { name: 'NaN', body: { bytes: '{"a":NaN}' }, status: 400, code: 'MALFORMED_JSON' },
  {
    name: 'bytes that are not UTF-8',
    body: { bytes: Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]) },
    status: 400,
    code: 'MALFORMED_JSON',
  },
  {
    name: '33 levels',
    body: { bytes: `{"a":${'['.repeat(32)}${']'.repeat(32)}}` },
    status: 400,
    code: 'MALFORMED_JSON',
  },
  { name: '80 KB of brackets', body: { bytes: '['.repeat(80_000) }, status: 400, code: 'MALFORMED_JSON' },
  { name: 'a list', body: { bytes: '[]' }, status: 400, code: 'VALIDATION_FAILED' },
  { name: 'null', body: { bytes: 'null' }, status: 400, code: 'VALIDATION_FAILED' },
  { name: 'a text', body: { bytes: '"text"' }, status: 400, code: 'VALIDATION_FAILED' },
  { name: 'a number', body: { bytes: '7' }, status: 400, code: 'VALIDATION_FAILED' },
  {
    name: 'an unknown field',
    body: { bytes: '{"colour":"red"}' },
    status: 400,
    code: 'VALIDATION_FAILED',
    field: 'colour',
  },
  {
    name: 'a number beyond 2^53',
    body: { bytes: '{"note":9007199254740993}' },
    status: 400,
    code: 'VALIDATION_FAILED',
    field: 'note',
  },
  {
    name: 'a negative number beyond 2^53',
    body: { bytes: '{"note":-9007199254740993}' },
    status: 400,
    code: 'VALIDATION_FAILED',
    field: 'note',
  },
  { name: '1e400', body: { bytes: '{"note":1e400}' }, status: 400, code: 'VALIDATION_FAILED', field: 'note' },
  {
    name: 'U+0000 in a text',
    body: { bytes: `{"note":"a${NUL}b"}` },
    status: 400,
    code: 'VALIDATION_FAILED',
    field: 'note',
  },
  { name: 'U+0000 in a name', body: { bytes: `{"input":{"a${NUL}":1}}` }, status: 400, code: 'VALIDATION_FAILED' },
  {
    name: 'a lone surrogate',
    body: { bytes: '{"note":"\\ud800"}' },
    status: 400,
    code: 'VALIDATION_FAILED',
    field: 'note',
  },
  {
    name: 'a lone surrogate deep inside',
    body: { bytes: '{"input":{"a":[{"b":"\\udfff"}]}}' },
    status: 400,
    code: 'VALIDATION_FAILED',
  },
  {
    name: 'a name given twice',
    body: { bytes: '{"note":"a","input":{},"note":"b"}' },
    status: 400,
    code: 'VALIDATION_FAILED',
    field: 'note',
  },
  {
    name: 'a name given twice deep inside',
    body: { bytes: '{"input":{"a":[{"b":1,"\\u0062":2}]}}' },
    status: 400,
    code: 'VALIDATION_FAILED',
    field: 'input.a[0].b',
  },
  { name: '__proto__', body: { bytes: '{"__proto__":{"name":"x"}}' }, status: 400, code: 'VALIDATION_FAILED' },
  {
    name: 'constructor',
    body: { bytes: '{"constructor":1}' },
    status: 400,
    code: 'VALIDATION_FAILED',
    field: 'constructor',
  },
  { name: 'a text body', body: { type: 'text/plain', bytes: '{}' }, status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' },
  {
    name: 'a form',
    body: { type: 'application/x-www-form-urlencoded', bytes: 'a=1' },
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
  {
    name: 'a multipart form',
    body: { type: 'multipart/form-data; boundary=x', bytes: '--x--' },
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
  {
    name: 'JSON in another charset',
    body: { type: 'application/json; charset=utf-16', bytes: '{}' },
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
  { name: '257 KB', body: { bytes: `{"note":"${'x'.repeat(257 * 1024)}"}` }, status: 413, code: 'BODY_TOO_LARGE' },
  { name: '257 KB that are no JSON', body: { bytes: 'x'.repeat(257 * 1024) }, status: 413, code: 'BODY_TOO_LARGE' },
];

describe.each(named(writes))('$name', ({ operation }) => {
  it('refuses every kind of bad body, names the field, and stores nothing', async () => {
    await world.nothingHappens(async () => {
      for (const { name, body, status, code, field } of BAD_BODIES) {
        const answer = await send(operation, body);
        const seen = `${name}: ${answer.status} ${answer.text.slice(0, 300)}`;
        expect({ status: answer.status, code: codeOf(answer) }, seen).toEqual({ status, code });
        if (field !== undefined) expect(fieldsOf(answer), seen).toContain(field);
      }
    });
  });
});

describe.each(named(guarded))('$name', ({ operation }) => {
  it('answers a wrong key always the same', async () => {
    const revoked = await revokedKey();
    const unknown = formatApiKey(
      'agent',
      secretFrom((size) => new Uint8Array(size).fill(7)),
    );
    const other = schemeOf(operation.node) === 'AgentKey' ? agent.owner.key : agent.key;
    const wrong = [
      NO_KEY,
      'x',
      unknown,
      `${unknown.slice(0, -1)}x`,
      revoked,
      other,
      `${agent.key} `.repeat(3),
      'ü'.repeat(10),
    ];
    await world.nothingHappens(async () => {
      const bodies = new Set<string>();
      for (const key of wrong) {
        const answer = await send(operation, { bytes: '{}' }, encodeURI(key));
        expectProblem(answer, 401, 'UNAUTHENTICATED');
        bodies.add(JSON.stringify({ ...answer.body, traceId: '' }));
      }
      expect(bodies.size).toBe(1);
    });
  });
});

describe.each(named(guarded.filter(({ node }) => schemeOf(node) === 'AgentKey')))('$name', ({ operation }) => {
  it('refuses a key without its scope, and a frozen agent', async () => {
    const scope = /Scope `(\w+)`/.exec(String(operation.node['description']))?.[1];
    const others = ['read', 'profile', 'services', 'invoke', 'provide'].filter((one) => one !== scope);
    expect(others).toHaveLength(4);
    const key = await limitedKey(others);
    await world.nothingHappens(async () => {
      const answer = await send(operation, { bytes: '{}' }, key);
      const { error } = expectProblem(answer, 403, 'SCOPE_MISSING');
      expect(error.details).toMatchObject({ scope, scopes: others });
      expectProblem(await send(operation, { bytes: '{}' }, frozen.key), 403, 'AGENT_FROZEN');
    });
  });
});

describe.each(named(withId))('$name', ({ operation }) => {
  it.each([
    '999999',
    '0',
    '-1',
    '1.5',
    '1e3',
    'abc',
    '007',
    '9007199254740992',
    '99999999999999999999',
    '%20',
    '１',
    'null',
    "1'--",
  ])('has nothing at the id %s', async (id) => {
    await world.nothingHappens(async () => {
      const answer = await sendTo(operation, operation.template.replace('{id}', encodeURI(decodeURI(id))), {
        bytes: VALID_BODY[operation.id] ?? '{}',
      });
      expectProblem(answer, 404, 'NOT_FOUND');
    });
  });
});

// Where a misspelt name would change in silence what is read. No client of before these knows them.
const REFUSES_UNKNOWN = ['listEvents', 'listConsumers', 'listWebhookDeliveries', 'listWebhookReplays'];

describe.each(named(operations.filter(({ method, id }) => method === 'get' && id !== 'openSocket')))(
  '$name',
  ({ operation }) => {
    it('refuses a doubled query parameter, also one that it does not know', async () => {
      const answer = await sendTo(operation, `${operation.template}?colour=a&colour=b&page=1&page=1`);
      expectProblem(answer, 400, 'VALIDATION_FAILED', ['colour', 'page']);
    });

    // A stream's answer does not end; test/http/events.test.ts reads some.
    if (operation.id !== 'streamEvents') {
      const isStrict = REFUSES_UNKNOWN.includes(operation.id);
      it(`${isStrict ? 'refuses' : 'ignores'} a query parameter that it does not know`, async () => {
        const answer = await sendTo(operation, `${operation.template}?colour=red`);
        if (isStrict) expectProblem(answer, 400, 'VALIDATION_FAILED', ['colour']);
        else expect([200, 404], answer.text.slice(0, 300)).toContain(answer.status);
      });
    }

    it('refuses U+0000 in the address', async () => {
      expectProblem(await sendTo(operation, `${operation.template}?search=%00`), 400, 'MALFORMED_REQUEST');
    });
  },
);

describe('an address', () => {
  it.each([...new Set(operations.map(({ template }) => template))])(
    '%s refuses other methods, naming those that it takes',
    async (template) => {
      const taken = new Set(
        operations.filter((one) => one.template === template).map(({ method }) => method.toUpperCase()),
      );
      const others = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((method) => !taken.has(method));
      for (const method of others) {
        const answer = await raw(method, fill(template), { bytes: '{}' }, agent.key);
        // A method that a longer template takes at this address, such as /x/mine under /x/{id}, is documented there.
        if (answer.status !== 405) expect(answer.status, `${method} ${template}`).toBe(404);
        else for (const method of taken) expect(answer.headers['allow']).toContain(method);
      }
    },
  );

  it.each([
    '/',
    '/nothing',
    '/openapi/v1',
    '/openapi/v2/agent/me',
    '/OPENAPI/V1/agent/me',
    '/openapi/v1/agent/me/',
    '/openapi/v1//agent/me',
    '/.env',
    '/..%2f..%2fetc/passwd',
  ])('that nobody serves answers in the envelope or is the front page: %s', async (path) => {
    const answer = await raw('GET', path, undefined, agent.key);
    if (path === '/') expect(answer.status).toBe(200);
    else expectProblem(answer, 404, 'NOT_FOUND');
  });

  it.each(['/openapi/v1/market/services/%zz', '/openapi/v1/market/services/%00', '/%'])(
    'that is broken is refused: %s',
    async (path) => {
      const answer = await raw('GET', path);
      expect([400, 404]).toContain(answer.status);
      expect(codeOf(answer)).toMatch(/^(MALFORMED_REQUEST|NOT_FOUND)$/);
    },
  );

  it('that is very long is refused without harm', async () => {
    const answer = await raw('GET', `/openapi/v1/market/services?search=${'x'.repeat(10_000)}`);
    expect(answer.status).toBe(400);
    const longer = await raw('GET', `/openapi/v1/market/services?search=${'x'.repeat(20_000)}`);
    expectProblem(longer, 431, 'HEADERS_TOO_LARGE');
  });
});

describe('the answer to any request', () => {
  it('carries the trace id that the client gave', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const answer = await agent.api.get('/agent/me').set('traceparent', traceparent);
    expect(answer.headers['x-trace-id']).toBe('4bf92f3577b34da6a3ce929d0e0e4736');
  });

  it('is never HTML that a browser would run, and never cached', async () => {
    const answer = await agent.api.get('/agent/me').set('Accept', 'text/html');
    expect(answer.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
  });
});

describe('health', () => {
  it('is told without a key', async () => {
    expect(dataOf(await world.api.get('//healthz'))).toMatchObject({ status: 'ok' });
    expect(dataOf(await world.api.get('//readyz'))).toMatchObject({ status: 'ok' });
  });
});

describe('a DELETE', () => {
  it('takes no body that is not JSON', async () => {
    const path = `${BASE}/owner/agents/${agent.id}/keys/${ids['keyId'] ?? 0}`;
    const remove = (type: string, body: string) =>
      request(world.url)
        .delete(path)
        .set({ 'X-API-Key': agent.owner.key, 'Content-Type': type })
        .serialize(asSent)
        .send(body);
    await world.nothingHappens(async () => {
      expectProblem(await remove('application/json', '{'), 400, 'MALFORMED_JSON');
      expectProblem(await remove('text/plain', 'x'), 415, 'UNSUPPORTED_MEDIA_TYPE');
      expectProblem(await remove('application/json', 'x'.repeat(257 * 1024)), 413, 'BODY_TOO_LARGE');
    });
  });
});

describe('the documentation', () => {
  it.each([
    '//docs',
    '//openapi.yaml',
    '//openapi.json',
    '//problems',
    '//problems/not-found',
    '//',
    '//docs/assets/swagger-ui.css',
  ])('is at /%s', async (path) => {
    expect((await world.api.get(path)).status).toBe(200);
    expect((await world.api.get(path).set('Accept', 'text/html')).status).toBe(200);
  });
});

const VALID_BODY: Record<string, string> = {
  updateService: '{"price":"1"}',
  updateWebhook: '{"description":"x"}',
  replayWebhook: '{"kind":"failed"}',
  submitInvocation: '{"status":"failed","error":"x"}',
  reviewInvocation: '{"rating":5}',
  reportProgress: '{"percent":1}',
  requestRevision: '{"notes":"x"}',
  acceptDeliverable: '{"rating":5}',
  submitDeliverable: '{"content":"x"}',
  sendMessage: '{"content":"x"}',
  readMessages: '{"lastReadMessageId":1}',
};

function send(operation: Operation, body: Body, key = keyFor(operation)): Promise<request.Response> {
  return raw(operation.method.toUpperCase(), fill(operation.template), body, key);
}

function sendTo(operation: Operation, template: string, body?: Body): Promise<request.Response> {
  const method = operation.method.toUpperCase();
  return raw(method, fill(template), method === 'GET' || method === 'DELETE' ? undefined : body, keyFor(operation));
}

async function raw(method: string, path: string, body?: Body, key?: string): Promise<request.Response> {
  const call = request(world.url)[method.toLowerCase() as 'post'](path);
  if (key !== undefined && key !== NO_KEY) call.set('X-API-Key', key);
  if (body !== undefined && method !== 'GET' && method !== 'DELETE') {
    call.set('Content-Type', body.type ?? 'application/json').serialize(asSent);
    call.send(body.bytes as string);
  }
  const answer = await call;
  const { status, headers } = answer;
  expectMatchesOpenApi({ method, path }, { status, headers: headers, body: answer.body as unknown });
  return answer;
}

function asSent(body: unknown): string {
  return body as string;
}

/** Real ids in the place of `{id}`, so that only what is tested is wrong. */
function fill(template: string): string {
  const collection = /\/([a-z-]+)\/\{id\}/.exec(template)?.[1] ?? '';
  return template
    .replace('{id}', String(ids[collection] ?? 1))
    .replace('{keyId}', String(ids['keyId']))
    .replace('{applicationId}', String(ids['task-applications']))
    .replace('{category}', 'writing')
    .replace('{month}', '2001-01')
    .replace('{file}', 'page.css')
    .replace('{slug}', 'not-found')
    .replace('{token}', 'nobody');
}

function keyFor({ node }: Operation): string | undefined {
  const scheme = schemeOf(node);
  if (scheme === 'AgentKey') return agent.key;
  if (scheme === 'OwnerKey') return agent.owner.key;
  return scheme === 'AdminKey' ? world.adminKey : undefined;
}

function schemeOf(node: Record<string, unknown>): string | undefined {
  const schemes = node['security'] as Record<string, unknown>[];
  return schemes.some((scheme) => Object.keys(scheme).length === 0) ? undefined : Object.keys(schemes[0] ?? {})[0];
}

let revoked: string | undefined;
async function revokedKey(): Promise<string> {
  if (revoked !== undefined) return revoked;
  const made = dataOf<{ id: number; key: string }>(await agent.owner.api.post(`/owner/agents/${agent.id}/keys`, {}));
  dataOf(await api(world.url, agent.owner.key).delete(`/owner/agents/${agent.id}/keys/${made.id}`));
  return (revoked = made.key);
}

const limited = new Map<string, string>();
async function limitedKey(scopes: readonly string[]): Promise<string> {
  const known = limited.get(scopes.join());
  const key = known ?? (await agent.newKey({ scopes }));
  limited.set(scopes.join(), key);
  return key;
}

function codeOf(answer: request.Response): string {
  return (answer.body as { error?: { code?: string } }).error?.code ?? '';
}

function fieldsOf(answer: request.Response): string[] {
  return ((answer.body as { errors?: { field: string }[] }).errors ?? []).map(({ field }) => field);
}
