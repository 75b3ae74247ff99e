import request from 'supertest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dataOf } from '../support/expect-problem.js';
import { expectMatchesOpenApi } from '../support/openapi.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

let world: World;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

type Answer = { status: number; headers: Record<string, string>; text: string };
type Asked = { caller: AgentActor; provider: AgentActor; serviceId: number; id: number; path: string };

const FORM = 'application/x-www-form-urlencoded';

/** An agent asks its owner, who makes a link. */
async function asked(title = 'Count', change: object = {}): Promise<Asked> {
  const [caller, provider] = await Promise.all([world.agent(), world.agent()]);
  await world.fund(caller.owner, '100');
  const serviceId = await world.service(provider, { price: '5', title, ...change });
  dataOf(await caller.owner.api.put(`/owner/policies/${caller.id}`, { actions: { invoke: { consent: 'always' } } }));
  const body = { serviceId, input: { text: 'one two' } };
  const answer = await caller.api.post('/agent/me/service-invocations', body);
  expect(answer.status).toBe(202);
  const { id } = (answer.body as { error: { details: { approval: { id: number } } } }).error.details.approval;
  return { caller, provider, serviceId, id, path: await linkTo(caller, id) };
}

async function linkTo({ owner }: AgentActor, id: number): Promise<string> {
  const { url, path } = dataOf<{ url: string; path: string }>(await owner.api.post(`/owner/approvals/${id}/link`));
  expect(url).toBe(`${world.url}${path}`);
  return path;
}

/** As a browser without scripts: what it gets is held to openapi.yaml and to what every such page promises. */
async function look(path: string): Promise<Answer> {
  const answer = await request(world.url).get(path).set('accept', 'text/html');
  return checked('get', path, answer);
}

async function post(path: string, form: string, headers: Record<string, string> = {}): Promise<Answer> {
  const answer = await request(world.url).post(path).set('content-type', FORM).set(headers).send(form);
  return checked('post', path, answer);
}

function checked(method: string, path: string, { status, headers, text, body }: Answer & { body: unknown }): Answer {
  expectMatchesOpenApi({ method, path }, { status, headers, body });
  if (headers['content-type'] === 'text/html; charset=utf-8') {
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    });
    expect(headers['content-security-policy']).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'$/,
    );
    expect(text).not.toMatch(/<script|<link|<img|<iframe|javascript:| src=| href=|\son\w+=/i);
  }
  return { status, headers, text };
}

async function stateOf({ caller, id }: Asked): Promise<Record<string, unknown>> {
  return dataOf(await caller.owner.api.get(`/owner/approvals/${id}`));
}

async function held({ caller }: Asked): Promise<string> {
  return dataOf<{ held: string }>(await caller.owner.api.get('/owner/wallet')).held;
}

function expectNothing({ status, text }: Answer): void {
  expect(status).toBe(404);
  expect(text).toContain('<h1>This link opens nothing</h1>');
}

