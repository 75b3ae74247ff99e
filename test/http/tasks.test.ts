import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EVENTS, isAgentEventType } from '#events';
import { Tasks } from '#tasks';
import { dataOf, expectProblem } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

const TASKS = '/agent/me/tasks';
const APPLICATIONS = '/agent/me/task-applications';
const HOUR_MS = 3_600_000;
const REVIEW_MS = 72 * HOUR_MS;
const TASK = { title: 'Translate', description: 'Forty pages.', bounty: '100', category: 'writing' };
const WORK = { content: 'Done.', attachments: ['https://files.example.com/a.pdf'], notes: 'Look.' };

let world: World;
let publisher: AgentActor;
let worker: AgentActor;
let other: AgentActor;

beforeAll(async () => {
  world = await startWorld();
});
beforeEach(async () => {
  [publisher, worker, other] = [await world.agent(), await world.agent(), await world.agent()];
  await world.fund(publisher.owner, '1000');
});
afterAll(() => world.close());

const publish = async (change: object = {}): Promise<number> =>
  dataOf<{ id: number }>(await publisher.api.post(TASKS, { ...TASK, ...change })).id;
const apply = async (taskId: number, by = worker): Promise<number> =>
  dataOf<{ applicationId: number }>(await by.api.post(APPLICATIONS, { taskId, message: 'Me.' })).applicationId;
const select = (taskId: number, id: number, by = publisher) =>
  by.api.post(`${TASKS}/${taskId}/applications/${id}/accept`, { message: 'Go ahead.' });
const submit = (id: number, body: object = WORK, by = worker) => by.api.post(`${APPLICATIONS}/${id}/submit`, body);
const accept = (taskId: number, body: object = { rating: 4, review: 'Good.' }) =>
  publisher.api.post(`${TASKS}/${taskId}/accept`, body);
const shown = async (taskId: number, by = publisher) => dataOf(await by.api.get(`${TASKS}/${taskId}`));
const wallet = async (actor: AgentActor) => dataOf(await actor.owner.api.get('/owner/wallet'));
const due = async (): Promise<void> => void (await world.app.get(Tasks).due());

async function inProgress(change: object = {}): Promise<{ taskId: number; application: number }> {
  const taskId = await publish(change);
  const application = await apply(taskId);
  dataOf(await select(taskId, application));
  return { taskId, application };
}

async function inReview(): Promise<{ taskId: number; application: number }> {
  const started = await inProgress();
  dataOf(await submit(started.application));
  return started;
}

type Heard = { eventType: string; event: string; domain: string; data: Record<string, unknown> };
const heardBy = async (actor: AgentActor): Promise<Heard[]> =>
  dataOf<{ events: Heard[] }>(await actor.api.get('/agent/me/events?limit=100')).events;

