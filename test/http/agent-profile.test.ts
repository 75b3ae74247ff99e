import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dataOf, expectProblem } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

let world: World;
let agent: AgentActor;

beforeAll(async () => {
  world = await startWorld();
});
beforeEach(async () => {
  agent = await world.agent();
});
afterAll(() => world.close());

const PROFILE = {
  name: 'Text worker',
  category: 'writing',
  description: 'Counts words.',
  capabilities: ['text', 'markdown'],
  preferences: { language: 'en', nested: { empty: '' } },
};

describe('registering', () => {
  it('fills in the profile of the agent that the key belongs to', async () => {
    const answer = dataOf(await agent.api.post('/agent/register', PROFILE));
    expect(answer).toMatchObject({ ...PROFILE, id: agent.id, staked: '0', earned: '0', rating: 0, completedTasks: 0 });
    expect(dataOf(await agent.api.get('/agent/me'))).toMatchObject({ ...PROFILE, id: agent.id });
  });

  it('may be repeated, and the last one counts', async () => {
    await agent.api.post('/agent/register', PROFILE);
    await agent.api.post('/agent/register', { name: 'Other', category: 'design' });
    expect(dataOf(await agent.api.get('/agent/me'))).toMatchObject({ name: 'Other', category: 'design' });
  });

  it('names every wrong field at once and stores nothing', async () => {
    const before = dataOf(await agent.api.get('/agent/me'));
    await world.nothingHappens(async () => {
      const answer = await agent.api.post('/agent/register', {
        name: '',
        category: 'cooking',
        description: 5,
        capabilities: ['fine', 7],
        preferences: [],
        staked: '100',
      });
      expectProblem(answer, 400, 'VALIDATION_FAILED', [
        'name',
        'category',
        'description',
        'capabilities[1]',
        'preferences',
        'staked',
      ]);
    });
    expect(dataOf(await agent.api.get('/agent/me'))).toMatchObject({ name: before['name'] });
  });

  it.each([
    ['a name of 101 characters', { name: 'x'.repeat(101) }, 'name'],
    ['a blank name', { name: '   ' }, 'name'],
    ['a description of 2,001 characters', { description: 'x'.repeat(2_001) }, 'description'],
    ['51 capabilities', { capabilities: Array.from({ length: 51 }, (_, n) => `c${n}`) }, 'capabilities'],
    ['an empty capability', { capabilities: [''] }, 'capabilities[0]'],
    ['capabilities that are no list', { capabilities: 'text' }, 'capabilities'],
  ])('refuses %s', async (_name, wrong, field) => {
    expectProblem(await agent.api.post('/agent/register', { ...PROFILE, ...wrong }), 400, 'VALIDATION_FAILED', [field]);
  });
});

describe('changing the profile', () => {
  it('changes what is given and leaves the rest', async () => {
    await agent.api.post('/agent/register', PROFILE);
    dataOf(await agent.api.patch('/agent/me', { description: 'New.', preferences: { a: 1 } }));
    expect(dataOf(await agent.api.get('/agent/me'))).toMatchObject({
      ...PROFILE,
      description: 'New.',
      preferences: { a: 1 },
    });
  });

  it.each([{}, { name: '' }, { name: null, description: '' }])(
    'refuses an update that changes nothing: %j',
    async (body) => {
      await world.nothingHappens(async () => {
        expectProblem(await agent.api.patch('/agent/me', body), 400, 'VALIDATION_FAILED');
      });
    },
  );

  it('does not let the category be changed here, nor anything that the platform counts', async () => {
    const answer = await agent.api.patch('/agent/me', { category: 'design', rating: 5, earned: '9', id: 1 });
    expectProblem(answer, 400, 'VALIDATION_FAILED', ['category', 'rating', 'earned', 'id']);
  });
});

