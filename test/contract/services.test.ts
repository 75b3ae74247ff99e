import { afterAll, beforeAll } from 'vitest';
import { startWorld, type AgentActor, type World } from '../support/world.js';
import { holdsRows, type Row, type Stage } from './calls.js';
import type { Fields } from './shape.js';

let world: World;
let provider: AgentActor;
let stage: Stage;

beforeAll(async () => {
  world = await startWorld();
  provider = await world.agent();
  const caller = await world.agent();
  await world.fund(caller.owner, '100');
  const used = await world.service(provider, { title: 'Used', price: '1.50' });
  const call = { serviceId: used, input: { text: 'to be' } };
  const ids = [];
  for (let n = 0; n < 3; n += 1) {
    const { body } = await caller.api.post('/agent/me/service-invocations', call);
    ids.push((body as { data: { invocationId: number } }).data.invocationId);
  }
  const [done, failed] = ids.map((id) => `/agent/me/service-invocations/${id}/submit`);
  await provider.api.post(done ?? '', { status: 'completed', output: { words: 2 } });
  await provider.api.post(failed ?? '', { status: 'failed', error: 'no' });
  stage = {
    api: (who) => (who === undefined ? world.api : provider.api),
    make: { used: () => Promise.resolve(used), service: () => world.service(provider) },
  };
});
afterAll(() => world.close());

const SCHEMA = { type: 'object', properties: { text: { type: 'string' } } };
const DRAFT = { title: 'Words', description: 'Counts.', category: 'writing', price: '10', avgResponseMs: 5_000 };
const STATE = 'active|inactive';
const PUBLISHED: Fields = { id: 'id', title: 'text', status: STATE, createdAt: 'time' };

const MARKET_SERVICE: Fields = {
  id: 'id',
  title: 'text',
  provider: 'text',
  providerId: 'id',
  category: 'text',
  price: 'money',
  priceValue: 'text',
  rating: 'number',
  completed: 'int',
  image: 'text',
  description: 'text',
  'inputSchema?': 'JSON text',
  'outputSchema?': 'JSON text',
  avgResponseMs: 'int',
  avgResponseTime: 'text',
  createdAt: 'time',
};

const MANAGED: Fields = {
  id: 'string id',
  title: 'text',
  providerAgentId: 'string id',
  category: 'text',
  price: 'money',
  totalCalls: 'int',
  totalEarnings: 'money',
  status: STATE,
  createdAt: 'time',
};

const PROVIDER: Row[] = [
  {
    call: 'POST /agent/me/services',
    as: 'provider',
    send: [
      { ...DRAFT, inputSchema: null, outputSchema: null },
      { ...DRAFT, inputSchema: SCHEMA, outputSchema: SCHEMA },
      { ...DRAFT, input_schema: SCHEMA, output_schema: null },
      { ...DRAFT, price: 10.5 },
      { ...DRAFT, price: '10.50' },
      '{"title":"Raw","description":"Counts.","category":"design","price":10.50,"avgResponseMs":5000,"inputSchema":null,"outputSchema":null}',
    ],
    data: PUBLISHED,
    says: { status: 'active' },
  },
  {
    call: 'GET /agent/me/services',
    as: 'provider',
    data: {
      services: [
        {
          id: 'id',
          title: 'text',
          status: STATE,
          price: 'money',
          completedCount: 'int',
          rating: 'number',
          createdAt: 'time',
        },
      ],
      total: 'int',
    },
    // The same title again was the same service.
    says: {
      services: [{ title: 'Raw', price: '10.5' }, { title: 'Words', price: '10.5' }, { title: 'Used' }],
      total: 3,
    },
  },
  {
    call: 'PATCH /agent/me/services/{service}',
    as: 'provider',
    send: [
      { title: 'Words, quickly', description: '', price: '0' },
      { title: '', description: 'Counts.', price: 0 },
      { title: '', description: '', price: '2.50' },
      { title: '', description: '', price: 2.5 },
      { price: '3' },
    ],
    data: { message: 'text' },
  },
  {
    call: 'POST /agent/me/services/{service}/deactivate',
    as: 'provider',
    send: ['', {}],
    data: { message: 'text', status: STATE },
    says: { status: 'inactive' },
  },
  {
    call: 'POST /agent/me/services/{service}/activate',
    as: 'provider',
    send: ['', {}],
    data: { message: 'text', status: STATE },
    says: { status: 'active' },
  },
  {
    call: 'GET /services',
    as: 'provider',
    ask: [
      '',
      'search=&status=&sortBy=',
      'status=all&sortBy=time',
      'status=active&sortBy=price',
      'status=inactive&sortBy=calls',
      'search=Words',
    ],
    data: { data: [MANAGED], total: 'int' },
  },
  {
    call: 'GET /services/{used}',
    as: 'provider',
    data: {
      id: 'string id',
      providerAgentId: 'string id',
      title: 'text',
      providerAgentName: 'text',
      price: 'money',
      totalCalls: 'int',
      totalEarnings: 'money',
      avgResponseTime: 'text',
      status: STATE,
      createdAt: 'time',
      errorRate: 'text',
      recentLogs: [{ id: 'string id', timestamp: 'time', status: 'text', duration: 'text', cost: 'money' }],
    },
    says: { price: '1.5', recentLogs: [{ status: 'pending' }, { status: 'failed' }, { status: 'completed' }] },
  },
];

const LIST: Fields = {
  data: [MARKET_SERVICE],
  total: 'int',
  page: 'int',
  limit: 'int',
  totalPages: 'int',
  'categories?': ['text'],
};

const MARKET: Row[] = [
  { call: 'GET /market/services/{used}', data: MARKET_SERVICE, says: { price: '1.5', priceValue: '1.5' } },
  {
    call: 'GET /market/services/{used}',
    as: 'provider',
    data: { ...MARKET_SERVICE, inputSchema: 'JSON text', outputSchema: 'JSON text' },
  },
  {
    call: 'GET /market/services',
    ask: [
      '',
      'page=1&limit=9&search=&category=&status=&minPrice=&maxPrice=&sortBy=',
      'minPrice=0&maxPrice=0',
      'keyword=Used&status=active',
      'search=Used&category=writing',
      'minPrice=1.50&maxPrice=1.5',
    ],
    data: LIST,
    says: { page: 1, limit: 9 },
  },
  { call: 'GET /market/services', ask: ['page=1&limit=100000'], data: LIST, says: { limit: 100, totalPages: 1 } },
  {
    call: 'GET /market/services',
    ask: ['keyword=Used', 'search=Used', 'maxPrice=1.5'],
    data: LIST,
    says: { total: 1 },
  },
];

holdsRows([...PROVIDER, ...MARKET], () => stage);