describe('a task', () => {
  it('holds its bounty, is applied for, done, accepted and paid; everybody hears what concerns them', async () => {
    const answer = await publisher.api.post(TASKS, { ...TASK, bounty: 100 });
    const receipt = dataOf<{ id: number }>(answer);
    expect(receipt).toMatchObject({ status: 'open', bounty: '100', stakedAmount: '100', stakeStatus: 'frozen' });
    expect(await wallet(publisher)).toEqual({ available: '900', held: '100' });

    const taskId = receipt.id;
    const application = await apply(taskId);
    const rejected = await apply(taskId, other);
    expect(dataOf(await select(taskId, application))).toMatchObject({
      taskId,
      selectedAgentId: String(worker.id),
      status: 'in_progress',
    });
    expect(dataOf(await submit(application))).toMatchObject({ taskId, status: 'pending_review' });
    expect(await shown(taskId, worker)).toMatchObject({
      status: 'pending_review',
      submissions: [{ submitterId: worker.id, status: 'pending', ...WORK }],
    });
    expect(dataOf(await accept(taskId))).toMatchObject({ taskId, status: 'completed', totalPayment: '100' });

    expect(await wallet(publisher)).toEqual({ available: '900', held: '0' });
    const journal = await publisher.owner.api.get('/owner/wallet/transactions');
    expect(dataOf<{ transactions: object[] }>(journal).transactions).toContainEqual(
      expect.objectContaining({ kind: 'hold', amount: '-100', taskId }),
    );
    expect(await wallet(worker)).toEqual({ available: '100', held: '0' });
    expect(await shown(taskId)).toMatchObject({
      stakeStatus: 'settled',
      rating: 4,
      review: 'Good.',
      submissions: [{ status: 'accepted', reviewerId: publisher.id, reviewNotes: 'Good.' }],
    });
    const types = async (actor: AgentActor) => (await heardBy(actor)).map(({ eventType }) => eventType);
    expect(await types(publisher)).toEqual(['task.applied', 'task.applied', 'task.submitted']);
    expect(await types(worker)).toEqual(['task.application_accepted', 'task.completed']);
    const [no] = await heardBy(other);
    expect(no).toMatchObject({
      domain: 'task',
      event: 'task_application_rejected',
      data: { taskId, taskTitle: 'Translate', applicationId: rejected, reason: 'another agent was selected' },
    });
  });

  it('pays the fee of its category out of the bounty', async () => {
    dataOf(await world.admin.put('/admin/fees/design', { basisPoints: 500 }));
    const { taskId, application } = await inProgress({ category: 'design' });
    dataOf(await submit(application));
    expect(dataOf(await accept(taskId))).toMatchObject({ totalPayment: '100' });
    expect(await wallet(worker)).toEqual({ available: '95', held: '0' });
  });

  it('returns the bounty between agents of one owner, and counts nothing', async () => {
    const sibling = await world.agent(publisher.owner);
    const taskId = await publish();
    const application = await apply(taskId, sibling);
    dataOf(await select(taskId, application));
    dataOf(await submit(application, WORK, sibling));
    expect(dataOf(await accept(taskId))).toMatchObject({ status: 'completed', totalPayment: '0' });
    expect(await wallet(publisher)).toEqual({ available: '1000', held: '0' });
  });

  it.each([
    ['everything', {}, ['title', 'description', 'bounty', 'category']],
    ['a bounty of nothing', { ...TASK, bounty: '0' }, ['bounty']],
    [
      'a negative bounty and a category that there is not',
      { ...TASK, bounty: '-1', category: 'war' },
      ['bounty', 'category'],
    ],
    ['a deadline in the past', { ...TASK, deadline: '2001-01-01T00:00:00Z' }, ['deadline']],
    ['a deadline in two years', { ...TASK, deadline: '2099-01-01T00:00:00Z' }, ['deadline']],
    ['a deadline that is no time', { ...TASK, deadline: 'tomorrow' }, ['deadline']],
  ])('is refused with %s wrong, and nothing is held', async (_, body, fields) => {
    await world.nothingHappens(async () => {
      expectProblem(await publisher.api.post(TASKS, body), 400, 'VALIDATION_FAILED', fields);
    });
  });

  it('takes what a Go client sends for absent fields', async () => {
    const id = await publish({ deadline: '', idempotencyKey: '' });
    expect(await shown(id)).toMatchObject({ status: 'open', submissions: [] });
  });

  it('is refused without the money, or by a frozen agent', async () => {
    await world.nothingHappens(async () => {
      const { error } = expectProblem(
        await publisher.api.post(TASKS, { ...TASK, bounty: '1000.01' }),
        402,
        'INSUFFICIENT_FUNDS',
      );
      expect(error.details).toEqual({ price: '1000.01', available: '1000' });
    });
    dataOf(await publisher.owner.api.post(`/owner/agents/${publisher.id}/freeze`));
    expectProblem(await publisher.api.post(TASKS, TASK), 403, 'AGENT_FROZEN');
  });

  it('is published once by one key, and the key serves no other', async () => {
    const send = (change: object = {}) =>
      publisher.api.post(TASKS, { ...TASK, ...change }).set('Idempotency-Key', 'task-1');
    const [first, again] = [await send(), await send()];
    expect(again.body.data).toEqual(first.body.data);
    expect([first.headers['idempotent-replayed'], again.headers['idempotent-replayed']]).toEqual([undefined, 'true']);
    expect(await wallet(publisher)).toEqual({ available: '900', held: '100' });
    expectProblem(await send({ bounty: '99' }), 422, 'IDEMPOTENCY_KEY_REUSED');
  });

  it('is cancelled while nobody is selected, and the bounty comes back', async () => {
    const taskId = await publish();
    const application = await apply(taskId);
    const cancel = () => publisher.api.post(`${TASKS}/${taskId}/cancel`);
    const first = dataOf(await cancel());
    expect(first).toMatchObject({ taskId, status: 'cancelled' });
    expect(dataOf(await cancel())).toEqual(first);
    expect(await wallet(publisher)).toEqual({ available: '1000', held: '0' });
    expect(await heardBy(worker)).toMatchObject([
      { eventType: 'task.application_rejected', data: { reason: 'the task was cancelled' } },
    ]);
    expectProblem(await select(taskId, application), 409, 'TASK_STATE');
    expectProblem(await other.api.post(APPLICATIONS, { taskId }), 409, 'TASK_STATE');
    const started = await inProgress();
    await world.nothingHappens(async () => {
      expectProblem(await publisher.api.post(`${TASKS}/${started.taskId}/cancel`), 409, 'TASK_STATE');
    });
  });
});

