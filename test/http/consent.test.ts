import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dataOf, expectProblem } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

let world: World;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

type Asked = { id: number; action: string; amount: string; summary: string; status: string; expiresAt: string };
type Approval = Asked & { resultId?: number; error?: { code: string }; agentId: number; request?: object };
type DryRun = {
  dryRun: boolean;
  charge: string;
  outcome: string;
  needsConsent: boolean;
  reasons: object[];
  ownerAvailable: string;
  budgetRemaining?: string;
};

/** A caller with 1,000 shells, and a service of somebody else. */
async function trade(
  price = '5',
  change: object = {},
): Promise<{ caller: AgentActor; provider: AgentActor; serviceId: number }> {
  const [caller, provider] = await Promise.all([world.agent(), world.agent()]);
  await world.fund(caller.owner, '1000');
  return { caller, provider, serviceId: await world.service(provider, { price, ...change }) };
}

async function policy(agent: AgentActor, body: object): Promise<void> {
  dataOf(await agent.owner.api.put(`/owner/policies/${agent.id}`, body));
}

async function budget(agent: AgentActor, body: object): Promise<Record<string, unknown>> {
  return dataOf(await agent.owner.api.put(`/owner/budgets/${agent.id}`, body));
}

const invoke = (caller: AgentActor, serviceId: number, more: object = {}): ReturnType<AgentActor['api']['post']> =>
  caller.api.post('/agent/me/service-invocations', { serviceId, input: { text: 'one two' }, ...more });

function askedIn(answer: { status: number; body: unknown }): Asked {
  const { error } = answer.body as { error: { code: string; details: { approval: Asked } } };
  expect([answer.status, error.code]).toEqual([202, 'APPROVAL_REQUIRED']);
  return error.details.approval;
}

async function held(agent: AgentActor): Promise<string> {
  return dataOf<{ held: string }>(await agent.owner.api.get('/owner/wallet')).held;
}

describe('a budget', () => {
  it('is spent and then spends no more; what comes back may be spent again', async () => {
    const { caller, provider, serviceId } = await trade('10');
    expect(await budget(caller, { budgetType: 'one_time', budgetAmount: '25' })).toMatchObject({
      agentId: caller.id,
      budgetType: 'one_time',
      budgetAmount: '25',
      budgetUsed: '0',
      budgetRemaining: '25',
    });
    const { invocationId } = dataOf<{ invocationId: number }>(await invoke(caller, serviceId));
    dataOf(await invoke(caller, serviceId));
    expectProblem(await invoke(caller, serviceId), 402, 'BUDGET_EXCEEDED');
    expect(await held(caller)).toBe('20');
    const path = `/agent/me/service-invocations/${invocationId}/submit`;
    dataOf(await provider.api.post(path, { status: 'failed', error: 'No.' }));
    expect(dataOf(await caller.api.get('/agent/me/budget'))).toMatchObject({
      budgetType: 'one_time',
      budgetUsed: '10',
      budgetRemaining: '15',
      ownerAvailable: '990',
    });
    dataOf(await invoke(caller, serviceId));
  });

  it('of a period begins anew with it, and says when', async () => {
    const { caller, serviceId } = await trade('10');
    const given = await budget(caller, { budgetType: 'periodic', budgetAmount: '10', budgetPeriod: 'daily' });
    expect(given).toMatchObject({ budgetType: 'periodic', budgetPeriod: 'daily', budgetUsed: '0' });
    dataOf(await invoke(caller, serviceId));
    expectProblem(await invoke(caller, serviceId), 402, 'BUDGET_EXCEEDED');
    await world.passTime(86_400_000);
    dataOf(await invoke(caller, serviceId));
    const now = dataOf<{ budgetUsed: string; budgetResetAt: string }>(await caller.api.get('/agent/me/budget'));
    expect(now.budgetUsed).toBe('10');
    expect(now.budgetResetAt).toMatch(/T00:00:00\.000Z$/);
  });

  it('goes on with what it has counted when its amount changes, and begins anew when that is said', async () => {
    const { caller, serviceId } = await trade('10');
    await budget(caller, { budgetType: 'one_time', budgetAmount: '10' });
    dataOf(await invoke(caller, serviceId));
    expect(await budget(caller, { budgetType: 'one_time', budgetAmount: '15' })).toMatchObject({
      budgetRemaining: '5',
    });
    expect(await budget(caller, { budgetType: 'one_time', budgetAmount: '5' })).toMatchObject({ budgetRemaining: '0' });
    const anew = { budgetType: 'one_time', budgetAmount: '15', reset: true };
    expect(await budget(caller, anew)).toMatchObject({ budgetUsed: '0', budgetRemaining: '15' });
    expect(await budget(caller, { budgetType: 'none' })).toMatchObject({ budgetType: 'none', budgetUsed: '0' });
    expect(dataOf<{ budgets: object[] }>(await caller.owner.api.get('/owner/budgets')).budgets).toEqual([]);
  });

  it('counts tasks and employments too', async () => {
    const { caller, provider } = await trade();
    await budget(caller, { budgetType: 'one_time', budgetAmount: '100' });
    const task = { title: 'Count', description: 'Words.', bounty: '60', category: 'writing' };
    const { id: taskId } = dataOf<{ id: number }>(await caller.api.post('/agent/me/tasks', task));
    const offer = { employeeAgentId: provider.id, salary: '5' };
    expectProblem(await caller.api.post('/agent/me/employments', offer), 402, 'BUDGET_EXCEEDED');
    dataOf(await caller.api.post(`/agent/me/tasks/${taskId}/cancel`));
    dataOf(await caller.api.post('/agent/me/employments', offer));
    expectProblem(await caller.api.post('/agent/me/tasks', task), 402, 'BUDGET_EXCEEDED');
  });

  it('is not touched by what is free between agents of one owner', async () => {
    const { caller } = await trade();
    const sibling = await world.agent(caller.owner);
    const serviceId = await world.service(sibling, { price: '5' });
    await budget(caller, { budgetType: 'one_time', budgetAmount: '0' });
    dataOf(await invoke(caller, serviceId));
    expect(dataOf(await caller.api.get('/agent/me/budget'))).toMatchObject({ budgetUsed: '0' });
  });
});

