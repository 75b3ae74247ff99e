import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { formatApiKey, secretFrom } from '#kernel';
import { dataOf, expectProblem } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

const [KEY, OWNER, WRONG, READS] = [20, 30, 5, 50];
const env = {
  C4C_RATE_KEY: `${KEY}`,
  C4C_RATE_OWNER: `${OWNER}`,
  C4C_RATE_WRONG_KEYS: `${WRONG}`,
  C4C_RATE_ADDRESS: `${READS}`,
  C4C_TRUST_PROXY: '1',
};
const POLICY = `"key";q=${KEY};w=1, "owner";q=${OWNER};w=1`;

// The clock of the limits stands still unless a test moves it, so how fast the requests are changes nothing.
let nowMs = 0;
const aMinuteLater = (): void => void (nowMs += 60_000);

let world: World;
let agent: AgentActor;

beforeAll(async () => {
  world = await startWorld({ env, monotonicNow: () => nowMs });
});
beforeEach(async () => {
  aMinuteLater();
  agent = await world.agent();
  dataOf(await agent.api.get('/agent/me'));
  aMinuteLater();
});
afterAll(() => world.close());

const wrongKey = () => formatApiKey('agent', secretFrom(randomBytes));
const times = <T>(count: number, work: () => PromiseLike<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, () => Promise.resolve(work())));
const countOf = (answers: readonly { status: number }[]) => {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

/** While it runs, no look-up of a key comes to an end. */
async function withoutLookUps(work: () => Promise<void>): Promise<void> {
  const blocker = await world.database.pool.connect();
  await blocker.query('begin; lock table market.api_key in access exclusive mode');
  try {
    await work();
  } finally {
    await blocker.query('rollback');
    blocker.release();
  }
}

describe('a key', () => {
  it('passes exactly as often as it may, however many ask at once', async () => {
    const answers = await times(200, () => agent.api.get('/agent/me'));
    expect(countOf(answers)).toEqual({ 200: KEY, 429: 200 - KEY });
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.headers).toMatchObject({
      'retry-after': '1',
      ratelimit: '"key";r=0;t=1',
      'ratelimit-policy': POLICY,
    });
    expect(refused?.body).toMatchObject({
      error: { code: 'RATE_LIMITED', details: { policy: 'key', quota: KEY, windowS: 1 } },
    });
  });

  it('passes again as soon as a unit has run off, and as Retry-After says', async () => {
    await times(KEY, () => agent.api.get('/agent/me'));
    nowMs += 1_000 / KEY;
    expect(countOf(await times(5, () => agent.api.get('/agent/me')))).toEqual({ 200: 1, 429: 4 });
    nowMs += 1_000;
    expect(countOf(await times(50, () => agent.api.get('/agent/me')))).toEqual({ 200: KEY, 429: 50 - KEY });
  });

  it('has its standing on successes and refusals alike', async () => {
    const answers = [
      await agent.api.get('/agent/me'),
      await agent.api.get('/agent/me/service-invocations?limit=x'),
      await agent.api.get('/agent/me/service-invocations/999999'),
      await agent.api.post('/agent/me/services', { colour: 'red' }),
    ];
    expect(answers.map(({ status, headers }) => [status, headers['ratelimit']])).toEqual(
      [200, 400, 404, 400].map((status, n) => [status, `"key";r=${KEY - 1 - n};t=1`]),
    );
    for (const { headers } of answers) expect(headers['ratelimit-policy']).toBe(POLICY);
  });

  it('does nothing when it is refused', async () => {
    await times(KEY, () => agent.api.get('/agent/me'));
    await world.nothingHappens(async () => {
      const service = { title: 'x', description: 'x', category: 'writing', price: '1', avgResponseMs: 1_000 };
      expectProblem(await agent.api.post('/agent/me/services', service), 429, 'RATE_LIMITED');
    });
  });

  it('holds up no other owner', async () => {
    const other = await world.agent();
    await times(KEY + 1, () => agent.api.get('/agent/me'));
    dataOf(await other.api.get('/agent/me'));
  });

  it('of an administrator is limited by itself', async () => {
    const answers = await times(KEY + 5, () => world.admin.get('/admin/owners'));
    expect(countOf(answers)).toEqual({ 200: KEY, 429: 5 });
    expect(answers[0]?.headers['ratelimit-policy']).toBe(`"key";q=${KEY};w=1`);
  });
});

describe('an owner', () => {
  it('passes with all keys together exactly as often as it may', async () => {
    const second = await world.agent(agent.owner);
    dataOf(await second.api.get('/agent/me'));
    aMinuteLater();
    const answers = [
      ...(await times(18, () => agent.api.get('/agent/me'))),
      ...(await times(18, () => second.api.get('/agent/me'))),
      ...(await times(4, () => agent.owner.api.get('/owner/agents'))),
    ];
    expect(countOf(answers)).toEqual({ 200: OWNER, 429: 40 - OWNER });
    const { body, headers } = answers[39] ?? {};
    expect(body).toMatchObject({ error: { code: 'RATE_LIMITED', details: { policy: 'owner', quota: OWNER } } });
    expect(headers).toMatchObject({ ratelimit: '"owner";r=0;t=1', 'ratelimit-policy': POLICY });
  });
});