describe('time', () => {
  it('returns the bounty when nobody has handed in anything by the deadline', async () => {
    const { taskId, application } = await inProgress({ deadline: world.timeIn(HOUR_MS) });
    await world.passTime(HOUR_MS);
    await world.nothingHappens(async () => {
      expectProblem(await submit(application), 409, 'DEADLINE_PASSED');
    });
    await due();
    expect(await shown(taskId)).toMatchObject({ status: 'cancelled', phase: 'expired', stakeStatus: 'settled' });
    expect(await wallet(publisher)).toEqual({ available: '1000', held: '0' });
    for (const actor of [publisher, worker])
      expect((await heardBy(actor)).at(-1)).toMatchObject({ event: 'task_cancelled', data: { reason: 'deadline' } });
  });

  it('pays when the publisher is silent', async () => {
    const { taskId } = await inReview();
    await world.passTime(REVIEW_MS - 60_000);
    await due();
    expect(await shown(taskId)).toMatchObject({ status: 'pending_review' });
    await world.passTime(60_000);
    await due();
    expect(await shown(taskId)).toMatchObject({ status: 'completed', submissions: [{ status: 'accepted' }] });
    expect(await wallet(worker)).toEqual({ available: '100', held: '0' });
    expect(await shown(taskId)).not.toHaveProperty(['submissions', 0, 'reviewerId']);
    for (const actor of [publisher, worker])
      expect((await heardBy(actor)).at(-1)).toMatchObject({
        event: 'task_completed',
        data: { reason: 'review_over', rating: 0, payment: '100' },
      });
  });

  it('gives 72 hours for a revision when the deadline is nearer, three times at most', async () => {
    const { taskId, application } = await inProgress({ deadline: world.timeIn(HOUR_MS) });
    const revise = (notes: string) => publisher.api.post(`${TASKS}/${taskId}/request-revision`, { notes });
    for (let round = 1; round <= 3; round += 1) {
      dataOf(await submit(application, { content: `Try ${round}` }));
      const { deadline } = dataOf<{ deadline: string }>(await revise(`More, ${round}`));
      expect(Date.parse(deadline)).toBeGreaterThan(Date.parse(world.timeIn(REVIEW_MS - 60_000)));
      expect(dataOf(await revise(`More, ${round}`))).toMatchObject({ deadline });
      await world.passTime(2 * HOUR_MS);
    }
    // What was given back is not handed in again by a request that comes twice.
    expectProblem(await submit(application, { content: 'Try 3' }), 409, 'TASK_STATE');
    dataOf(await submit(application, { content: 'Try 4' }));
    expectProblem(await revise('Once more'), 409, 'REVISION_LIMIT');
    expect((await heardBy(worker)).map(({ eventType }) => eventType)).toEqual([
      'task.application_accepted',
      ...Array.from({ length: 3 }, () => 'task.revision_requested'),
    ]);
    dataOf(await accept(taskId));
    expect(await shown(taskId)).toMatchObject({
      submissions: [{ status: 'revision_requested', reviewNotes: 'More, 1' }, {}, {}, { status: 'accepted' }],
    });
  });
});

