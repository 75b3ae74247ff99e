import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EVENT_TYPES } from '#events';
import { dataOf, expectProblem } from '../support/expect-problem.js';
import { PRIVATE_HOSTS } from '../support/private-hosts.js';
import { startReceiver, type Received, type Receiver } from '../support/webhook-receiver.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

type Endpoint = {
  id: number;
  url: string;
  state: string;
  eventTypes: string[];
  secrets: { expiresAt: string | null }[];
};
type Created = { endpoint: Endpoint; secret: string };
type Call = { isDelivered: boolean; statusCode: number | null; reason: string | null; response: string | null };

let world: World;
let agent: AgentActor;
let receiver: Receiver;

beforeAll(async () => {
  // 127.0.0.2 stands for a public address; every other one is as private as it is.
  world = await startWorld({ env: { C4C_EGRESS_ALLOW: '127.0.0.2', C4C_EGRESS_PORTS: '1-65535' } });
});
beforeEach(async () => {
  agent = await world.agent();
  receiver = await startReceiver();
});
afterEach(() => receiver.close());
afterAll(() => world.close());

const WEBHOOKS = '/agent/me/webhooks';
const GOOD = { url: 'https://example.com/hook' };

async function create(wish: object = {}): Promise<Created> {
  return dataOf<Created>(await agent.api.post(WEBHOOKS, { url: `${receiver.url}/hook`, ...wish }));
}
async function verified(wish: object = {}): Promise<Created> {
  const created = await create(wish);
  receiver.answer = echo;
  dataOf(await agent.api.post(`${WEBHOOKS}/${created.endpoint.id}/verify`));
  return created;
}
const show = async (id: number): Promise<Endpoint> => dataOf<Endpoint>(await agent.api.get(`${WEBHOOKS}/${id}`));
const setState = (id: number, set: string): Promise<unknown> =>
  world.database.pool.query(`update market.webhook_endpoint set ${set} where id = $1`, [id]);
const challengeOf = ({ body }: Received): { body: string } => ({
  body: (JSON.parse(body) as { challenge?: string }).challenge ?? 'ok',
});
const echo: Receiver['answer'] = challengeOf;