describe('an address', () => {
  it('guesses exactly as often as it may, however many guesses come at once', async () => {
    const answers = await times(200, () => world.api.as(wrongKey()).get('/agent/me'));
    expect(countOf(answers)).toEqual({ 401: WRONG, 429: 200 - WRONG });
    for (const { status, headers } of answers) {
      expect(headers['ratelimit-policy']).toBe(`"address";q=${WRONG};w=60`);
      if (status === 429) expect(headers).toMatchObject({ ratelimit: '"address";r=0;t=12', 'retry-after': '12' });
    }
  });

  it('is charged for a key that is missing, malformed, unknown, revoked or of another kind', async () => {
    const { id, key } = dataOf<{ id: number; key: string }>(
      await agent.owner.api.post(`/owner/agents/${agent.id}/keys`, {}),
    );
    dataOf(await world.api.as(key).get('/agent/me'));
    dataOf(await agent.owner.api.delete(`/owner/agents/${agent.id}/keys/${id}`));
    const answers = [
      await world.api.get('/agent/me'),
      await world.api.as('nonsense').get('/agent/me'),
      await world.api.as(wrongKey()).get('/agent/me'),
      await world.api.as(key).get('/agent/me'),
      await world.api.as(agent.key).get('/owner/agents'),
      await world.api.as(agent.key).get('/owner/agents'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401, 429]);
  });

  it('that has used up its guesses learns nothing more, and no key is looked up for it', async () => {
    const unused = await agent.newKey();
    await times(WRONG, () => world.api.as(wrongKey()).get('/agent/me'));
    await withoutLookUps(async () => {
      const keys = [unused, wrongKey(), agent.owner.key, 'nonsense'];
      const answers = await Promise.all(keys.map((key) => world.api.as(key).get('/agent/me')));
      const bodies = answers.map((answer) => expectProblem(answer, 429, 'RATE_LIMITED').detail);
      expect(new Set(bodies).size).toBe(1);
    });
    nowMs += 12_000;
    dataOf(await world.api.as(unused).get('/agent/me'));
  });

  it('has spent its guesses also when the database could not tell whether they were right', async () => {
    await withoutLookUps(async () => {
      const answers = await times(WRONG + 2, () => world.api.as(wrongKey()).get('/agent/me'));
      expect(countOf(answers)).toEqual({ 503: WRONG, 429: 2 });
    });
    expectProblem(await world.api.as(wrongKey()).get('/agent/me'), 429, 'RATE_LIMITED');
    dataOf(await agent.api.get('/agent/me'));
  });

  it('does not hold up a key that was right before', async () => {
    await times(WRONG + 5, () => world.api.as(wrongKey()).get('/agent/me'));
    await world.keysAreReadAgain();
    expect(countOf(await times(KEY, () => agent.api.get('/agent/me')))).toEqual({ 200: KEY });
  });

  it('is not charged for the first use of a right key, nor for what needs none', async () => {
    const key = await agent.newKey();
    dataOf(await world.api.as(key).get('/agent/me'));
    for (let n = 0; n < WRONG * 3; n += 1) dataOf(await world.api.get('/market/services'));
    const answer = await world.api.get('//healthz');
    expect(answer.headers['ratelimit']).toBe(`"address";r=${WRONG};t=1`);
    expect((await world.api.get('/no/such/path')).headers['ratelimit']).toBe(`"address";r=${WRONG};t=1`);
  });
});

describe('an address that asks for what needs no key', () => {
  const from = (address: string, path: string) => world.api.get(path).set('X-Forwarded-For', address);

  it('is answered exactly as often as it may, with searches of its own or the same list, and keeps nobody else out', async () => {
    for (const path of ['/market/services', '/market/agents', '/market/services/1', '/market/agents/1']) {
      aMinuteLater();
      let n = 0;
      const search = path.endsWith('1') ? '' : '?search=word';
      const flood = times(400, () => from('198.51.100.7', `${path}${search}${search === '' ? '' : n++}`));
      const others = await times(10, () => from('198.51.100.8', path));
      for (const { status, headers } of others) {
        expect([200, 404]).toContain(status);
        expect(headers['ratelimit-policy']).toBe(`"keyless";q=${READS};w=1`);
      }
      const counts = countOf(await flood);
      expect(counts[429], path).toBe(400 - READS);
      expect((counts[200] ?? 0) + (counts[404] ?? 0), path).toBe(READS);
    }
  });

  it('is told how it stands, and passes again as Retry-After says', async () => {
    const first = await from('198.51.100.9', '/market/services');
    expect(first.headers['ratelimit']).toBe(`"keyless";r=${READS - 1};t=1`);
    await times(READS - 1, () => from('198.51.100.9', '/market/services'));
    // Also with the tag of an answer that it has, and with a key.
    const refused = await from('198.51.100.9', '/market/services')
      .set('If-None-Match', first.headers['etag'] ?? '')
      .set('X-API-Key', agent.key);
    expectProblem(refused, 429, 'RATE_LIMITED');
    expect(refused.headers).toMatchObject({ 'retry-after': '1', ratelimit: '"keyless";r=0;t=1' });
    expect(refused.body).toMatchObject({ error: { details: { policy: 'keyless', quota: READS, windowS: 1 } } });
    nowMs += 1_000;
    dataOf(await from('198.51.100.9', '/market/services'));
  });

  it('reads the documents and looks at the health as often as it likes', async () => {
    await times(READS, () => from('198.51.100.10', '/market/services'));
    for (const path of ['//healthz', '//readyz', '//problems'])
      expect((await from('198.51.100.10', path)).status).toBe(200);
  });
});