describe('an application', () => {
  it('gets the first answer when it comes again, and is refused with other words', async () => {
    const taskId = await publish();
    const id = await apply(taskId);
    const again = await worker.api.post(APPLICATIONS, { taskId, message: 'Me.' });
    expect(dataOf(again)).toMatchObject({ applicationId: id });
    expect(again.headers['idempotent-replayed']).toBe('true');
    const { error } = expectProblem(
      await worker.api.post(APPLICATIONS, { taskId, message: 'Me!' }),
      409,
      'ALREADY_APPLIED',
    );
    expect(error.details).toEqual({ applicationId: id });
  });

  it('is withdrawn while it is pending, and made again afterwards', async () => {
    const taskId = await publish();
    const id = await apply(taskId);
    const withdraw = () => worker.api.delete(`${APPLICATIONS}/${id}`);
    dataOf(await withdraw());
    expect(dataOf(await withdraw())).toMatchObject({ status: 'withdrawn' });
    expectProblem(await select(taskId, id), 409, 'APPLICATION_STATE');
    const again = await apply(taskId);
    expect(again).not.toBe(id);
    expectProblem(await select(taskId, id), 404, 'NOT_FOUND');
    dataOf(await select(taskId, again));
    expectProblem(await worker.api.delete(`${APPLICATIONS}/${again}`), 409, 'APPLICATION_STATE');
    expect((await heardBy(publisher)).map(({ eventType }) => eventType)).toEqual([
      'task.applied',
      'task.application_withdrawn',
      'task.applied',
    ]);
  });

  it("is refused for the agent's own task and for one that there is not", async () => {
    const taskId = await publish();
    expectProblem(await publisher.api.post(APPLICATIONS, { taskId }), 409, 'OWN_TASK');
    expectProblem(await worker.api.post(APPLICATIONS, { taskId: 999_999 }), 404, 'NOT_FOUND');
    expectProblem(await worker.api.post(APPLICATIONS, { taskId: 'x', message: 7 }), 400, 'VALIDATION_FAILED', [
      'taskId',
      'message',
    ]);
  });

  it('is not taken while the publisher is frozen, who could select nobody', async () => {
    const taskId = await publish();
    dataOf(await publisher.owner.api.post(`/owner/agents/${publisher.id}/freeze`));
    expectProblem(await worker.api.post(APPLICATIONS, { taskId }), 409, 'TASK_STATE');
    dataOf(await publisher.owner.api.post(`/owner/agents/${publisher.id}/unfreeze`));
    await apply(taskId);
  });

  it('is not selected while its agent is frozen', async () => {
    const taskId = await publish();
    const id = await apply(taskId);
    dataOf(await worker.owner.api.post(`/owner/agents/${worker.id}/freeze`));
    expectProblem(await select(taskId, id), 409, 'APPLICANT_FROZEN');
    dataOf(await worker.owner.api.post(`/owner/agents/${worker.id}/unfreeze`));
    dataOf(await select(taskId, id));
  });

  it('waits among 200 at most', async () => {
    const taskId = await publish();
    await world.database.pool.query(
      `insert into market.task_application (id, task_id, agent_id, owner_id, message, status, created_at)
      select 1000000 + n, $1, 1000000 + n, 1, '', 'pending', platform.clock() from generate_series(1, 200) n`,
      [taskId],
    );
    const refused = await worker.api.post(APPLICATIONS, { taskId });
    expectProblem(refused, 429, 'APPLICATION_LIMIT');
    expect(refused.headers['retry-after']).toBe('60');
    await world.database.pool.query('delete from market.task_application where agent_id > 1000000');
  });
});

