import { afterAll, beforeAll, describe } from 'vitest';
import { dataOf } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';
import { holdsRows, type Row, type Stage } from './calls.js';
import type { Fields } from './shape.js';

const PATH = '/agent/me/employments';

let world: World;
let employer: AgentActor;
let employee: AgentActor;
let stage: Stage;

beforeAll(async () => {
  world = await startWorld();
  [employer, employee] = [await world.agent(), await world.agent()];
  await world.fund(employer.owner, '100000');
  stage = {
    api: (who) => (who === 'employee' ? employee.api : employer.api),
    make: { employee: () => Promise.resolve(employee.id), offered, active, terminated, talking, said },
  };
});
afterAll(() => world.close());

async function offered(): Promise<number> {
  const body = { employeeAgentId: employee.id, salary: '2.50', duration: 3 };
  return dataOf<{ id: number }>(await employer.api.post(PATH, body)).id;
}

async function active(): Promise<number> {
  const id = await offered();
  dataOf(await employee.api.post(`${PATH}/${id}/accept`, { message: '' }));
  return id;
}

async function terminated(): Promise<number> {
  const id = await active();
  dataOf(await employer.api.post(`${PATH}/${id}/terminate`, { reason: '' }));
  return id;
}

/** An employment in which both have said something, and the employee has read some of it. */
async function talking(): Promise<number> {
  const id = await active();
  const metadata = {
    language: 'en',
    attachments: [{ type: 'file', url: 'https://example.com/a', name: 'a', size: 1 }],
  };
  const say = async (by: AgentActor, body: object): Promise<number> =>
    dataOf<{ id: number }>(await by.api.post(`${PATH}/${id}/messages`, body)).id;
  const lastReadMessageId = await say(employer, { content: 'Hello', metadata });
  dataOf(await employee.api.post(`${PATH}/${id}/messages/read`, { lastReadMessageId }));
  last = await say(employer, { content: 'Are you there?' });
  await say(employee, { content: 'I am.' });
  return id;
}

/** What the employer said last where both talk. */
let last = 0;
const said = (): Promise<number> => Promise.resolve(last);

const STATUS = 'pending|active|terminated|completed|rejected';

const EMPLOYMENT: Fields = {
  id: 'id',
  role: 'employer|employee',
  employerAgentId: 'id',
  employerAgentName: 'text',
  employeeAgentId: 'id',
  employeeAgentName: 'text',
  salary: 'money',
  stakedAmount: 'money',
  stakeStatus: 'text',
  status: STATUS,
  'duration?': 'int',
  totalDuration: 'int',
  'startTime?': 'time',
  createdAt: 'time',
};

const MESSAGE: Fields = {
  id: 'id',
  employmentId: 'id',
  senderAgentId: 'id',
  receiverAgentId: 'id',
  type: 'text',
  content: 'text',
  messageId: 'text',
  'readAt?': 'time',
  createdAt: 'time',
};

const ROWS: Row[] = [
  {
    call: 'POST /agent/me/employments',
    as: 'employer',
    send: [
      { employeeAgentId: '{employee}', salary: '10', stakeAmount: '0' },
      { employeeAgentId: '{employee}', salary: '10.50', duration: 0, stakeAmount: '' },
      { employeeAgentId: '{employee}', salary: 2.5, duration: 3, stakeAmount: 25 },
      '{"employeeAgentId":"{employee}","salary":10.50,"stakeAmount":null}',
    ],
    data: {
      id: 'id',
      employerAgentId: 'id',
      employeeAgentId: 'id',
      salary: 'money',
      stakedAmount: 'money',
      stakeStatus: 'text',
      status: STATUS,
      createdAt: 'time',
    },
    says: { status: 'pending', stakeStatus: 'frozen' },
  },
  {
    call: 'GET /agent/me/employments',
    as: 'employee',
    ask: ['', 'role=&status=&page=1&limit=20', 'role=employee&status=all', 'role=all&status=pending'],
    data: { employments: [EMPLOYMENT], total: 'int', page: 'int', limit: 'int' },
  },
  {
    call: 'GET /agent/me/employments/{terminated}',
    as: 'employer',
    data: { ...EMPLOYMENT, 'employerAgentAvatar?': 'text', 'employeeAgentAvatar?': 'text', endTime: 'time' },
    says: { role: 'employer', status: 'terminated', stakeStatus: 'settled' },
  },
  {
    call: 'POST /agent/me/employments/{offered}/accept',
    as: 'employee',
    send: [{ message: '' }, { message: 'At once.' }, '{}'],
    data: { id: 'id', status: STATUS, startTime: 'time', message: 'text' },
    says: { status: 'active' },
  },
  {
    call: 'POST /agent/me/employments/{offered}/reject',
    as: 'employee',
    send: [{ reason: '' }, { reason: 'Busy.' }],
    data: { id: 'id', status: STATUS, message: 'text' },
    says: { status: 'rejected' },
  },
  {
    call: 'POST /agent/me/employments/{active}/terminate',
    as: 'employer',
    send: [{ reason: '' }, { reason: 'Done.' }],
    data: {
      id: 'id',
      status: STATUS,
      totalDuration: 'int',
      billedHours: 'int',
      totalPayment: 'money',
      refundAmount: 'money',
      endTime: 'time',
      message: 'text',
    },
    says: { status: 'terminated', billedHours: 1, totalPayment: '2.5', refundAmount: '22.5' },
  },
  {
    call: 'GET /agent/me/employments/{talking}/messages',
    as: 'employee',
    ask: ['', 'before=&limit=', 'limit=20', 'limit=1000', 'before=9007199254740991&limit=3'],
    data: { messages: [MESSAGE], hasMore: 'flag', 'nextCursor?': 'id' },
    says: { messages: [{ content: 'I am.' }, { content: 'Are you there?' }, { content: 'Hello' }], hasMore: false },
  },
  {
    call: 'GET /agent/me/employments/{talking}/messages',
    as: 'employer',
    ask: ['limit=1'],
    data: { messages: [MESSAGE], hasMore: 'flag', nextCursor: 'id' },
    says: { hasMore: true },
  },
  {
    call: 'POST /agent/me/employments/{talking}/messages/read',
    as: 'employee',
    send: ['{"lastReadMessageId":"{said}"}'],
    data: { unreadCount: 'int' },
    says: { unreadCount: 0 },
  },
  {
    call: 'POST /feedbacks',
    as: 'employer',
    send: [{ content: 'It works.' }],
    data: { id: 'id', content: 'text', createdAt: 'time' },
  },
];

describe('employments and feedback', () => holdsRows(ROWS, () => stage));
