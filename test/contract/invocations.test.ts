import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CloseInvocations } from '#invocations';
import { dataOf, expectProblem } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';
import { holdsRows, type Row, type Stage } from './calls.js';
import type { Fields } from './shape.js';

const PATH = '/agent/me/service-invocations';

let world: World;
let provider: AgentActor;
let caller: AgentActor;
let service: number;
let stage: Stage;

beforeAll(async () => {
  world = await startWorld();
  [provider, caller] = [await world.agent(), await world.agent()];
  await world.fund(caller.owner, '1000');
  service = await world.service(provider, { price: '2.50', inputSchema: null, outputSchema: null });
  stage = {
    api: (who) => (who === 'provider' ? provider.api : caller.api),
    make: { service: () => Promise.resolve(service), pending, completed, failed, timedOut, reviewed },
  };
});
afterAll(() => world.close());

async function pending(): Promise<number> {
  const body = { serviceId: service, input: { text: 'to be' } };
  return dataOf<{ invocationId: number }>(await caller.api.post(PATH, body)).invocationId;
}

async function completed(): Promise<number> {
  const id = await pending();
  const result = { status: 'completed', output: { words: 2 }, attachments: ['https://example.com/a'] };
  dataOf(await provider.api.post(`${PATH}/${id}/submit`, result));
  return id;
}

async function failed(): Promise<number> {
  const id = await pending();
  dataOf(await provider.api.post(`${PATH}/${id}/submit`, { status: 'failed', error: 'no paper' }));
  return id;
}

async function timedOut(): Promise<number> {
  const id = await pending();
  await world.passTime(121_000);
  while ((await world.app.get(CloseInvocations).due()).closed > 0);
  return id;
}

async function reviewed(): Promise<number> {
  const id = await completed();
  dataOf(await caller.api.post(`${PATH}/${id}/review`, { rating: 4, review: 'quick' }));
  return id;
}

const STATUS = 'pending|completed|failed|timeout';
const ROLE = 'caller|provider';

const INVOCATION: Fields = {
  id: 'id',
  serviceId: 'id',
  serviceTitle: 'text',
  role: ROLE,
  status: STATUS,
  'input?': 'object',
  'output?': 'object',
  'attachments?': ['text'],
  price: 'money',
  'rating?': 'int',
  'review?': 'text',
  'timeoutAt?': 'time',
  createdAt: 'time',
  'completedAt?': 'time',
};
const ENDED: Fields = { ...INVOCATION, completedAt: 'time' };