describe('a policy', () => {
  it.each([
    ['always', { actions: { invoke: { consent: 'always' } } }, '5', 'you want to be asked each time'],
    [
      'above',
      { actions: { invoke: { consent: 'above', above: '4.99' } } },
      '5',
      'you want to be asked above 4.99 shells',
    ],
    ['transaction', { limits: { transaction: '4' } }, '5', 'it may spend 4 shells at a time'],
    ['day', { limits: { day: '4' } }, '5', 'that makes 5 today, and it may spend 4 shells a day'],
    [
      'category',
      { limits: { categories: { writing: '1' } } },
      '5',
      'that makes 5 today in this category, and it may spend 1 shell',
    ],
    [
      'counterparty',
      { limits: { counterparty: '4' } },
      '5',
      'that makes 5 today with this agent, and it may spend 4 shells',
    ],
    [
      'first_time_provider',
      { limits: { firstTimeProvider: '0' } },
      '5',
      'it has not paid this agent before, and may spend 0 shells then',
    ],
  ])('asks the owner by its rule %s, and holds nothing', async (rule, body, price, why) => {
    const { caller, provider, serviceId } = await trade(price);
    await policy(caller, body);
    const asked = askedIn(await invoke(caller, serviceId));
    const names = dataOf<{ name: string }>(await caller.api.get('/agent/me'));
    const other = dataOf<{ name: string }>(await provider.api.get('/agent/me'));
    expect(asked).toMatchObject({
      action: 'invoke',
      amount: '5',
      status: 'pending',
      summary: `“${names.name}” wants to invoke “Word counter” of “${other.name}” for 5 shells: ${why}.`,
    });
    expect(await held(caller)).toBe('0');
    const shown = dataOf<{ reasons: { rule: string }[] }>(await caller.owner.api.get(`/owner/approvals/${asked.id}`));
    expect(shown.reasons.map((reason) => reason.rule)).toEqual([rule]);
  });

  it.each([
    ['never', { actions: { invoke: { consent: 'never' } } }],
    ['above', { actions: { invoke: { consent: 'above', above: '5' } } }],
    ['of another action', { actions: { hire: { consent: 'always' }, task: { consent: 'always' } } }],
    ['transaction', { limits: { transaction: '5' } }],
    ['day', { limits: { day: '5' } }],
    ['category', { limits: { categories: { writing: '5', research: '0' } } }],
    ['counterparty', { limits: { counterparty: '5' } }],
    ['first_time_provider', { limits: { firstTimeProvider: '5' } }],
  ])('lets pass what is within its rule %s', async (_rule, body) => {
    const { caller, serviceId } = await trade('5');
    await policy(caller, body);
    dataOf(await invoke(caller, serviceId));
  });

  it('adds up a day, and knows a provider that was paid', async () => {
    const { caller, serviceId } = await trade('5');
    await policy(caller, { limits: { day: '10', firstTimeProvider: '5' } });
    dataOf(await invoke(caller, serviceId));
    dataOf(await invoke(caller, serviceId));
    askedIn(await invoke(caller, serviceId));
    await world.passTime(86_400_000);
    dataOf(await invoke(caller, serviceId));
  });

  it('is shown as it was set, and replaced as a whole', async () => {
    const { caller } = await trade();
    const body = {
      actions: { publish: { consent: 'above', above: '10' }, invoke: { consent: 'always' } },
      limits: { transaction: '5', categories: { design: '7.5' } },
    };
    await policy(caller, body);
    const path = `/owner/policies/${caller.id}`;
    expect(dataOf(await caller.owner.api.get(path))).toMatchObject({ agentId: caller.id, ...body });
    expect(dataOf<{ total: number }>(await caller.owner.api.get('/owner/policies')).total).toBe(1);
    await policy(caller, {});
    expect(dataOf(await caller.owner.api.get(path))).toMatchObject({ actions: {}, limits: { categories: {} } });
    expect(dataOf<{ total: number }>(await caller.owner.api.get('/owner/policies')).total).toBe(0);
  });

  it('names every field that is wrong, and sets nothing', async () => {
    const { caller } = await trade();
    const answer = await caller.owner.api.put(`/owner/policies/${caller.id}`, {
      actions: { invoke: { consent: 'above' }, hire: { consent: 'maybe' } },
      limits: { day: '-1', categories: { cooking: '1' } },
    });
    expectProblem(answer, 400, 'VALIDATION_FAILED');
    const fields = (answer.body as { errors: { field: string }[] }).errors.map(({ field }) => field);
    expect(fields.sort()).toEqual([
      'actions.hire.consent',
      'actions.invoke.above',
      'limits.categories.cooking',
      'limits.day',
    ]);
    expect(dataOf<{ total: number }>(await caller.owner.api.get('/owner/policies')).total).toBe(0);
  });

  it('is asked about publishing and prices', async () => {
    const provider = await world.agent();
    await policy(provider, {
      actions: { publish: { consent: 'always' }, price_change: { consent: 'above', above: '8' } },
    });
    const body = { title: 'Sort', description: 'Sorts.', category: 'writing', price: '5', avgResponseMs: 1_000 };
    const asked = askedIn(await provider.api.post('/agent/me/services', body));
    expect(asked).toMatchObject({ action: 'publish', amount: '5' });
    expect(asked.summary).toMatch(/wants to publish “Sort” for 5 shells: you want to be asked each time\.$/);
    const done = dataOf<Approval>(await provider.owner.api.post(`/owner/approvals/${asked.id}/approve`));
    expect(done.status).toBe('executed');
    const path = `/agent/me/services/${String(done.resultId)}`;
    dataOf(await provider.api.patch(path, { price: '8' }));
    dataOf(await provider.api.patch(path, { description: 'Sorts well.' }));
    const dearer = askedIn(await provider.api.patch(path, { price: '9' }));
    expect(dearer.summary).toContain('change the price of “Sort” to 9 shells');
    dataOf(await provider.owner.api.post(`/owner/approvals/${dearer.id}/approve`));
    expect(dataOf(await world.api.get(`/market/services/${String(done.resultId)}`))).toMatchObject({ price: '9' });
    await policy(provider, { actions: { price_change: { consent: 'above', above: '9' } } });
    dataOf(await provider.api.post('/agent/me/services', { ...body, price: '9' }));
    const again = askedIn(await provider.api.post('/agent/me/services', { ...body, price: '10' }));
    expect(again).toMatchObject({ action: 'publish', amount: '10' });
    dataOf(await provider.owner.api.post(`/owner/approvals/${again.id}/approve`));
    expect(dataOf(await world.api.get(`/market/services/${String(done.resultId)}`))).toMatchObject({ price: '10' });
  });
});

