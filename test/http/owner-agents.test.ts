import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dataOf, expectProblem } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type OwnerActor, type World } from '../support/world.js';

let world: World;
let owner: OwnerActor;
let agent: AgentActor;

beforeAll(async () => {
  world = await startWorld();
});
beforeEach(async () => {
  owner = await world.owner();
  agent = await world.agent(owner);
});
afterAll(() => world.close());

type Key = { id: number; key: string; scopes: string[] };
const newKey = async (body: object = {}) => dataOf<Key>(await owner.api.post(`/owner/agents/${agent.id}/keys`, body));
const works = async (key: string) => (await world.api.as(key).get('/agent/me')).status === 200;

describe('an agent', () => {
  it('is created with a key that works at once and is shown once', async () => {
    const created = dataOf<{ agent: { id: number }; key: Key }>(
      await owner.api.post('/owner/agents', { name: 'New', category: 'design' }),
    );
    expect(created).toMatchObject({
      agent: { name: 'New', category: 'design', isFrozen: false },
      key: { scopes: expect.arrayContaining(['invoke']) },
    });
    expect(dataOf(await world.api.as(created.key.key).get('/agent/me'))).toMatchObject({
      id: created.agent.id,
      name: 'New',
    });
    const keys = await owner.api.get(`/owner/agents/${created.agent.id}/keys`);
    expect(keys.text).not.toContain(created.key.key);
  });

  it('is listed and read by its owner', async () => {
    expect(dataOf(await owner.api.get('/owner/agents'))).toMatchObject({ total: 1, agents: [{ id: agent.id }] });
    expect(dataOf(await owner.api.get(`/owner/agents/${agent.id}`))).toMatchObject({ id: agent.id });
    await world.agent(owner);
    expect(dataOf(await owner.api.get('/owner/agents?limit=1&page=2'))).toMatchObject({
      total: 2,
      page: 2,
      limit: 1,
      agents: [{}],
    });
  });

  it.each([
    [{}, ['name']],
    [{ name: '' }, ['name']],
    [{ name: 'x'.repeat(101) }, ['name']],
    [{ name: 7, category: 'cooking', description: 5, key: 'mine' }, ['name', 'category', 'description', 'key']],
  ])('is not created from %j', async (body, fields) => {
    await world.nothingHappens(async () => {
      expectProblem(await owner.api.post('/owner/agents', body), 400, 'VALIDATION_FAILED', fields);
    });
  });

  it('of another owner does not exist', async () => {
    const stranger = await world.owner();
    const path = `/owner/agents/${agent.id}`;
    const { id: keyId } = await newKey();
    await world.nothingHappens(async () => {
      expectProblem(await stranger.api.get(path), 404, 'NOT_FOUND');
      expectProblem(await stranger.api.get(`${path}/keys`), 404, 'NOT_FOUND');
      expectProblem(await stranger.api.post(`${path}/keys`, {}), 404, 'NOT_FOUND');
      expectProblem(await stranger.api.delete(`${path}/keys/${keyId}`), 404, 'NOT_FOUND');
      expectProblem(await stranger.api.post(`${path}/keys/${keyId}/rotate`), 404, 'NOT_FOUND');
      expectProblem(await stranger.api.post(`${path}/freeze`), 404, 'NOT_FOUND');
      expectProblem(await stranger.api.post(`${path}/unfreeze`), 404, 'NOT_FOUND');
    });
  });
});

