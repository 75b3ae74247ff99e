import { afterAll, beforeAll, describe } from 'vitest';
import { dataOf } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';
import { holdsRows, type Row, type Stage } from './calls.js';
import type { Fields } from './shape.js';

const TASKS = '/agent/me/tasks';
const APPLICATIONS = '/agent/me/task-applications';

let world: World;
let publisher: AgentActor;
let worker: AgentActor;
let stage: Stage;
/** Of the task that was made last. */
let applied = 0;

beforeAll(async () => {
  world = await startWorld();
  [publisher, worker] = [await world.agent(), await world.agent()];
  await world.fund(publisher.owner, '10000');
  stage = {
    api: (who) => (who === undefined ? world.api : who === 'worker' ? worker.api : publisher.api),
    make: {
      open,
      wanted,
      application: async () => (await wanted(), applied),
      applicationOfWanted: () => Promise.resolve(applied),
      started: async () => (await started(), applied),
      delivered,
      accepted,
    },
  };
});
afterAll(() => world.close());

async function open(): Promise<number> {
  const body = { title: 'Translate', description: 'Forty pages.', bounty: '10.50', category: 'writing', deadline: '' };
  return dataOf<{ id: number }>(await publisher.api.post(TASKS, body)).id;
}

async function wanted(): Promise<number> {
  const taskId = await open();
  const body = { taskId, message: 'Me.', estimatedDuration: '2 days' };
  applied = dataOf<{ applicationId: number }>(await worker.api.post(APPLICATIONS, body)).applicationId;
  return taskId;
}

async function started(): Promise<number> {
  const taskId = await wanted();
  dataOf(await publisher.api.post(`${TASKS}/${taskId}/applications/${applied}/accept`, { message: '' }));
  return taskId;
}

async function delivered(): Promise<number> {
  const taskId = await started();
  dataOf(
    await worker.api.post(`${APPLICATIONS}/${applied}/submit`, { content: 'Done.', attachments: null, notes: '' }),
  );
  return taskId;
}

async function accepted(): Promise<number> {
  const taskId = await delivered();
  dataOf(await publisher.api.post(`${TASKS}/${taskId}/accept`, { rating: 4, review: '' }));
  return taskId;
}

const TOMORROW = new Date(Date.now() + 86_400_000).toISOString();

const STATUS = 'open|in_progress|pending_review|completed|cancelled';
const STAKE = 'frozen|settled';

const MARKET_TASK: Fields = {
  id: 'id',
  title: 'text',
  description: 'text',
  bounty: 'money',
  bountyValue: 'text',
  status: STATUS,
  postedBy: 'text',
  postedById: 'int',
  'postedByAvatar?': 'text',
  'image?': 'text',
  category: 'text',
  'deadline?': 'time',
  createdAt: 'time',
};

const ROW: Fields = {
  id: 'string id',
  title: 'text',
  description: 'text',
  status: STATUS,
  role: 'publisher|worker',
  bounty: 'money',
  'associatedAgentId?': 'string id',
  'associatedAgentName?': 'text',
  createdAt: 'time',
  'deadline?': 'time',
};

const DETAIL: Fields = {
  id: 'id',
  title: 'text',
  description: 'text',
  category: 'text',
  status: STATUS,
  bounty: 'money',
  'deadline?': 'time',
  publisherAgentId: 'id',
  'workerAgentId?': 'id',
  submissions: [
    {
      id: 'id',
      submitterId: 'id',
      content: 'text',
      attachments: ['text'],
      notes: 'text',
      status: 'text',
      submittedAt: 'time',
      'reviewedAt?': 'time',
      'reviewerId?': 'id',
      reviewNotes: 'text',
    },
  ],
  createdAt: 'time',
  updatedAt: 'time',
};

const MARKET: Row[] = [
  {
    call: 'GET /market/tasks',
    ask: [
      '',
      'page=1&limit=9&search=&category=&status=',
      'status=open&category=writing&search=Translate',
      'limit=1000',
    ],
    data: { data: [MARKET_TASK], total: 'int', page: 'int', limit: 'int', totalPages: 'int', 'categories?': ['text'] },
  },
  { call: 'GET /market/tasks/{accepted}', data: MARKET_TASK, says: { bounty: '10.5', status: 'completed' } },
];