describe('an approval', () => {
  async function asked(
    more: object = {},
  ): Promise<{ caller: AgentActor; provider: AgentActor; serviceId: number; approval: Asked }> {
    const { caller, provider, serviceId } = await trade('5');
    await policy(caller, { actions: { invoke: { consent: 'always' } } });
    return { caller, provider, serviceId, approval: askedIn(await invoke(caller, serviceId, more)) };
  }

  it('is carried out once, with the key that came with it', async () => {
    const { caller, serviceId, approval } = await asked({ idempotencyKey: 'k1' });
    const path = `/owner/approvals/${approval.id}`;
    const done = dataOf<Approval>(await caller.owner.api.post(`${path}/approve`));
    expect(done).toMatchObject({ status: 'executed', agentId: caller.id });
    expect(await held(caller)).toBe('5');
    const again = await invoke(caller, serviceId, { idempotencyKey: 'k1' });
    expect(dataOf<{ invocationId: number }>(again).invocationId).toBe(done.resultId);
    expect(again.headers['idempotent-replayed']).toBe('true');
    expect(dataOf<Approval>(await caller.owner.api.post(`${path}/approve`)).resultId).toBe(done.resultId);
    expectProblem(await caller.owner.api.post(`${path}/deny`), 409, 'APPROVAL_DECIDED');
    expect(await held(caller)).toBe('5');
  });

  it('is asked once for the same request', async () => {
    const { caller, serviceId, approval } = await asked();
    expect(askedIn(await invoke(caller, serviceId)).id).toBe(approval.id);
    expect(askedIn(await invoke(caller, serviceId, { input: { text: 'three' } })).id).not.toBe(approval.id);
  });

  it('with a key that waits for another request is refused', async () => {
    const { caller, serviceId } = await asked({ idempotencyKey: 'same' });
    const other = { idempotencyKey: 'same', input: { text: 'another' } };
    expectProblem(await invoke(caller, serviceId, other), 422, 'IDEMPOTENCY_KEY_REUSED');
  });

  it('that is denied is not asked again that day', async () => {
    const { caller, serviceId, approval } = await asked();
    const denied = dataOf<Approval & { reason: string }>(
      await caller.owner.api.post(`/owner/approvals/${approval.id}/deny`, { reason: 'Too dear.' }),
    );
    expect(denied).toMatchObject({ status: 'denied', reason: 'Too dear.' });
    expectProblem(await invoke(caller, serviceId), 403, 'APPROVAL_DENIED');
    expectProblem(await caller.owner.api.post(`/owner/approvals/${approval.id}/approve`), 409, 'APPROVAL_DECIDED');
    expect(await held(caller)).toBe('0');
    await world.passTime(86_400_001);
    askedIn(await invoke(caller, serviceId));
  });

  it('expires', async () => {
    const { caller, serviceId, approval } = await asked();
    await world.passTime(86_400_001);
    expectProblem(await caller.owner.api.post(`/owner/approvals/${approval.id}/approve`), 409, 'APPROVAL_EXPIRED');
    expect(dataOf<Approval>(await caller.api.get(`/agent/me/approvals/${approval.id}`)).status).toBe('expired');
    expect(askedIn(await invoke(caller, serviceId)).id).not.toBe(approval.id);
  });

  it('is not carried out at a higher price, and is at a lower one', async () => {
    const dear = await asked();
    dataOf(await dear.provider.api.patch(`/agent/me/services/${dear.serviceId}`, { price: '6' }));
    const failed = dataOf<Approval>(await dear.caller.owner.api.post(`/owner/approvals/${dear.approval.id}/approve`));
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'APPROVAL_ENDED' } });
    expect(await held(dear.caller)).toBe('0');
    const cheap = await asked();
    dataOf(await cheap.provider.api.patch(`/agent/me/services/${cheap.serviceId}`, { price: '4' }));
    const done = dataOf<Approval>(await cheap.caller.owner.api.post(`/owner/approvals/${cheap.approval.id}/approve`));
    expect(done.status).toBe('executed');
    expect(await held(cheap.caller)).toBe('4');
  });

  it('fails when the wallet has too little, and when the budget does not cover it', async () => {
    const { caller, serviceId, approval } = await asked();
    await budget(caller, { budgetType: 'one_time', budgetAmount: '4' });
    const approve = `/owner/approvals/${approval.id}/approve`;
    expect(dataOf(await caller.owner.api.post(approve))).toMatchObject({
      status: 'failed',
      error: { code: 'BUDGET_EXCEEDED' },
    });
    await budget(caller, { budgetType: 'none' });
    const poor = await world.agent();
    await policy(poor, { actions: { invoke: { consent: 'always' } } });
    const { id } = askedIn(await invoke(poor, serviceId));
    expect(dataOf(await poor.owner.api.post(`/owner/approvals/${id}/approve`))).toMatchObject({
      status: 'failed',
      error: { code: 'INSUFFICIENT_FUNDS' },
    });
  });

  it('of a task and of an offer are carried out as well', async () => {
    const { caller, provider } = await trade();
    await policy(caller, { actions: { task: { consent: 'always' }, hire: { consent: 'always' } } });
    const task = { title: 'Count', description: 'Words.', bounty: '60', category: 'writing' };
    const one = askedIn(await caller.api.post('/agent/me/tasks', task));
    const two = askedIn(await caller.api.post('/agent/me/employments', { employeeAgentId: provider.id, salary: '5' }));
    expect(two.amount).toBe('50');
    for (const { id } of [one, two]) {
      const done = dataOf<Approval>(await caller.owner.api.post(`/owner/approvals/${id}/approve`));
      expect(done.status).toBe('executed');
    }
    expect(await held(caller)).toBe('110');
  });

  it('tells its agent how it ended, in every case', async () => {
    const { caller, serviceId, provider, approval } = await asked({ idempotencyKey: 'told' });
    const denied = askedIn(await invoke(caller, serviceId, { input: { text: 'no' } }));
    const failing = askedIn(await invoke(caller, serviceId, { input: { text: 'dear' } }));
    const forgotten = askedIn(await invoke(caller, serviceId, { input: { text: 'forgotten' } }));
    const owner = caller.owner.api;
    const { resultId } = dataOf<Approval>(await owner.post(`/owner/approvals/${approval.id}/approve`));
    dataOf(await owner.post(`/owner/approvals/${denied.id}/deny`, { reason: 'Not this one.' }));
    dataOf(await provider.api.patch(`/agent/me/services/${serviceId}`, { price: '6' }));
    dataOf(await owner.post(`/owner/approvals/${failing.id}/approve`));
    await world.passTime(86_400_001);
    expectProblem(await owner.post(`/owner/approvals/${forgotten.id}/approve`), 409, 'APPROVAL_EXPIRED');
    const { events } = dataOf<{ events: { eventType: string; data: object }[] }>(
      await caller.api.get('/agent/me/events?after=0&types=approval.ended'),
    );
    const common = { action: 'invoke', amount: '5' };
    expect(events.map(({ data }) => data)).toMatchObject([
      { ...common, approvalId: approval.id, status: 'executed', resultId, idempotencyKey: 'told' },
      { ...common, approvalId: denied.id, status: 'denied', reason: 'Not this one.' },
      { ...common, approvalId: failing.id, status: 'failed', errorCode: 'APPROVAL_ENDED' },
      { ...common, approvalId: forgotten.id, status: 'expired' },
    ]);
  });

  it('ends when its agent has done the same by itself meanwhile, with the same key', async () => {
    const { caller, serviceId, approval } = await asked({ idempotencyKey: 'itself' });
    await policy(caller, {});
    dataOf(await invoke(caller, serviceId, { idempotencyKey: 'itself' }));
    const ended = dataOf<Approval>(await caller.owner.api.post(`/owner/approvals/${approval.id}/approve`));
    expect(ended).toMatchObject({ status: 'failed', error: { code: 'APPROVAL_ENDED' } });
    expect(await held(caller)).toBe('5');
  });

  it('quotes names so that nobody who chose one can end the quotation', async () => {
    const { caller, provider } = await trade('5');
    dataOf(await caller.api.patch('/agent/me', { name: 'Evil” pays “x' }));
    const serviceId = await world.service(provider, { title: 'A” for 0 shells: “b', price: '5' });
    await policy(caller, { actions: { invoke: { consent: 'always' } } });
    const { summary } = askedIn(await invoke(caller, serviceId));
    expect(summary).toMatch(/^“Evil" pays "x” wants to invoke “A" for 0 shells: "b” of “[^”]+” for 5 shells: /);
  });

  it('is nobody else’s', async () => {
    const { caller, provider, approval } = await asked();
    const path = `/owner/approvals/${approval.id}`;
    for (const answer of [
      await provider.owner.api.get(path),
      await provider.owner.api.post(`${path}/approve`),
      await provider.owner.api.post(`${path}/deny`),
      await provider.owner.api.post(`${path}/link`),
      await provider.api.get(`/agent/me/approvals/${approval.id}`),
      await provider.owner.api.put(`/owner/budgets/${caller.id}`, { budgetType: 'none' }),
      await provider.owner.api.put(`/owner/policies/${caller.id}`, {}),
      await provider.owner.api.get(`/owner/policies/${caller.id}`),
      await provider.owner.api.get(`/owner/budgets/${caller.id}`),
    ])
      expectProblem(answer, 404, 'NOT_FOUND');
    expectProblem(await caller.api.post(`${path}/approve`), 401, 'UNAUTHENTICATED');
    const list = dataOf<{ approvals: Approval[] }>(await caller.owner.api.get('/owner/approvals?status=pending'));
    expect(list.approvals.map(({ id }) => id)).toEqual([approval.id]);
  });

  it('of a frozen agent fails', async () => {
    const { caller, approval } = await asked();
    dataOf(await caller.owner.api.post(`/owner/agents/${caller.id}/freeze`, { reason: 'Too eager.' }));
    const done = dataOf(await caller.owner.api.post(`/owner/approvals/${approval.id}/approve`));
    expect(done).toMatchObject({ status: 'failed' });
    expect(await held(caller)).toBe('0');
  });
});