describe('a key', () => {
  it('has a name, scopes and an end when they are given', async () => {
    const expiresAt = world.timeIn(3_600_000);
    const key = await newKey({ name: 'laptop', scopes: ['read'], expiresAt });
    expect(key).toMatchObject({ name: 'laptop', scopes: ['read'], expiresAt });
    const list = dataOf<{ keys: { id: number }[] }>(await owner.api.get(`/owner/agents/${agent.id}/keys`));
    expect(list.keys.find(({ id }) => id === key.id)).toMatchObject({ name: 'laptop', scopes: ['read'], expiresAt });
    expect(JSON.stringify(list)).not.toContain(key.key);
  });

  it('ends at its time', async () => {
    const { key } = await newKey({ expiresAt: world.timeIn(3_600_000) });
    expect(await works(key)).toBe(true);
    await world.passTime(3_600_001);
    await world.keysAreReadAgain();
    expectProblem(await world.api.as(key).get('/agent/me'), 401, 'UNAUTHENTICATED');
  });

  it('ends when it is revoked, at once, and cannot be revoked twice', async () => {
    const { id, key } = await newKey();
    expect(await works(key)).toBe(true);
    dataOf(await owner.api.delete(`/owner/agents/${agent.id}/keys/${id}`));
    expectProblem(await world.api.as(key).get('/agent/me'), 401, 'UNAUTHENTICATED');
    expect(await works(agent.key)).toBe(true);
    await world.nothingHappens(async () => {
      expectProblem(await owner.api.delete(`/owner/agents/${agent.id}/keys/${id}`), 404, 'NOT_FOUND');
    });
  });

  it('is rotated with an overlap in which both work', async () => {
    const old = await newKey({ scopes: ['read', 'invoke'] });
    const answer = dataOf<{ key: Key; replaces: { id: number } }>(
      await owner.api.post(`/owner/agents/${agent.id}/keys/${old.id}/rotate`, { overlapSeconds: 60 }),
    );
    expect(answer).toMatchObject({ key: { scopes: ['read', 'invoke'] }, replaces: { id: old.id } });
    expect([await works(old.key), await works(answer.key.key)]).toEqual([true, true]);
    await world.passTime(60_001);
    await world.keysAreReadAgain();
    expect([await works(old.key), await works(answer.key.key)]).toEqual([false, true]);
  });

  it('is rotated without overlap at once, and only once', async () => {
    const old = await newKey();
    const rotate = () => owner.api.post(`/owner/agents/${agent.id}/keys/${old.id}/rotate`, { overlapSeconds: 0 });
    const { key } = dataOf<{ key: Key }>(await rotate());
    expect([await works(old.key), await works(key.key)]).toEqual([false, true]);
    await world.nothingHappens(async () => expectProblem(await rotate(), 404, 'NOT_FOUND'));
  });

  it.each([
    [{ scopes: ['root'] }, ['scopes']],
    [{ scopes: ['read', 'read'] }, ['scopes']],
    [{ scopes: 'read' }, ['scopes']],
    [{ expiresAt: 'tomorrow' }, ['expiresAt']],
    [{ expiresAt: '2030-02-31T00:00:00Z' }, ['expiresAt']],
    [{ expiresAt: '2020-01-01T00:00:00Z' }, ['expiresAt']],
    [{ name: 5, scopes: [1], expiresAt: 2, kind: 'admin' }, ['name', 'scopes', 'expiresAt', 'kind']],
  ])('is not made from %j', async (body, fields) => {
    await world.nothingHappens(async () => {
      expectProblem(await owner.api.post(`/owner/agents/${agent.id}/keys`, body), 400, 'VALIDATION_FAILED', fields);
    });
  });

  it.each([{ overlapSeconds: -1 }, { overlapSeconds: 604_801 }, { overlapSeconds: '60' }, { overlapSeconds: 0.5 }])(
    'is not rotated with %j',
    async (body) => {
      const { id } = await newKey();
      await world.nothingHappens(async () => {
        const answer = await owner.api.post(`/owner/agents/${agent.id}/keys/${id}/rotate`, body);
        expectProblem(answer, 400, 'VALIDATION_FAILED', ['overlapSeconds']);
      });
    },
  );

  it('is one of at most twenty live ones', async () => {
    const made: { id: number }[] = [];
    for (let n = 0; n < 19; n++) made.push(await newKey());
    await world.nothingHappens(async () => {
      expectProblem(await owner.api.post(`/owner/agents/${agent.id}/keys`, {}), 409, 'KEY_LIMIT');
      const rotate = `/owner/agents/${agent.id}/keys/${made[0]?.id ?? 0}/rotate`;
      expectProblem(await owner.api.post(rotate), 409, 'KEY_LIMIT');
    });
    dataOf(await owner.api.delete(`/owner/agents/${agent.id}/keys/${made[0]?.id ?? 0}`));
    await newKey();
  });
});

describe('freezing', () => {
  it('stops the agent, tells its owner why, and may be repeated and lifted', async () => {
    for (const reason of ['A key leaked', 'A key leaked']) {
      expect(dataOf(await owner.api.post(`/owner/agents/${agent.id}/freeze`, { reason }))).toMatchObject({
        isFrozen: true,
      });
    }
    expect(dataOf(await owner.api.get(`/owner/agents/${agent.id}`))).toMatchObject({
      isFrozen: true,
      frozenReason: 'A key leaked',
    });
    expectProblem(await agent.api.get('/agent/me'), 403, 'AGENT_FROZEN');
    for (let n = 0; n < 2; n++) {
      expect(dataOf(await owner.api.post(`/owner/agents/${agent.id}/unfreeze`))).toMatchObject({ isFrozen: false });
    }
    expect(await works(agent.key)).toBe(true);
  });

  it('lets what is held run to its end', async () => {
    const caller = await world.agent();
    await world.fund(caller.owner, '10');
    const service = await world.service(agent, { price: '10' });
    const body = { serviceId: service, input: { text: 'a' } };
    dataOf(await caller.api.post('/agent/me/service-invocations', body));
    dataOf(await owner.api.post(`/owner/agents/${agent.id}/freeze`));
    expect(dataOf(await caller.owner.api.get('/owner/wallet'))).toEqual({ available: '0', held: '10' });
  });

  it.each([{ reason: 5 }, { reason: 'x'.repeat(501) }])('is not done with %j', async (body) => {
    await world.nothingHappens(async () => {
      expectProblem(await owner.api.post(`/owner/agents/${agent.id}/freeze`, body), 400, 'VALIDATION_FAILED', [
        'reason',
      ]);
    });
  });
});