describe('a deliverable', () => {
  it('gets the first answer when it comes again, and another one is refused while it waits', async () => {
    const { taskId, application } = await inProgress();
    const first = dataOf(await submit(application));
    const again = await submit(application);
    expect(dataOf(again)).toEqual(first);
    expect(again.headers['idempotent-replayed']).toBe('true');
    expectProblem(await submit(application, { content: 'Better.' }), 409, 'TASK_STATE');
    dataOf(await accept(taskId));
    expect(dataOf(await submit(application))).toEqual(first);
    expect(dataOf(await accept(taskId))).toMatchObject({ status: 'completed', totalPayment: '100' });
    expectProblem(await accept(taskId, { rating: 1 }), 409, 'TASK_STATE');
    expect(await wallet(worker)).toEqual({ available: '100', held: '0' });
  });

  it('is handed in by the selected agent alone', async () => {
    const taskId = await publish();
    const [mine, others] = [await apply(taskId), await apply(taskId, other)];
    expectProblem(await submit(mine), 409, 'APPLICATION_STATE');
    dataOf(await select(taskId, mine));
    expectProblem(await submit(others, WORK, other), 409, 'APPLICATION_STATE');
    expectProblem(await submit(mine, WORK, other), 404, 'NOT_FOUND');
    expectProblem(await submit(mine, { content: '', attachments: 'x' }), 400, 'VALIDATION_FAILED', [
      'content',
      'attachments',
    ]);
  });

  it('is accepted by the publisher alone, with a rating', async () => {
    const { taskId } = await inProgress();
    expectProblem(await accept(taskId), 409, 'TASK_STATE');
    expectProblem(await accept(taskId, { rating: 6, review: 7 }), 400, 'VALIDATION_FAILED', ['rating', 'review']);
    expectProblem(await worker.api.post(`${TASKS}/${taskId}/accept`, { rating: 5 }), 404, 'NOT_FOUND');
  });
});

