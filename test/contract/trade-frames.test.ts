import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { StepEmployment } from '#employments';
import { Tasks } from '#tasks';
import { Sockets } from '../../libs/gateway/sockets.js';
import { Client, type Frame } from '../gateway/client.js';
import { dataOf } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';
import { CHAT, EMPLOYMENT, NOTIFICATION, TASK } from './frames.js';
import { errorsOf, type Fields } from './shape.js';

/* The notifications of tasks and employments, and the frames of the chat, each with what clients read from it. */

const TASKS = '/agent/me/tasks';
const APPLICATIONS = '/agent/me/task-applications';
const EMPLOYMENTS = '/agent/me/employments';
const DAY_MS = 86_400_000;

let world: World;
let payer: AgentActor;
let worker: AgentActor;
let other: AgentActor;
const clients: Client[] = [];

beforeAll(async () => {
  world = await startWorld();
  [payer, worker, other] = [await world.agent(), await world.agent(), await world.agent()];
  await world.fund(payer.owner, '10000');
});
afterEach(() => clients.splice(0).forEach((client) => client.ws.terminate()));
afterAll(() => world.close());

async function listen(): Promise<void> {
  for (const { key } of [payer, worker, other]) clients.push(await Client.open(Number(new URL(world.url).port), key));
  // What happens is sent to a socket from a moment after it has opened.
  await expect
    .poll(() =>
      world.app
        .get(Sockets, { strict: false })
        .all()
        .every(({ isLive }) => isLive),
    )
    .toBe(true);
}

/** Waits until each of these has come to somebody, and holds all of its frames to its fields. */
async function holds(domain: string, events: Readonly<Record<string, Fields>>): Promise<void> {
  const all = (): Frame[] => clients.flatMap(({ frames }) => frames).filter((frame) => frame['domain'] === domain);
  const of = (event: string): Frame[] => all().filter((frame) => frame.event === event);
  await Promise.all(clients.map((client) => client.until(() => client.frames.length > 0)));
  await expect
    .poll(() => Object.keys(events).filter((event) => of(event).length === 0), { timeout: 10_000 })
    .toEqual([]);
  for (const [event, fields] of Object.entries(events))
    for (const frame of of(event)) {
      expect(errorsOf(NOTIFICATION, frame, event)).toEqual([]);
      expect(errorsOf(fields, frame.data, event)).toEqual([]);
    }
}

it('tells of tasks', async () => {
  await listen();
  const publish = async (): Promise<number> => {
    const body = { title: 'Translate', description: 'Forty pages.', bounty: '10.50', category: 'writing' };
    return dataOf<{ id: number }>(await payer.api.post(TASKS, body)).id;
  };
  const apply = async (taskId: number, by: AgentActor): Promise<number> =>
    dataOf<{ applicationId: number }>(await by.api.post(APPLICATIONS, { taskId, message: '' })).applicationId;
  const select = async (taskId: number, id: number): Promise<unknown> =>
    dataOf(await payer.api.post(`${TASKS}/${taskId}/applications/${id}/accept`, {}));

  const taskId = await publish();
  const [id] = [await apply(taskId, worker), await apply(taskId, other)];
  await select(taskId, id);
  dataOf(await worker.api.post(`${APPLICATIONS}/${id}/submit`, { content: 'Done.' }));
  dataOf(await payer.api.post(`${TASKS}/${taskId}/accept`, { rating: 5, review: '' }));
  const late = await publish();
  await select(late, await apply(late, worker));
  await world.passTime(31 * DAY_MS);
  await world.app.get(Tasks).due();
  await holds('task', TASK);
});

it('tells of employments', async () => {
  await listen();
  const offer = async (employee: AgentActor): Promise<number> => {
    const body = { employeeAgentId: employee.id, salary: '2.50', duration: 3 };
    return dataOf<{ id: number }>(await payer.api.post(EMPLOYMENTS, body)).id;
  };
  const answer = async (id: number, by: AgentActor, what: string): Promise<unknown> =>
    dataOf(await by.api.post(`${EMPLOYMENTS}/${id}/${what}`, {}));

  await answer(await offer(other), other, 'reject');
  const fired = await offer(worker);
  await answer(fired, worker, 'accept');
  await answer(fired, payer, 'terminate');
  await answer(await offer(worker), worker, 'accept');
  await world.passTime(DAY_MS);
  await world.app.get(StepEmployment).due();
  await holds('employment', EMPLOYMENT);
});

it('carries the chat of employments in frames of its own, both ways', async () => {
  await listen();
  const body = { employeeAgentId: worker.id, salary: '2.50', duration: 3 };
  const { id } = dataOf<{ id: number }>(await payer.api.post(EMPLOYMENTS, body));
  dataOf(await worker.api.post(`${EMPLOYMENTS}/${id}/accept`, {}));
  const [employer, employee] = clients;
  if (employer === undefined || employee === undefined) throw new Error('nobody listens');
  const one = async (client: Client, type: string, nth = 0): Promise<Frame> => {
    await client.until(() => client.ofType(type).length > nth);
    return client.ofType(type)[nth] ?? { type: 'none' };
  };
  const timestamp = new Date().toISOString();
  // As a compiled client sends them, empty fields and all.
  const attachments = [{ type: 'image', url: 'https://example.com/a.png', name: 'a.png', size: 48_213 }];
  const metadata = { language: 'en', format: 'markdown', attachments };
  const said = { type: 'message', employmentId: id, timestamp, messageId: 'c-1', content: 'Hello' };
  employer.send({ ...said, metadata });
  employer.send({ ...said, messageId: 'c-2', metadata: { language: '', format: '', attachments: null } });
  const [first, second] = [await one(employee, 'message'), await one(employee, 'message', 1)];
  for (const frame of [first, second]) expect(errorsOf(CHAT.message, frame, 'message')).toEqual([]);
  expect(first).toMatchObject({ employmentId: id, messageId: 'c-1', content: 'Hello', metadata });
  expect(second).not.toHaveProperty('metadata');
  employee.send({ type: 'read', employmentId: id, timestamp, messageId: 'r-1', lastReadMessageId: 'c-2' });
  const receipt = await one(employer, 'read');
  expect(errorsOf(CHAT.read, receipt, 'read')).toEqual([]);
  expect(receipt).toMatchObject({ employmentId: id, messageId: 'c-2' });
  employee.send({ ...said, messageId: 'w-1' });
  expect(errorsOf(CHAT.message, await one(employer, 'message'), 'message')).toEqual([]);
  employee.send({ ...said, messageId: 'w-1', content: 'Something else' });
  const shape = { type: 'error|', code: 'text', message: 'text', content: 'text' } as const;
  expect(errorsOf(shape, await one(employee, 'error'), 'error')).toEqual([]);
});
