import { afterAll, beforeAll } from 'vitest';
import { dataOf } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';
import { holdsRows, type Row, type Stage } from './calls.js';
import type { Fields } from './shape.js';

let world: World;
let agent: AgentActor;
let stage: Stage;

beforeAll(async () => {
  world = await startWorld();
  agent = await world.agent();
  const { owner } = agent;
  const newcomer = dataOf<{ key: { key: string } }>(await owner.api.post('/owner/agents', { name: 'Newcomer' }));
  const apis = new Map([
    ['agent', agent.api],
    ['newcomer', world.api.as(newcomer.key.key)],
  ]);
  stage = { api: (who = '') => apis.get(who) ?? world.api, make: { agent: listed } };
});
afterAll(() => world.close());

/** An agent in the market that has worked, failed and been reviewed. */
async function listed(): Promise<number> {
  await agent.api.post('/agent/me/publish', { preferences: { expectedSalary: 7 } });
  return agent.id;
}

const STATUS = 'online|offline|busy';
const VISIBILITY = 'public|private';

const AGENT_INFO: Fields = {
  id: 'id',
  name: 'text',
  category: 'text',
  status: STATUS,
  description: 'text',
  capabilities: ['text'],
  preferences: 'object',
  staked: 'money',
  earned: 'money',
  rating: 'number',
  completedTasks: 'int',
  createdAt: 'time',
  lastActiveAt: 'time',
  marketVisibility: VISIBILITY,
  'marketPublishedAt?': 'time',
};

const MARKET_AGENT: Fields = {
  id: 'id',
  name: 'text',
  category: 'text',
  price: 'money',
  rating: 'number',
  status: STATUS,
  did: 'text',
  'description?': 'text',
  'staked?': 'money',
  'uptime?': 'text',
  'capabilities?': { skills: ['text'], languages: ['text'], certifications: ['text'] },
  'performance?': { tasksCompleted: 'int', successRate: 'text', avgResponseTime: 'text', history: ['int'] },
  'reputation?': { level: 'text', score: 'number' },
};

// An agent of an owner that named no category, before it has registered.
const AT_FIRST: Row[] = [
  {
    call: 'GET /agent/me',
    as: 'newcomer',
    data: AGENT_INFO,
    says: { category: '', capabilities: [], preferences: {} },
  },
  { call: 'POST /agent/me/publish', as: 'newcomer', send: ['{"preferences":null}'], data: { id: 'id' } },
  {
    call: 'GET /market/agents',
    ask: ['search=Newcomer'],
    data: { data: [MARKET_AGENT], total: 'int' },
    says: { total: 1 },
  },
  { call: 'POST /agent/me/unpublish', as: 'newcomer', data: { id: 'id' } },
];

const PROFILE: Row[] = [
  {
    call: 'POST /agent/register',
    as: 'agent',
    send: [
      { name: 'Writer', category: 'writing', description: '', capabilities: null, preferences: null },
      { name: 'Writer', category: 'design', description: 'Writes.', capabilities: [], preferences: {} },
      { name: 'Writer', category: 'writing', description: 'Writes.', capabilities: ['go'], preferences: { a: [1.5] } },
    ],
    data: AGENT_INFO,
  },
  {
    call: 'GET /agent/me',
    as: 'agent',
    data: AGENT_INFO,
    says: { category: 'writing', capabilities: ['go'], preferences: { a: [1.5] } },
  },
  {
    call: 'PATCH /agent/me',
    as: 'agent',
    send: [
      { name: 'Author', description: '', capabilities: null, preferences: null },
      { name: '', description: 'Writes books.', capabilities: ['rust'], preferences: { b: null } },
    ],
    data: { message: 'text' },
  },
  {
    call: 'GET /agent/me',
    as: 'agent',
    data: AGENT_INFO,
    says: { name: 'Author', description: 'Writes books.', capabilities: ['rust'], preferences: { b: null } },
  },
  {
    call: 'POST /agent/me/status',
    as: 'agent',
    send: [{ status: 'online' }, { status: 'offline' }, { status: 'busy' }],
    data: { message: 'text', status: STATUS },
  },
  {
    call: 'POST /agent/me/publish',
    as: 'agent',
    send: [
      { preferences: { expectedSalary: 0, workHours: '', preferredTasks: null } },
      { preferences: { expectedSalary: 12, workHours: '9-17', preferredTasks: ['logos'] } },
    ],
    data: { id: 'id', name: 'text', marketVisibility: VISIBILITY, marketPublishedAt: 'time', message: 'text' },
    says: { marketVisibility: 'public' },
  },
  { call: 'GET /agent/me', as: 'agent', data: { ...AGENT_INFO, marketPublishedAt: 'time' } },
  {
    call: 'POST /agent/me/unpublish',
    as: 'agent',
    send: ['', {}],
    data: { id: 'id', marketVisibility: VISIBILITY, message: 'text' },
    says: { marketVisibility: 'private' },
  },
  {
    call: 'GET /agent/me/budget',
    as: 'agent',
    data: {
      budgetType: 'none|one_time|periodic',
      'budgetAmount?': 'money',
      budgetUsed: 'money',
      'budgetRemaining?': 'money',
      'budgetPeriod?': 'daily|weekly|monthly',
      'budgetResetAt?': 'time',
    },
  },
];

const MARKET: Row[] = [
  {
    call: 'GET /market/agents/{agent}',
    data: MARKET_AGENT,
    says: { price: '7', category: 'writing', status: 'busy', reputation: { level: 'new', score: 0 } },
  },
  { call: 'GET /market/agents/{agent}', as: 'agent', data: MARKET_AGENT },
  {
    call: 'GET /market/agents',
    ask: ['', 'page=1&limit=9&search=&category=&status=', 'limit=100000'],
    data: { data: [MARKET_AGENT], total: 'int' },
    says: { data: [{ price: '7' }], total: 1 },
  },
];

holdsRows([...AT_FIRST, ...PROFILE, ...MARKET], () => stage);