describe('reading', () => {
  it('shows a task to its parties, and to everybody what the market shows', async () => {
    const taskId = await publish({ title: 'Readable 100%' });
    expectProblem(await other.api.get(`${TASKS}/${taskId}`), 404, 'NOT_FOUND');
    expect(dataOf(await world.api.get(`/market/tasks/${taskId}`))).toMatchObject({
      id: taskId,
      bounty: '100',
      bountyValue: '100',
      status: 'open',
      postedById: publisher.id,
    });
    const found = async (query: string) =>
      dataOf<{ data: { id: number }[]; total: number; categories: string[] }>(
        await world.api.get(`/market/tasks?${query}`),
      );
    expect((await found('search=100%25')).data.map(({ id }) => id)).toEqual([taskId]);
    expect((await found('search=0_0')).data).toEqual([]);
    expect((await found('category=writing&limit=1')).categories).toContain('writing');
    dataOf(await publisher.api.post(`${TASKS}/${taskId}/cancel`));
    expect((await found('search=Readable')).total).toBe(0);
    expect((await found('search=Readable&status=all')).data.map(({ id }) => id)).toEqual([taskId]);
    expect((await found('search=Readable&status=cancelled')).total).toBe(1);
  });

  it('lists tasks and applications by role and status', async () => {
    const cheap = await publish({ title: 'Cheap', bounty: '1' });
    const { taskId, application } = await inProgress();
    type List = { data: { id: string; role: string }[]; tasks: { stakedAmount: string }[]; total: number };
    const list = async (query: string, by = publisher) => dataOf<List>(await by.api.get(`${TASKS}?${query}`));
    expect((await list('sortBy=bounty')).data.map(({ id }) => id)).toEqual([String(taskId), String(cheap)]);
    expect((await list('status=open')).data.map(({ id }) => id)).toEqual([String(cheap)]);
    expect((await list('role=worker')).total).toBe(0);
    const workers = await list('role=worker', worker);
    expect(workers.data).toMatchObject([
      { id: String(taskId), role: 'worker', associatedAgentId: String(publisher.id) },
    ]);
    expect(workers.tasks).toMatchObject([{ stakedAmount: '100', stakeStatus: 'frozen' }]);

    expect(dataOf(await publisher.api.get(`${TASKS}/${taskId}/applications?status=accepted`))).toMatchObject({
      data: [{ id: String(application), agentId: String(worker.id), agentName: expect.any(String), agentRating: 0 }],
      total: 1,
    });
    expectProblem(await other.api.get(`${TASKS}/${taskId}/applications`), 404, 'NOT_FOUND');
    expect(dataOf(await worker.api.get(`${APPLICATIONS}?status=accepted`))).toMatchObject({
      applications: [{ id: String(application), taskId: String(taskId), taskStatus: 'in_progress' }],
    });
    expect(dataOf(await worker.api.get(`${APPLICATIONS}/accepted?status=in_progress`))).toMatchObject({
      tasks: [{ id: String(taskId), applicationId: String(application), publisherAgentId: String(publisher.id) }],
      total: 1,
    });
    expect(dataOf(await worker.api.get(`${APPLICATIONS}/accepted?status=completed`))).toEqual({ tasks: [], total: 0 });
  });

  it('needs the scope of each step', async () => {
    const taskId = await publish();
    const reader = world.api.as(await worker.newKey({ scopes: ['read'] }));
    expectProblem(await reader.post(APPLICATIONS, { taskId }), 403, 'SCOPE_MISSING');
    expectProblem(await reader.post(TASKS, TASK), 403, 'SCOPE_MISSING');
    dataOf(await reader.get(APPLICATIONS));
  });
});

describe('an event about a task', () => {
  it('has the data that the catalogue lists', async () => {
    const taskId = await publish();
    const [application] = [await apply(taskId), await apply(taskId, other)];
    const extra = await world.agent();
    dataOf(await extra.api.delete(`${APPLICATIONS}/${await apply(taskId, extra)}`));
    dataOf(await select(taskId, application));
    dataOf(await submit(application));
    dataOf(await publisher.api.post(`${TASKS}/${taskId}/request-revision`, { notes: 'More.' }));
    dataOf(await submit(application, { content: 'More.' }));
    dataOf(await accept(taskId));
    await inProgress({ deadline: world.timeIn(120_000) });
    await world.passTime(120_000);
    await due();
    const heard = [...(await heardBy(publisher)), ...(await heardBy(worker)), ...(await heardBy(other))];
    const types = new Set(heard.map(({ eventType }) => eventType));
    expect([...types].sort()).toEqual(
      Object.keys(EVENTS)
        .filter((type) => type.startsWith('task.'))
        .sort(),
    );
    for (const { eventType, event, data } of heard) {
      if (!isAgentEventType(eventType)) throw new Error(`the catalogue does not know ${eventType}`);
      const entry = EVENTS[eventType];
      expect(event).toBe(entry.event);
      expect(Object.keys(data).sort(), eventType).toEqual(Object.keys(entry.fields).sort());
      for (const [field, value] of Object.entries(entry.example))
        expect(typeof data[field], `${eventType}.${field}`).toBe(typeof value);
    }
  });
});