describe('the status', () => {
  it.each(['online', 'offline', 'busy'])('can be %s', async (status) => {
    expect(dataOf(await agent.api.post('/agent/me/status', { status }))).toMatchObject({ status });
    expect(dataOf(await agent.api.get('/agent/me'))).toMatchObject({ status });
  });

  it.each([{ status: 'away' }, { status: 1 }, {}, { status: 'ONLINE' }])(
    'cannot be anything else: %j',
    async (body) => {
      expectProblem(await agent.api.post('/agent/me/status', body), 400, 'VALIDATION_FAILED', ['status']);
    },
  );
});

describe('publishing the agent', () => {
  it('lists it in the market until it is taken off again', async () => {
    const preferences = { expectedSalary: 20, workHours: '9-17', preferredTasks: ['writing'] };
    const published = dataOf(await agent.api.post('/agent/me/publish', { preferences }));
    expect(published).toMatchObject({ id: agent.id, marketVisibility: 'public' });
    expect(dataOf(await world.api.get(`/market/agents/${agent.id}`))).toMatchObject({ id: agent.id, price: '20' });

    expect(dataOf(await agent.api.post('/agent/me/unpublish'))).toMatchObject({ marketVisibility: 'private' });
    expectProblem(await world.api.get(`/market/agents/${agent.id}`), 404, 'NOT_FOUND');
  });

  it('needs no preferences, and no body at all', async () => {
    expect(dataOf(await agent.api.post('/agent/me/publish'))).toMatchObject({ marketVisibility: 'public' });
  });

  it('names wrong fields by their path', async () => {
    const preferences = { expectedSalary: 1.5, workHours: 8, preferredTasks: [1], bonus: true };
    const answer = await agent.api.post('/agent/me/publish', { preferences });
    expectProblem(answer, 400, 'VALIDATION_FAILED', [
      'preferences.expectedSalary',
      'preferences.workHours',
      'preferences.preferredTasks[0]',
      'preferences.bonus',
    ]);
    expect(dataOf(await agent.api.get('/agent/me'))).toMatchObject({ marketVisibility: 'private' });
  });
});

describe('the budget', () => {
  it('is none until owners can set one', async () => {
    expect(dataOf(await agent.api.get('/agent/me/budget'))).toMatchObject({ budgetType: 'none', budgetUsed: '0' });
  });
});

describe('a frozen agent', () => {
  it('is refused everywhere with AGENT_FROZEN, and works again when it is unfrozen', async () => {
    dataOf(await agent.owner.api.post(`/owner/agents/${agent.id}/freeze`, { reason: 'A key may have leaked' }));
    expectProblem(await agent.api.get('/agent/me'), 403, 'AGENT_FROZEN');
    expectProblem(await agent.api.post('/agent/me/status', { status: 'online' }), 403, 'AGENT_FROZEN');
    dataOf(await agent.owner.api.post(`/owner/agents/${agent.id}/unfreeze`));
    dataOf(await agent.api.get('/agent/me'));
  });
});

describe('the scopes of a key', () => {
  it('open what they name and nothing else', async () => {
    const only = async (scope: string) => world.api.as(await agent.newKey({ scopes: [scope] }));
    const [read, profile, services] = [await only('read'), await only('profile'), await only('services')];
    const [invoke, provide] = [await only('invoke'), await only('provide')];
    dataOf(await read.get('/agent/me'));
    expectProblem(await read.post('/agent/me/status', { status: 'busy' }), 403, 'SCOPE_MISSING');
    dataOf(await profile.post('/agent/me/status', { status: 'busy' }));
    expectProblem(await profile.get('/agent/me'), 403, 'SCOPE_MISSING');
    expectProblem(await services.get('/agent/me/services'), 403, 'SCOPE_MISSING');
    expectProblem(await invoke.post('/agent/me/services', {}), 403, 'SCOPE_MISSING');
    expectProblem(await provide.post('/agent/me/service-invocations', {}), 403, 'SCOPE_MISSING');
    expectProblem(await invoke.post('/agent/me/service-invocations/1/submit', {}), 403, 'SCOPE_MISSING');
  });
});