describe('an endpoint', () => {
  it('is created unverified, with a secret that is shown once and stored encrypted', async () => {
    const wish = { description: 'production', eventTypes: ['invocation.invoked'], ratePerSecond: 7 };
    const { endpoint, secret } = await create(wish);
    expect(endpoint).toMatchObject({
      ...wish,
      url: `${receiver.url}/hook`,
      state: 'unverified',
      secrets: [{ expiresAt: null }],
    });
    expect(await show(endpoint.id)).toEqual(endpoint);
    const list = await agent.api.get(WEBHOOKS);
    expect(dataOf(list)).toEqual({ endpoints: [endpoint], total: 1 });
    expect(list.text).not.toContain(secret);
    const { rows } = await world.database.pool.query<{ secret: Buffer }>(
      'select secret from market.webhook_secret where endpoint_id = $1',
      [endpoint.id],
    );
    expect(rows.length).toBe(1);
    expect(rows[0]?.secret.includes(secret.slice('whsec_'.length))).toBe(false);
    expect(receiver.requests).toEqual([]);
  });

  it('gets every type of event unless some are named', async () => {
    expect((await create()).endpoint.eventTypes).toEqual([]);
    expect((await create({ eventTypes: [...EVENT_TYPES] })).endpoint.eventTypes).toEqual(EVENT_TYPES);
    const { endpoint } = await create({ eventTypes: ['review.created'] });
    const all = await agent.api.patch(`${WEBHOOKS}/${endpoint.id}`, { eventTypes: [] });
    expect(dataOf<Endpoint>(all).eventTypes).toEqual([]);
  });

  it.each([
    [{}, ['url']],
    [{ url: 'example.com' }, ['url']],
    [{ url: 'ftp://example.com/' }, ['url']],
    [{ url: 'https://user:pass@example.com/' }, ['url']],
    [{ url: 'https://example.com/#part' }, ['url']],
    [{ url: `https://example.com/${'x'.repeat(2_048)}` }, ['url']],
    [{ url: `https://example.com/${'ä'.repeat(1_000)}` }, ['url']],
    [
      { url: 7, description: 7, eventTypes: 'all', ratePerSecond: '5', state: 'active' },
      ['url', 'description', 'eventTypes', 'ratePerSecond', 'state'],
    ],
    [{ ...GOOD, description: 'x'.repeat(201) }, ['description']],
    [{ ...GOOD, eventTypes: ['invocation.invoked', 'invocation.invoked'] }, ['eventTypes']],
    [{ ...GOOD, eventTypes: ['service_invoked'] }, ['eventTypes']],
    [{ ...GOOD, eventTypes: ['toString'] }, ['eventTypes']],
    [{ ...GOOD, ratePerSecond: 0 }, ['ratePerSecond']],
    [{ ...GOOD, ratePerSecond: 1_001 }, ['ratePerSecond']],
  ])('is not made from %j', async (body, fields) => {
    await world.nothingHappens(async () => {
      expectProblem(await agent.api.post(WEBHOOKS, body), 400, 'VALIDATION_FAILED', fields);
    });
  });

  it('is refused at creation when its address is spelled out and private', async () => {
    const literal = PRIVATE_HOSTS.filter((host) => !/calhost/i.test(host));
    expect(literal.length).toBeGreaterThan(60);
    await world.nothingHappens(async () => {
      for (const host of literal) {
        expectProblem(await agent.api.post(WEBHOOKS, { url: `http://${host}:8080/` }), 400, 'VALIDATION_FAILED', [
          'url',
        ]);
      }
    });
  });

  it('is changed field by field, and another address has to be verified anew', async () => {
    const { endpoint } = await verified({ description: 'first' });
    const path = `${WEBHOOKS}/${endpoint.id}`;
    expect(dataOf(await agent.api.patch(path, { description: 'second', ratePerSecond: 3 }))).toMatchObject({
      description: 'second',
      ratePerSecond: 3,
      state: 'active',
      url: endpoint.url,
    });
    expect(dataOf(await agent.api.patch(path, { url: endpoint.url }))).toMatchObject({ state: 'active' });
    expect(dataOf(await agent.api.patch(path, { description: '' }))).toMatchObject({
      description: '',
      ratePerSecond: 3,
    });
    await setState(endpoint.id, `consecutive_failures = 7, first_failure_at = platform.clock(), state = 'failing'`);
    expect(dataOf(await agent.api.patch(path, { url: `${receiver.url}/other` }))).toMatchObject({
      url: `${receiver.url}/other`,
      state: 'unverified',
      consecutiveFailures: 0,
      firstFailureAt: null,
    });
  });

  it.each([
    [{}, []],
    [{ url: 'http://127.0.0.1/' }, ['url']],
    [{ eventTypes: ['x'] }, ['eventTypes']],
    [{ state: 'active' }, ['state']],
  ])('is not changed by %j', async (body, fields) => {
    const { endpoint } = await create();
    await world.nothingHappens(async () => {
      const answer = await agent.api.patch(`${WEBHOOKS}/${endpoint.id}`, body);
      expectProblem(answer, 400, 'VALIDATION_FAILED', fields.length > 0 ? fields : undefined);
    });
  });

  it.each([
    ['HTTPS://Example.com', 'https://example.com/'],
    ['https:example.com/hook?a=b', 'https://example.com/hook?a=b'],
    ['https://@example.com/hook', 'https://example.com/hook'],
    ['https://example.com:443/a/../hook', 'https://example.com/hook'],
    ['https://0x7f.2/hook', 'https://127.0.0.2/hook'],
    ['https://bücher.example/ä', 'https://xn--bcher-kva.example/%C3%A4'],
  ])('typed as %s is kept and shown as it is called: %s', async (typed, url) => {
    const { endpoint } = await create({ url: typed });
    expect(endpoint.url).toBe(url);
    expect(await show(endpoint.id)).toMatchObject({ url });
    await setState(endpoint.id, `state = 'active'`);
    // Another spelling of its address is no other address.
    expect(dataOf(await agent.api.patch(`${WEBHOOKS}/${endpoint.id}`, { url: typed }))).toMatchObject({
      url,
      state: 'active',
    });
  });

  it('shows the query of its address only to keys that may change it', async () => {
    const { endpoint } = await create({ url: `${receiver.url}/hook?token=secret` });
    expect(await show(endpoint.id)).toMatchObject({ url: `${receiver.url}/hook?token=secret` });
    const reader = world.api.as(await agent.newKey({ scopes: ['read', 'services', 'invoke', 'provide'] }));
    const [one, all] = [await reader.get(`${WEBHOOKS}/${endpoint.id}`), await reader.get(WEBHOOKS)];
    expect(dataOf(one)).toMatchObject({ url: `${receiver.url}/hook?…` });
    expect(dataOf(all)).toMatchObject({ endpoints: [{ url: `${receiver.url}/hook?…` }] });
    expect(one.text + all.text).not.toContain('token');
    const plain = await create();
    expect(dataOf(await reader.get(`${WEBHOOKS}/${plain.endpoint.id}`))).toMatchObject({ url: `${receiver.url}/hook` });
  });

  it('is deleted once, and then it is not there', async () => {
    const { endpoint } = await verified();
    const path = `${WEBHOOKS}/${endpoint.id}`;
    expect(dataOf(await agent.api.delete(path))).toMatchObject({ id: endpoint.id });
    await world.nothingHappens(async () => {
      expectProblem(await agent.api.delete(path), 404, 'NOT_FOUND');
      expectProblem(await agent.api.get(path), 404, 'NOT_FOUND');
      expectProblem(await agent.api.patch(path, { description: 'x' }), 404, 'NOT_FOUND');
      for (const action of ['verify', 'test', 'rotate-secret', 'pause', 'resume']) {
        expectProblem(await agent.api.post(`${path}/${action}`), 404, 'NOT_FOUND');
      }
    });
    expect(dataOf(await agent.api.get(WEBHOOKS))).toEqual({ endpoints: [], total: 0 });
    expect(receiver.requests.length).toBe(1);
  });

  it('of another agent does not exist, nor does one with an id that none can have', async () => {
    const { endpoint } = await verified();
    const stranger = await world.agent(agent.owner);
    const ids = [endpoint.id, 9_007_199_254_740_991];
    await world.nothingHappens(async () => {
      for (const id of ids) {
        const { api } = id === endpoint.id ? stranger : agent;
        const path = `${WEBHOOKS}/${id}`;
        expectProblem(await api.get(path), 404, 'NOT_FOUND');
        expectProblem(await api.patch(path, { description: 'x' }), 404, 'NOT_FOUND');
        expectProblem(await api.delete(path), 404, 'NOT_FOUND');
        for (const action of ['verify', 'test', 'rotate-secret', 'pause', 'resume']) {
          expectProblem(await api.post(`${path}/${action}`), 404, 'NOT_FOUND');
        }
      }
    });
    expect(receiver.requests.length).toBe(1);
  });

  it('needs a key with the scope for it', async () => {
    const reader = world.api.as(await agent.newKey({ scopes: ['read'] }));
    const writer = world.api.as(await agent.newKey({ scopes: ['profile'] }));
    const { endpoint } = await create();
    const path = `${WEBHOOKS}/${endpoint.id}`;
    dataOf(await reader.get(WEBHOOKS));
    expectProblem(await writer.get(path), 403, 'SCOPE_MISSING');
    expectProblem(await reader.post(WEBHOOKS, GOOD), 403, 'SCOPE_MISSING');
    expectProblem(await reader.delete(path), 403, 'SCOPE_MISSING');
    for (const action of ['verify', 'test', 'rotate-secret', 'pause', 'resume']) {
      expectProblem(await reader.post(`${path}/${action}`), 403, 'SCOPE_MISSING');
    }
    expectProblem(await world.api.get(WEBHOOKS), 401, 'UNAUTHENTICATED');
    expectProblem(await agent.owner.api.get(WEBHOOKS), 401, 'UNAUTHENTICATED');
  });
});