describe('a one-time link', () => {
  it('shows what is asked, and looking changes nothing, however often', async () => {
    const one = await asked('Word count');
    await world.nothingHappens(async () => {
      for (const answer of [await look(one.path), await look(one.path)]) {
        expect(answer.status).toBe(200);
        expect(answer.text).toMatch(
          /wants to invoke “Word count” of “Agent \d+” for 5 shells: you want to be asked each time\./,
        );
        expect(answer.text).toContain('<dt>At most</dt><dd>5 shells</dd>');
        expect(answer.text).toMatch(/<dt>Decide by<\/dt><dd>\d{4}-\d\d-\d\d \d\d:\d\d UTC<\/dd>/);
        expect(answer.text).toContain('<form method="post">');
      }
      expect((await request(world.url).head(one.path)).status).toBe(200);
    });
    expect(await stateOf(one)).toMatchObject({ status: 'pending' });
  });

  it('approves, once, and says what came of it', async () => {
    const one = await asked();
    const answer = await post(one.path, 'decision=approve', { origin: world.url, 'sec-fetch-site': 'same-origin' });
    expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('<h1>Approved, and done</h1>')]);
    const done = await stateOf(one);
    expect(done).toMatchObject({ status: 'executed', decidedBy: 'link' });
    expect(answer.text).toContain(`It is invocation ${String(done['resultId'])}.`);
    expect(await held(one)).toBe('5');
    expectNothing(await look(one.path));
    expectNothing(await post(one.path, 'decision=approve'));
    expectNothing(await post(one.path, 'decision=deny'));
    expect(await held(one)).toBe('5');
  });

  it('denies', async () => {
    const one = await asked();
    const answer = await post(one.path, 'decision=deny');
    expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('<h1>Denied</h1>')]);
    expect(await stateOf(one)).toMatchObject({ status: 'denied', decidedBy: 'link' });
    expect(await held(one)).toBe('0');
    expectNothing(await look(one.path));
  });

  it('says why what was approved could not be done', async () => {
    const one = await asked();
    dataOf(await one.provider.api.patch(`/agent/me/services/${one.serviceId}`, { price: '6' }));
    const answer = await post(one.path, 'decision=approve');
    expect(answer.text).toContain('<h1>Approved, but it could not be done</h1>');
    expect(answer.text).toContain('Nothing was spent.');
    expect(await held(one)).toBe('0');
  });

  it('says so when what was approved has to wait', async () => {
    const one = await asked('Busy', { maxPending: 1 });
    const other = await world.agent();
    await world.fund(other.owner, '10');
    const path = '/agent/me/service-invocations';
    const body = { serviceId: one.serviceId, input: { text: 'a' } };
    const { invocationId } = dataOf<{ invocationId: number }>(await other.api.post(path, body));
    const answer = await post(one.path, 'decision=approve');
    expect(answer.text).toMatch(/<h1>Approved<\/h1>[^]*It cannot be done at this moment\./);
    expect(await stateOf(one)).toMatchObject({ status: 'approved' });
    expectNothing(await look(one.path));
    dataOf(await other.api.post(`${path}/${invocationId}/cancel`));
    const done = dataOf<{ status: string }>(await one.caller.owner.api.post(`/owner/approvals/${one.id}/approve`));
    expect(done.status).toBe('executed');
  });

  it.each([
    ['the same', ['approve', 'approve', 'approve', 'approve', 'approve']],
    ['different', ['approve', 'deny', 'approve', 'deny']],
  ])('decides once when %s decisions come at the same moment', async (_, decisions) => {
    const one = await asked();
    const answers = await Promise.all(decisions.map((decision) => post(one.path, `decision=${decision}`)));
    const done = await stateOf(one);
    expect(['executed', 'denied']).toContain(done['status']);
    const title = done['status'] === 'executed' ? '<h1>Approved' : '<h1>Denied';
    for (const answer of answers.filter(({ status }) => status !== 404)) {
      expect([answer.status, answer.text]).toEqual([200, expect.stringContaining(title)]);
    }
    expect(answers.some(({ status }) => status === 200)).toBe(true);
    expect(await held(one)).toBe(done['status'] === 'executed' ? '5' : '0');
    const { total } = dataOf<{ total: number }>(await one.caller.api.get('/agent/me/service-invocations'));
    expect(total).toBe(done['status'] === 'executed' ? 1 : 0);
  });

  it('gives way to a newer one, and to a decision by key', async () => {
    const one = await asked();
    const newer = await linkTo(one.caller, one.id);
    expectNothing(await look(one.path));
    expectNothing(await post(one.path, 'decision=approve'));
    expect((await look(newer)).status).toBe(200);
    dataOf(await one.caller.owner.api.post(`/owner/approvals/${one.id}/deny`));
    expectNothing(await look(newer));
    expectNothing(await post(newer, 'decision=approve'));
    expect(await stateOf(one)).toMatchObject({ status: 'denied' });
  });

  it.each(['x', 'A'.repeat(43), '..%2f..', '%F0%9F%90%9A', 'x'.repeat(5_000), `${'A'.repeat(43)}'--`])(
    'that never was opens nothing (%#)',
    async (token) => {
      await world.nothingHappens(async () => {
        expectNothing(await look(`/approvals/${token}`));
        expectNothing(await post(`/approvals/${token}`, 'decision=approve'));
      });
    },
  );

  it('shows hostile names as text, also those that turn the direction of writing', async () => {
    const one = await asked('</p><script>alert(1)</script>&"\'<img src=x onerror=alert(2)>');
    const name = '<b onclick="x()">Scout</b>\u202e&amp;';
    dataOf(await one.caller.api.patch('/agent/me', { name }));
    const answer = await request(world.url).get(one.path);
    expect(answer.text).toContain('&lt;b onclick=&quot;x()&quot;&gt;Scout&lt;/b&gt;\\u202e&amp;amp;');
    expect(answer.text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;');
    for (const raw of ['<script', '<img', '<b ', '\u202e']) expect(answer.text).not.toContain(raw);
    const done = await request(world.url).post(one.path).type('form').send({ decision: 'deny' });
    for (const raw of ['<script', '<img', '<b ']) expect(done.text).not.toContain(raw);
  });
});