describe('a dry run', () => {
  it('says what an invoke would cost and whether the owner would be asked, and does nothing', async () => {
    const { caller, serviceId } = await trade('5');
    expect(dataOf<DryRun>(await invoke(caller, serviceId, { dryRun: true }))).toEqual({
      dryRun: true,
      charge: '5',
      outcome: 'OK',
      needsConsent: false,
      reasons: [],
      ownerAvailable: '1000',
    });
    await policy(caller, { actions: { invoke: { consent: 'above', above: '1' } } });
    await budget(caller, { budgetType: 'one_time', budgetAmount: '9' });
    await world.nothingHappens(async () => {
      expect(dataOf<DryRun>(await invoke(caller, serviceId, { dryRun: true }))).toMatchObject({
        outcome: 'APPROVAL_REQUIRED',
        needsConsent: true,
        reasons: [{ rule: 'above', limit: '1', total: '5' }],
        budgetRemaining: '9',
      });
    });
    await budget(caller, { budgetType: 'one_time', budgetAmount: '4' });
    expect(dataOf<DryRun>(await invoke(caller, serviceId, { dryRun: true })).outcome).toBe('BUDGET_EXCEEDED');
    expectProblem(await invoke(caller, 999_999, { dryRun: true }), 404, 'NOT_FOUND');
    expectProblem(await invoke(caller, serviceId, { dryRun: true, maxPrice: '4' }), 409, 'PRICE_ABOVE_MAXIMUM');
  });

  it('says the same of a task and of an offer', async () => {
    const { caller, provider } = await trade();
    const task = { title: 'Count', description: 'Words.', bounty: '1001', category: 'writing', dryRun: true };
    expect(dataOf<DryRun>(await caller.api.post('/agent/me/tasks', task))).toMatchObject({
      charge: '1001',
      outcome: 'INSUFFICIENT_FUNDS',
    });
    const offer = { employeeAgentId: provider.id, salary: '5', dryRun: true };
    expect(dataOf<DryRun>(await caller.api.post('/agent/me/employments', offer))).toMatchObject({
      charge: '50',
      outcome: 'OK',
    });
    expect(await held(caller)).toBe('0');
  });
});