describe('five endpoints', () => {
  it('are the most an agent may have, however many are made at once', async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => agent.api.post(WEBHOOKS, GOOD)));
    expect(answers.filter(({ status }) => status === 200).length).toBe(5);
    for (const answer of answers.filter(({ status }) => status !== 200)) expectProblem(answer, 409, 'WEBHOOK_LIMIT');
    const { endpoints } = dataOf<{ endpoints: Endpoint[] }>(await agent.api.get(WEBHOOKS));
    expect(endpoints.length).toBe(5);
    dataOf(await agent.api.delete(`${WEBHOOKS}/${endpoints[0]?.id ?? 0}`));
    dataOf(await agent.api.post(WEBHOOKS, GOOD));
    await world.nothingHappens(async () => expectProblem(await agent.api.post(WEBHOOKS, GOOD), 409, 'WEBHOOK_LIMIT'));
  });
});

describe('the challenge', () => {
  it('activates the endpoint that echoes it, and is signed like every webhook', async () => {
    const { endpoint, secret } = await create();
    receiver.answer = ({ body }) => ({
      body: JSON.stringify({ challenge: (JSON.parse(body) as { challenge: string }).challenge }),
    });
    expect(dataOf(await agent.api.post(`${WEBHOOKS}/${endpoint.id}/verify`))).toMatchObject({ state: 'active' });
    const [request] = receiver.requests;
    expect(request?.headers).toMatchObject({ 'content-type': 'application/json', 'x-c4c-event': 'endpoint.verify' });
    expect(new Webhook(secret).verify(request?.body ?? '', request?.headers as Record<string, string>)).toMatchObject({
      type: 'endpoint.verify',
      id: request?.headers['webhook-id'],
      endpointId: endpoint.id,
      challenge: expect.stringMatching(/^[\w-]{32}$/),
    });
  });

  it.each<[string, Receiver['answer']]>([
    ['status 404', () => ({ status: 404 })],
    ['status 302', () => ({ status: 302, headers: { location: 'http://127.0.0.2/' } })],
    ['a 500 with the challenge', (request) => ({ ...challengeOf(request), status: 500 })],
    ['the event itself', ({ body }) => ({ body })],
    ['nothing', () => ({})],
    ['a reset', () => 'reset'],
  ])('is not met by %s', async (what, answer) => {
    const { endpoint } = await create();
    receiver.answer = answer;
    const verify = () => agent.api.post(`${WEBHOOKS}/${endpoint.id}/verify`);
    // The event has the challenge as a field of its own, so sending it back is reading it.
    if (what === 'the event itself') return expect(dataOf(await verify())).toMatchObject({ state: 'active' });
    await world.nothingHappens(async () => expectProblem(await verify(), 422, 'WEBHOOK_NOT_VERIFIED'));
  });

  it('is never sent to an address that is not public, whatever name it has', async () => {
    const { port } = new URL(receiver.url);
    for (const host of ['localhost', 'hook.localhost']) {
      const { endpoint } = await create({ url: `http://${host}:${port}/` });
      await world.nothingHappens(async () => {
        const answer = await agent.api.post(`${WEBHOOKS}/${endpoint.id}/verify`);
        expectProblem(answer, 422, 'WEBHOOK_NOT_VERIFIED');
        expect(answer.text).toContain('(dns)');
        expect(answer.text).not.toMatch(/127\.0\.0\.1|::1|forbidden/);
      });
    }
  });

  it('that was answered for an address counts for that address only', async () => {
    const { endpoint } = await create();
    const path = `${WEBHOOKS}/${endpoint.id}`;
    receiver.answer = async (request) => {
      dataOf(await agent.api.patch(path, { url: `${receiver.url}/other` }));
      return echo(request);
    };
    expectProblem(await agent.api.post(`${path}/verify`), 422, 'WEBHOOK_NOT_VERIFIED');
    expect(await show(endpoint.id)).toMatchObject({ url: `${receiver.url}/other`, state: 'unverified' });
    receiver.answer = async (request) => {
      dataOf(await agent.api.delete(path));
      return echo(request);
    };
    expectProblem(await agent.api.post(`${path}/verify`), 404, 'NOT_FOUND');
  });

  it('is sent at most 20 times a minute for one agent', async () => {
    const { endpoint } = await verified();
    for (let i = 1; i < 20; i += 1) dataOf(await agent.api.post(`${WEBHOOKS}/${endpoint.id}/test`));
    await world.nothingHappens(async () => {
      for (const action of ['verify', 'test']) {
        const answer = await agent.api.post(`${WEBHOOKS}/${endpoint.id}/${action}`);
        expectProblem(answer, 429, 'RATE_LIMITED');
        expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      }
    });
    expect(receiver.requests.length).toBe(20);
  });

  it('is sent to a host that never answered one 20 times a minute, and 60 times for one owner', async () => {
    receiver.answer = () => ({ status: 500 });
    const { owner } = agent;
    const codes: string[] = [];
    const before = receiver.requests.length;
    const call = async (of: AgentActor, times: number, action: 'test' | 'verify', id: number): Promise<void> => {
      for (let i = 0; i < times; i += 1) {
        const { status } = await of.api.post(`${WEBHOOKS}/${id}/${action}`);
        codes.push(`${action} ${status}`);
      }
    };
    for (let n = 0; n < 4; n += 1) {
      const one = await world.agent(owner);
      const { endpoint } = dataOf<Created>(await one.api.post(WEBHOOKS, { url: `${receiver.url}/${n}` }));
      await call(one, 7, 'verify', endpoint.id);
    }
    expect(codes.filter((code) => code === 'verify 422').length).toBe(20);
    expect(codes.filter((code) => code === 'verify 429').length).toBe(8);
    for (let n = 0; n < 3; n += 1) {
      const one = await world.agent(owner);
      const { endpoint } = dataOf<Created>(await one.api.post(WEBHOOKS, { url: `${receiver.url}/${n}` }));
      // As if it had been verified some time ago.
      await setState(endpoint.id, `state = 'active'`);
      await call(one, 15, 'test', endpoint.id);
    }
    expect(codes.filter((code) => code === 'test 200').length).toBe(40);
    expect(codes.filter((code) => code === 'test 429').length).toBe(5);
    expect(receiver.requests.length - before).toBe(60);
  });

  it('brings a disabled endpoint back, a minute after it was disabled', async () => {
    const { endpoint } = await verified();
    const path = `${WEBHOOKS}/${endpoint.id}`;
    await setState(
      endpoint.id,
      `state = 'disabled', disabled_at = platform.clock(), consecutive_failures = 12, first_failure_at = platform.clock()`,
    );
    await world.nothingHappens(async () => {
      for (const action of ['resume', 'verify'])
        expectProblem(await agent.api.post(`${path}/${action}`), 429, 'RATE_LIMITED');
    });
    await world.passTime(60_001);
    receiver.answer = () => ({ status: 500 });
    expectProblem(await agent.api.post(`${path}/resume`), 422, 'WEBHOOK_NOT_VERIFIED');
    receiver.answer = echo;
    expect(dataOf(await agent.api.post(`${path}/resume`))).toMatchObject({
      state: 'active',
      consecutiveFailures: 0,
      disabledAt: null,
    });
  });
});