const ROWS: Row[] = [
  {
    call: 'POST /agent/me/service-invocations',
    as: 'caller',
    send: [
      { serviceId: '{service}', input: null, maxPrice: '0', idempotencyKey: '' },
      { serviceId: '{service}', input: { text: 'x' }, maxPrice: 0, idempotencyKey: 'first' },
      { serviceId: '{service}', input: { text: 'x' }, maxPrice: 0, idempotencyKey: 'first' },
      { serviceId: '{service}', input: {}, maxPrice: '', idempotencyKey: 'third' },
      { serviceId: '{service}', input: {}, maxPrice: '2.50', idempotencyKey: 'fourth' },
      '{"serviceId":"{service}","input":null,"maxPrice":2.50,"idempotencyKey":"fifth"}',
    ],
    data: { invocationId: 'id', serviceId: 'id', status: STATUS, price: 'money', createdAt: 'time' },
    says: { status: 'pending', price: '2.5' },
  },
  {
    call: 'GET /agent/me/service-invocations/{pending}',
    as: 'caller',
    data: { ...INVOCATION, input: 'object', timeoutAt: 'time' },
    says: { status: 'pending', role: 'caller', price: '2.5', input: { text: 'to be' } },
  },
  {
    call: 'GET /agent/me/service-invocations/{pending}',
    as: 'provider',
    data: INVOCATION,
    says: { status: 'pending', role: 'provider' },
  },
  {
    call: 'POST /agent/me/service-invocations/{pending}/submit',
    as: 'provider',
    send: [
      { status: 'completed', output: { words: 2 }, attachments: ['https://example.com/a'], error: '' },
      { status: 'completed', output: null, attachments: null, error: '' },
      { status: 'completed', output: { words: 2 } },
    ],
    data: { invocationId: 'id', status: STATUS, completedAt: 'time' },
    says: { status: 'completed' },
  },
  {
    call: 'POST /agent/me/service-invocations/{pending}/submit',
    as: 'provider',
    send: [
      { status: 'failed', output: null, attachments: null, error: 'no paper' },
      { status: 'failed', error: 'no paper' },
    ],
    data: { invocationId: 'id', status: STATUS, completedAt: 'time' },
    says: { status: 'failed' },
  },
  {
    call: 'POST /agent/me/service-invocations/{completed}/review',
    as: 'caller',
    send: [{ rating: 5, review: '' }, { review: 'quick' }, { rating: 1, review: 'slow' }],
    data: { invocationId: 'id', message: 'text' },
  },
  {
    call: 'GET /agent/me/service-invocations/{reviewed}',
    as: 'caller',
    data: { ...ENDED, output: 'object', attachments: ['text'], rating: 'int', review: 'text' },
    says: { status: 'completed', output: { words: 2 }, rating: 4, review: 'quick' },
  },
  { call: 'GET /agent/me/service-invocations/{failed}', as: 'caller', data: ENDED, says: { status: 'failed' } },
  { call: 'GET /agent/me/service-invocations/{timedOut}', as: 'provider', data: ENDED, says: { status: 'timeout' } },
  {
    call: 'GET /agent/me/service-invocations',
    as: 'caller',
    ask: [
      '',
      'role=&status=&page=1&limit=20',
      'role=caller&status=pending',
      'role=caller&status=completed',
      'status=failed',
      'status=timeout',
    ],
    data: {
      invocations: [
        {
          id: 'id',
          serviceId: 'id',
          serviceTitle: 'text',
          role: ROLE,
          status: STATUS,
          price: 'money',
          createdAt: 'time',
          'completedAt?': 'time',
        },
      ],
      total: 'int',
      page: 'int',
      limit: 'int',
    },
    says: { page: 1, limit: 20 },
  },
  {
    call: 'GET /agent/me/service-invocations',
    as: 'provider',
    ask: ['role=provider&limit=100000'],
    data: { invocations: [{ id: 'id', role: ROLE }], total: 'int', page: 'int', limit: 'int' },
    says: { limit: 100, invocations: expect.arrayContaining([expect.objectContaining({ role: 'provider' })]) },
  },
];

holdsRows(ROWS, () => stage);

describe('what was repeated or refused', () => {
  it('answers a repeated invoke and a repeated submit with the first answer', async () => {
    const body = { serviceId: service, input: { text: 'y' }, maxPrice: '0', idempotencyKey: 'again' };
    const [first, second] = [dataOf(await caller.api.post(PATH, body)), dataOf(await caller.api.post(PATH, body))];
    expect(second).toEqual(first);
    const submit = `${PATH}/${String(first['invocationId'])}/submit`;
    const result = { status: 'completed', output: { words: 1 }, attachments: null };
    const once = dataOf(await provider.api.post(submit, result));
    expect(dataOf(await provider.api.post(submit, result))).toEqual(once);
  });

  it('refuses in an envelope with code, message and trace', async () => {
    const dear = { serviceId: service, input: null, maxPrice: 2.49, idempotencyKey: '' };
    const answer = await caller.api.post(PATH, dear);
    expectProblem(answer, 409, 'PRICE_ABOVE_MAXIMUM');
    expect(answer.body).toMatchObject({
      success: false,
      error: { code: 'PRICE_ABOVE_MAXIMUM', message: expect.stringMatching(/./) },
      traceId: answer.headers['x-trace-id'],
    });
    expectProblem(await world.api.get(PATH), 401, 'UNAUTHENTICATED');
    expectProblem(
      await provider.api.post(`${PATH}/${await pending()}/submit`, { status: 'failed', error: '' }),
      400,
      'VALIDATION_FAILED',
    );
  });
});
