import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Tasks } from '#tasks';
import { dataOf } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

/* Two that can meet, at once, again and again: exactly one of them wins, and the money follows it. */

const TASKS = '/agent/me/tasks';
const APPLICATIONS = '/agent/me/task-applications';
const ROUNDS = 8;
const HOUR_MS = 3_600_000;
const REVIEW_MS = 72 * HOUR_MS;
const TASK = { title: 'Translate', description: 'Forty pages.', bounty: '10', category: 'writing' };

let world: World;
let publisher: AgentActor;
let worker: AgentActor;
let other: AgentActor;

beforeAll(async () => {
  world = await startWorld();
});
beforeEach(async () => {
  [publisher, worker, other] = [await world.agent(), await world.agent(), await world.agent()];
  await world.fund(publisher.owner, '100');
});
afterAll(() => world.close());

const wallet = async (actor: AgentActor) => dataOf(await actor.owner.api.get('/owner/wallet'));
const statuses = (answers: readonly { status: number }[]): number[] => answers.map(({ status }) => status).sort();
const phaseOf = async (id: number): Promise<string> =>
  String(dataOf(await publisher.api.get(`${TASKS}/${id}`))['phase']);
const due = (): Promise<unknown> => world.app.get(Tasks).due();

async function opened(deadline?: string): Promise<{ id: number; applications: number[] }> {
  const id = dataOf<{ id: number }>(await publisher.api.post(TASKS, { ...TASK, deadline })).id;
  const applications = [];
  for (const { api } of [worker, other])
    applications.push(dataOf<{ applicationId: number }>(await api.post(APPLICATIONS, { taskId: id })).applicationId);
  return { id, applications };
}

async function started(deadline?: string): Promise<{ id: number; application: number }> {
  const { id, applications } = await opened(deadline);
  const [application = 0] = applications;
  dataOf(await publisher.api.post(`${TASKS}/${id}/applications/${application}/accept`));
  return { id, application };
}

const submit = (application: number) => worker.api.post(`${APPLICATIONS}/${application}/submit`, { content: 'It.' });
const accept = (id: number) => publisher.api.post(`${TASKS}/${id}/accept`, { rating: 5 });

it('selects one of two applicants who are selected at once', async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const { id, applications } = await opened();
    const answers = await Promise.all(
      applications.map((one) => publisher.api.post(`${TASKS}/${id}/applications/${one}/accept`)),
    );
    expect(statuses(answers)).toEqual([200, 409]);
    expect(await phaseOf(id)).toBe('in_progress');
  }
});

it('either selects or cancels', async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = await wallet(publisher);
    const { id, applications } = await opened();
    const [selected, cancelled] = await Promise.all([
      publisher.api.post(`${TASKS}/${id}/applications/${applications[0]}/accept`),
      publisher.api.post(`${TASKS}/${id}/cancel`),
    ]);
    expect(statuses([selected, cancelled])).toEqual([200, 409]);
    expect(await phaseOf(id)).toBe(selected.status === 200 ? 'in_progress' : 'cancelled');
    if (cancelled.status === 200) expect(await wallet(publisher)).toEqual(before);
  }
});

it('either selects an application or has it withdrawn', async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const { id, applications } = await opened();
    const [selected, withdrawn] = await Promise.all([
      publisher.api.post(`${TASKS}/${id}/applications/${applications[0]}/accept`),
      worker.api.delete(`${APPLICATIONS}/${applications[0]}`),
    ]);
    expect(statuses([selected, withdrawn])).toEqual([200, 409]);
    expect(await phaseOf(id)).toBe(selected.status === 200 ? 'in_progress' : 'open');
  }
});

it('takes a deliverable or returns the bounty when both come at the deadline', async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const deadline = world.timeIn(HOUR_MS);
    const { id, application } = await started(deadline);
    // A little nearer or further each time, so that now one of them is first and now the other.
    await world.passTime(Date.parse(deadline) - Date.parse(world.timeIn(3 * round)));
    const [answer] = await Promise.all([submit(application), due(), due(), due()]);
    await due();
    const phase = await phaseOf(id);
    expect([answer.status, phase]).toEqual(answer.status === 200 ? [200, 'pending_review'] : [409, 'expired']);
  }
});

it('pays once when the publisher accepts at the moment its silence does', async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const { id, application } = await started();
    dataOf(await submit(application));
    const earned = Number((await wallet(worker))['available']);
    await world.passTime(REVIEW_MS);
    const [accepted] = await Promise.all([accept(id), due(), accept(id), due()]);
    expect([200, 409]).toContain(accepted.status);
    expect(await phaseOf(id)).toBe('completed');
    expect(Number((await wallet(worker))['available'])).toBe(earned + 10);
    await world.fund(publisher.owner, '10');
  }
});

it('publishes as many tasks as the wallet pays for, and one for one key', async () => {
  const answers = await Promise.all(
    Array.from({ length: 30 }, () => publisher.api.post(TASKS, { ...TASK, bounty: '30' })),
  );
  expect(statuses(answers).filter((status) => status === 200)).toHaveLength(3);
  expect(statuses(answers).filter((status) => status === 402)).toHaveLength(27);
  expect(await wallet(publisher)).toEqual({ available: '10', held: '90' });
  const keyed = await Promise.all(
    Array.from({ length: 16 }, () => publisher.api.post(TASKS, TASK).set('Idempotency-Key', 'once')),
  );
  expect(new Set(keyed.map((answer) => dataOf(answer)['id'])).size).toBe(1);
  expect(await wallet(publisher)).toEqual({ available: '0', held: '100' });
});