describe('a test', () => {
  it('answers what the receiver said, and how long every phase took', async () => {
    const { endpoint, secret } = await verified();
    receiver.answer = () => ({ status: 201, body: `${'é'.repeat(600)}\0` });
    const call = dataOf<Call>(await agent.api.post(`${WEBHOOKS}/${endpoint.id}/test`));
    expect(call).toMatchObject({ isDelivered: true, statusCode: 201, reason: null, response: 'é'.repeat(512) });
    const request = receiver.requests.at(-1);
    expect(new Webhook(secret).verify(request?.body ?? '', request?.headers as Record<string, string>)).toMatchObject({
      type: 'ping',
    });
  });

  it.each<[Receiver['answer'], object]>([
    [
      () => ({ status: 500, body: 'no\0' }),
      { isDelivered: false, statusCode: 500, reason: null, response: 'no\uFFFD' },
    ],
    [
      () => ({ status: 307, headers: { location: 'http://169.254.169.254/' } }),
      { isDelivered: false, statusCode: 307 },
    ],
    [() => 'reset', { isDelivered: false, statusCode: null, reason: 'reset', response: null }],
    [() => ({ body: 'x'.repeat(70_000) }), { isDelivered: false, statusCode: null, reason: 'too-large' }],
  ])('answers a failure as what it was: %#', async (answer, expected) => {
    const { endpoint } = await verified();
    receiver.answer = answer;
    expect(dataOf(await agent.api.post(`${WEBHOOKS}/${endpoint.id}/test`))).toMatchObject(expected);
  });

  it('is refused before the endpoint is verified', async () => {
    const { endpoint } = await create();
    await world.nothingHappens(async () => {
      expectProblem(await agent.api.post(`${WEBHOOKS}/${endpoint.id}/test`), 409, 'WEBHOOK_STATE');
    });
    expect(receiver.requests).toEqual([]);
  });
});