const PUBLISHER: Row[] = [
  {
    call: 'POST /agent/me/tasks',
    as: 'publisher',
    send: [
      { title: 'a', description: 'b', bounty: '10', category: 'writing', deadline: '' },
      { title: 'a', description: 'b', bounty: '10.50', category: 'writing', deadline: TOMORROW },
      { title: 'a', description: 'b', bounty: 0.01, category: 'writing', deadline: null },
      '{"title":"a","description":"b","bounty":10.50,"category":"writing"}',
    ],
    data: {
      id: 'id',
      title: 'text',
      status: STATUS,
      bounty: 'money',
      stakedAmount: 'money',
      stakeStatus: STAKE,
      createdAt: 'time',
    },
    says: { status: 'open', stakeStatus: 'frozen' },
  },
  {
    call: 'GET /agent/me/tasks',
    as: 'publisher',
    ask: ['', 'role=&status=&search=&sortBy=', 'role=publisher&status=all&sortBy=bounty', 'role=all&search=Trans'],
    data: { data: [ROW], tasks: [{ ...ROW, stakedAmount: 'money', stakeStatus: STAKE }], total: 'int' },
  },
  { call: 'GET /agent/me/tasks/{open}', as: 'publisher', data: DETAIL, says: { submissions: [] } },
  {
    call: 'GET /agent/me/tasks/{accepted}',
    as: 'publisher',
    data: { ...DETAIL, workerAgentId: 'id' },
    says: { status: 'completed' },
  },
  {
    call: 'GET /agent/me/tasks/{wanted}/applications',
    as: 'publisher',
    ask: ['', 'status=', 'status=pending'],
    data: {
      data: [
        {
          id: 'string id',
          taskId: 'string id',
          agentId: 'string id',
          agentName: 'text',
          agentRating: 'number',
          message: 'text',
          'estimatedCompletionTime?': 'text',
          status: 'text',
          createdAt: 'time',
        },
      ],
      total: 'int',
    },
    says: { total: 1 },
  },
  {
    call: 'POST /agent/me/tasks/{wanted}/applications/{applicationOfWanted}/accept',
    as: 'publisher',
    send: [{ message: '' }, { message: 'Go.' }, '{}'],
    data: { taskId: 'int', selectedAgentId: 'string id', status: STATUS, startedAt: 'time' },
    says: { status: 'in_progress' },
  },
  {
    call: 'POST /agent/me/tasks/{delivered}/accept',
    as: 'publisher',
    send: [
      { rating: 5, review: '' },
      { rating: 1, review: 'No.' },
    ],
    data: { taskId: 'int', status: STATUS, completedAt: 'time', totalPayment: 'money' },
    says: { status: 'completed', totalPayment: '10.5' },
  },
  {
    call: 'POST /agent/me/tasks/{open}/cancel',
    as: 'publisher',
    send: ['{}'],
    data: { taskId: 'int', status: STATUS, cancelledAt: 'time' },
    says: { status: 'cancelled' },
  },
];

const WORKER: Row[] = [
  {
    call: 'POST /agent/me/task-applications',
    as: 'worker',
    send: [
      { taskId: '{open}', message: '', estimatedDuration: '' },
      { taskId: '{open}', message: 'Me.', estimatedDuration: '2 days' },
    ],
    data: { applicationId: 'id', taskId: 'id', status: 'pending|accepted|rejected', createdAt: 'time' },
  },
  {
    call: 'GET /agent/me/task-applications',
    as: 'worker',
    ask: ['', 'status=&page=1&limit=20', 'status=accepted'],
    data: {
      applications: [
        {
          id: 'string id',
          taskId: 'string id',
          taskTitle: 'text',
          taskBounty: 'money',
          taskStatus: STATUS,
          status: 'text',
          message: 'text',
          'estimatedDuration?': 'text',
          createdAt: 'time',
        },
      ],
      total: 'int',
      page: 'int',
      limit: 'int',
    },
  },
  {
    call: 'GET /agent/me/task-applications/accepted',
    as: 'worker',
    ask: ['', 'status=', 'status=completed'],
    data: {
      tasks: [
        {
          id: 'string id',
          title: 'text',
          description: 'text',
          status: STATUS,
          bounty: 'money',
          'deadline?': 'time',
          publisherAgentId: 'string id',
          publisherAgentName: 'text',
          applicationId: 'string id',
          startedAt: 'time',
        },
      ],
      total: 'int',
    },
  },
  { call: 'DELETE /agent/me/task-applications/{application}', as: 'worker', data: { message: 'text' } },
  {
    call: 'POST /agent/me/task-applications/{started}/submit',
    as: 'worker',
    send: [
      { content: 'Done.', attachments: null, notes: '' },
      { content: 'Done.', attachments: ['https://example.com/a'], notes: 'Look.' },
    ],
    data: { submissionId: 'id', taskId: 'id', status: STATUS, submittedAt: 'time' },
    says: { status: 'pending_review' },
  },
];

describe('tasks: the publisher', () => holdsRows(PUBLISHER, () => stage));
describe('tasks: the worker', () => holdsRows(WORKER, () => stage));
describe('tasks: the market', () => holdsRows(MARKET, () => stage));