describe('a decision from elsewhere', () => {
  it.each([
    [{ 'sec-fetch-site': 'cross-site' }],
    [{ 'sec-fetch-site': 'same-site' }],
    [{ 'sec-fetch-site': 'none' }],
    [{ origin: 'https://evil.example' }],
    [{ origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    [{ origin: 'nonsense' }],
  ])('is refused: %j', async (headers) => {
    const one = await asked();
    await world.nothingHappens(async () => {
      const answer = await post(one.path, 'decision=approve', headers);
      expect([answer.status, answer.text]).toEqual([403, expect.stringContaining('<h1>Not decided</h1>')]);
    });
    expect((await look(one.path)).status).toBe(200);
  });

  it.each([
    // What browsers send from a page that forbids referrers.
    [{ origin: 'null', 'sec-fetch-site': 'same-origin' }],
    [{ origin: 'null' }],
    // Behind a proxy that changes the host, the browser's own word counts.
    [{ origin: 'https://market.example', 'sec-fetch-site': 'same-origin' }],
  ])('is none when the browser says so: %j', async (headers) => {
    const one = await asked();
    expect((await post(one.path, 'decision=deny', headers)).status).toBe(200);
  });
});

describe('a form', () => {
  it.each([
    ['', 400, 'VALIDATION_FAILED'],
    ['decision=', 400, 'VALIDATION_FAILED'],
    ['decision=maybe', 400, 'VALIDATION_FAILED'],
    ['decision=approve&decision=deny', 400, 'VALIDATION_FAILED'],
    ['decision=approve&amount=1', 400, 'VALIDATION_FAILED'],
    ['__proto__=1&decision=approve', 400, 'VALIDATION_FAILED'],
    ['decision=approve%00', 400, 'VALIDATION_FAILED'],
    ['decision=%FF%FE', 400, 'VALIDATION_FAILED'],
    [`decision=approve&pad=${'x'.repeat(17_000)}`, 413, 'BODY_TOO_LARGE'],
    [`decision=approve&pad=${'x'.repeat(3_000_000)}`, 413, 'BODY_TOO_LARGE'],
  ])('that the page does not have is refused (%#)', async (form, status, code) => {
    const one = await asked();
    await world.nothingHappens(async () => {
      const answer = await post(one.path, form);
      expect([answer.status, (JSON.parse(answer.text) as { error: { code: string } }).error.code]).toEqual([
        status,
        code,
      ]);
    });
  });

  it('is all that the page takes, and no other route takes one', async () => {
    const one = await asked();
    await world.nothingHappens(async () => {
      for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x']) {
        const answer = await request(world.url).post(one.path).set('content-type', type).send('{"decision":"approve"}');
        expect([answer.status, type]).toEqual([415, type]);
        expectMatchesOpenApi({ method: 'post', path: one.path }, answer);
      }
      const path = `/openapi/v1/owner/approvals/${one.id}/approve`;
      const key = one.caller.owner.key;
      const answer = await request(world.url).post(path).set('X-API-Key', key).set('content-type', FORM).send('a=1');
      expect(answer.status).toBe(415);
      expectMatchesOpenApi({ method: 'post', path }, answer);
    });
  });
});

describe('guesses', () => {
  it('count for the address, as all that needs no key', async () => {
    const strict = await startWorld({ env: { C4C_RATE_ADDRESS: '3' }, monotonicNow: () => 0 });
    try {
      const tries = [1, 2, 3, 4].map(() => request(strict.url).get('/approvals/guess'));
      const statuses = (await Promise.all(tries)).map(({ status }) => status);
      expect(statuses.sort()).toEqual([404, 404, 404, 429]);
      const late = await request(strict.url).post('/approvals/guess').type('form').send({ decision: 'approve' });
      expect(late.status).toBe(429);
      expectMatchesOpenApi({ method: 'post', path: '/approvals/guess' }, late);
    } finally {
      await strict.close();
    }
  });
});

// The last one: the platform ends what else is pending by then, at its own time.
it('a link expires with what it is for', async () => {
  const one = await asked();
  await world.passTime(86_400_001);
  expectNothing(await look(one.path));
  expectNothing(await post(one.path, 'decision=approve'));
  expect(await stateOf(one)).toMatchObject({ status: 'expired' });
});