describe('a pause', () => {
  it('ends with a resumption, and both may be repeated', async () => {
    const { endpoint } = await verified();
    const path = `${WEBHOOKS}/${endpoint.id}`;
    for (let i = 0; i < 2; i += 1)
      expect(dataOf(await agent.api.post(`${path}/pause`))).toMatchObject({ state: 'paused' });
    for (let i = 0; i < 2; i += 1)
      expect(dataOf(await agent.api.post(`${path}/resume`))).toMatchObject({ state: 'active' });
    await setState(endpoint.id, `state = 'failing', consecutive_failures = 6, first_failure_at = platform.clock()`);
    dataOf(await agent.api.post(`${path}/pause`));
    expect(dataOf(await agent.api.post(`${path}/resume`))).toMatchObject({ state: 'failing' });
    expect(receiver.requests.length).toBe(1);
  });

  it('is refused for an endpoint that nothing is sent to, and so is its resumption before it is verified', async () => {
    const { endpoint } = await create();
    await world.nothingHappens(async () => {
      for (const action of ['pause', 'resume']) {
        expectProblem(await agent.api.post(`${WEBHOOKS}/${endpoint.id}/${action}`), 409, 'WEBHOOK_STATE');
      }
    });
  });

  it('outlives a verification', async () => {
    const { endpoint } = await verified();
    dataOf(await agent.api.post(`${WEBHOOKS}/${endpoint.id}/pause`));
    expect(dataOf(await agent.api.post(`${WEBHOOKS}/${endpoint.id}/verify`))).toMatchObject({ state: 'paused' });
  });
});

describe('a secret', () => {
  type Rotated = { secret: string; previousUntil: string };
  const rotate = (id: number, body: object = {}) => agent.api.post(`${WEBHOOKS}/${id}/rotate-secret`, body);
  async function signers(id: number, secrets: string[]): Promise<boolean[]> {
    dataOf(await agent.api.post(`${WEBHOOKS}/${id}/test`));
    const { headers, body } = receiver.requests.at(-1) ?? { headers: {}, body: '' };
    return secrets.map((secret) => {
      try {
        new Webhook(secret).verify(body, headers as Record<string, string>);
        return true;
      } catch {
        return false;
      }
    });
  }

  it('signs beside its successor until the overlap ends', async () => {
    const { endpoint, secret } = await verified();
    const next = dataOf<Rotated>(await rotate(endpoint.id));
    const inADay = Date.parse(world.timeIn(86_400_000));
    expect(Math.abs(Date.parse(next.previousUntil) - inADay)).toBeLessThan(10_000);
    expect(await signers(endpoint.id, [secret, next.secret])).toEqual([true, true]);
    expect((await show(endpoint.id)).secrets).toMatchObject([{ expiresAt: null }, { expiresAt: next.previousUntil }]);
    await world.passTime(86_400_001);
    expect(await signers(endpoint.id, [secret, next.secret])).toEqual([false, true]);
    expect((await show(endpoint.id)).secrets.length).toBe(1);
  });

  it('ends at once without an overlap, with all that came before', async () => {
    const { endpoint, secret } = await verified();
    const second = dataOf<Rotated>(await rotate(endpoint.id, { overlapSeconds: 3_600 }));
    const third = dataOf<Rotated>(await rotate(endpoint.id, { overlapSeconds: 0 }));
    expect(await signers(endpoint.id, [secret, second.secret, third.secret])).toEqual([false, false, true]);
  });

  it('is one of five at most, however many rotations there are at once', async () => {
    const { endpoint } = await verified();
    const answers = await Promise.all(Array.from({ length: 8 }, () => rotate(endpoint.id)));
    const made = answers.filter(({ status }) => status === 200).map((answer) => dataOf<Rotated>(answer).secret);
    expect(made.length).toBe(4);
    for (const answer of answers.filter(({ status }) => status !== 200))
      expectProblem(answer, 409, 'WEBHOOK_SECRET_LIMIT');
    expect(await signers(endpoint.id, made)).toEqual([true, true, true, true]);
    dataOf(await rotate(endpoint.id, { overlapSeconds: 0 }));
    expect((await show(endpoint.id)).secrets.length).toBe(1);
  });

  it('that was kept under another C4C_SECRET is told, calls nobody, and makes room for a new one', async () => {
    const { endpoint } = await verified();
    await world.database.pool.query(
      `update market.webhook_secret set secret = set_byte(secret, 12, 255 - get_byte(secret, 12)) where endpoint_id = $1`,
      [endpoint.id],
    );
    const calls = receiver.requests.length;
    await world.nothingHappens(async () => {
      for (const action of ['test', 'verify'])
        expectProblem(await agent.api.post(`${WEBHOOKS}/${endpoint.id}/${action}`), 409, 'WEBHOOK_SECRET_LOST');
    });
    await setState(endpoint.id, `state = 'disabled', disabled_at = platform.clock() - interval '1 hour'`);
    expectProblem(await agent.api.post(`${WEBHOOKS}/${endpoint.id}/resume`), 409, 'WEBHOOK_SECRET_LOST');
    expect(receiver.requests.length).toBe(calls);
    const { secret } = dataOf<Rotated>(await rotate(endpoint.id, { overlapSeconds: 0 }));
    dataOf(await agent.api.post(`${WEBHOOKS}/${endpoint.id}/resume`));
    expect(await signers(endpoint.id, [secret])).toEqual([true]);
  });

  it('of a deleted endpoint ends with it', async () => {
    const { endpoint } = await verified();
    await Promise.all([agent.api.delete(`${WEBHOOKS}/${endpoint.id}`), rotate(endpoint.id)]);
    const { rows } = await world.database.pool.query<{ live: bigint }>(
      'select count(*) as live from market.webhook_secret where endpoint_id = $1 and (expires_at is null or expires_at > platform.clock())',
      [endpoint.id],
    );
    expect(Number(rows[0]?.live)).toBe(0);
  });

  it.each([{ overlapSeconds: -1 }, { overlapSeconds: 604_801 }, { overlapSeconds: '60' }])(
    'is not rotated with %j',
    async (body) => {
      const { endpoint } = await create();
      await world.nothingHappens(async () => {
        expectProblem(await rotate(endpoint.id, body), 400, 'VALIDATION_FAILED', ['overlapSeconds']);
      });
    },
  );
});
