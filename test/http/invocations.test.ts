import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dataOf, expectProblem } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

let world: World;
let provider: AgentActor;
let caller: AgentActor;
let serviceId: number;

const INVOCATIONS = '/agent/me/service-invocations';
const INPUT = { text: 'one two three' };
const OUTPUT = { words: 3 };

beforeAll(async () => {
  world = await startWorld();
});
beforeEach(async () => {
  provider = await world.agent();
  caller = await world.agent();
  await world.fund(caller.owner, '100');
  serviceId = await world.service(provider, { price: '10', avgResponseMs: 60_000 });
});
afterAll(() => world.close());

const invoke = async (body: object = {}): Promise<number> =>
  dataOf<{ invocationId: number }>(await caller.api.post(INVOCATIONS, { serviceId, input: INPUT, ...body }))
    .invocationId;
const submit = (id: number, body: object = { status: 'completed', output: OUTPUT }) =>
  provider.api.post(`${INVOCATIONS}/${id}/submit`, body);
const wallet = async (actor: AgentActor) => dataOf(await actor.owner.api.get('/owner/wallet'));
const shown = async (id: number, actor = caller) => dataOf(await actor.api.get(`${INVOCATIONS}/${id}`));

describe('invoking', () => {
  it('holds the price and answers with the receipt', async () => {
    const answer = await caller.api.post(INVOCATIONS, { serviceId, input: INPUT, maxPrice: '10' });
    expect(dataOf(answer)).toMatchObject({ serviceId, status: 'pending', price: '10' });
    expect(await wallet(caller)).toEqual({ available: '90', held: '10' });
  });

  it.each([undefined, 0, '0', '', '10', 10, '10.00'])('takes a maximum price of %j', async (maxPrice) => {
    await invoke({ maxPrice });
  });

  it('needs no input when the service asks for none', async () => {
    const bare = await world.service(provider, { title: 'Bare', inputSchema: null, outputSchema: null });
    for (const input of [undefined, null, {}]) {
      const answer = await caller.api.post(INVOCATIONS, { serviceId: bare, input });
      expect(dataOf(answer)).toMatchObject({ status: 'pending' });
    }
  });

  it('keeps the input as it was sent, empty texts and nulls included', async () => {
    const free = await world.service(provider, { title: 'Free form', inputSchema: null, outputSchema: null });
    const input = { a: '', b: null, c: [[], {}, 0, -0.5, 'ü🙂'], __d: false };
    const id = await invoke({ serviceId: free, input });
    expect((await shown(id))['input']).toEqual(input);
  });

  it('charges nothing between agents of one owner', async () => {
    const sibling = await world.agent(provider.owner);
    const answer = await sibling.api.post(INVOCATIONS, { serviceId, input: INPUT });
    expect(dataOf(answer)).toMatchObject({ price: '0' });
    expect(await wallet(provider)).toEqual({ available: '0', held: '0' });
  });

  it('names every wrong field at once, and holds nothing', async () => {
    await world.nothingHappens(async () => {
      const answer = await caller.api.post(INVOCATIONS, {
        serviceId: '7',
        input: 'text',
        maxPrice: '1.005',
        idempotencyKey: 5,
        priority: 'high',
      });
      expectProblem(answer, 400, 'VALIDATION_FAILED', ['serviceId', 'input', 'maxPrice', 'idempotencyKey', 'priority']);
    });
  });

  it.each([
    ['no service', { serviceId: undefined }, 'serviceId'],
    ['service 0', { serviceId: 0 }, 'serviceId'],
    ['service 1.5', { serviceId: 1.5 }, 'serviceId'],
    ['an input that is a list', { input: [] }, 'input'],
    ['a negative maximum', { maxPrice: '-1' }, 'maxPrice'],
    ['a key of 256 characters', { idempotencyKey: 'k'.repeat(256) }, 'idempotencyKey'],
    ['a key with a line feed', { idempotencyKey: 'a\nb' }, 'idempotencyKey'],
  ])('refuses %s', async (_name, change, field) => {
    await world.nothingHappens(async () => {
      const answer = await caller.api.post(INVOCATIONS, { serviceId, input: INPUT, ...change });
      expectProblem(answer, 400, 'VALIDATION_FAILED', [field]);
    });
  });

  it('refuses an input that does not match the schema, with every place that is wrong', async () => {
    await world.nothingHappens(async () => {
      const answer = await caller.api.post(INVOCATIONS, { serviceId, input: { text: 5, more: true } });
      const { errors } = expectProblem(answer, 400, 'INPUT_INVALID');
      expect((errors ?? []).length).toBeGreaterThanOrEqual(2);
      expect((errors ?? []).every(({ field }) => field.startsWith('input'))).toBe(true);
      expectProblem(await caller.api.post(INVOCATIONS, { serviceId }), 400, 'INPUT_INVALID');
    });
  });

  it('refuses a service that does not exist', async () => {
    await world.nothingHappens(async () => {
      for (const unknown of [999_999, Number.MAX_SAFE_INTEGER]) {
        expectProblem(await caller.api.post(INVOCATIONS, { serviceId: unknown, input: INPUT }), 404, 'NOT_FOUND');
      }
    });
  });

  it('refuses an inactive service', async () => {
    dataOf(await provider.api.post(`/agent/me/services/${serviceId}/deactivate`));
    await world.nothingHappens(async () => {
      expectProblem(await caller.api.post(INVOCATIONS, { serviceId, input: INPUT }), 409, 'SERVICE_INACTIVE');
    });
  });

  it("refuses the service of a frozen provider, and a frozen caller's request", async () => {
    dataOf(await provider.owner.api.post(`/owner/agents/${provider.id}/freeze`));
    await world.nothingHappens(async () => {
      expectProblem(await caller.api.post(INVOCATIONS, { serviceId, input: INPUT }), 409, 'PROVIDER_FROZEN');
    });
    dataOf(await provider.owner.api.post(`/owner/agents/${provider.id}/unfreeze`));
    dataOf(await caller.owner.api.post(`/owner/agents/${caller.id}/freeze`));
    await world.nothingHappens(async () => {
      expectProblem(await caller.api.post(INVOCATIONS, { serviceId, input: INPUT }), 403, 'AGENT_FROZEN');
    });
  });

  it("refuses an agent's own service", async () => {
    await world.fund(provider.owner, '100');
    await world.nothingHappens(async () => {
      expectProblem(await provider.api.post(INVOCATIONS, { serviceId, input: INPUT }), 409, 'OWN_SERVICE');
    });
  });

  it('refuses when the wallet has too little, and tells how much there is', async () => {
    const poor = await world.agent();
    await world.fund(poor.owner, '9.99');
    await world.nothingHappens(async () => {
      expectProblem(await poor.api.post(INVOCATIONS, { serviceId, input: INPUT }), 402, 'INSUFFICIENT_FUNDS');
    });
  });

  it('refuses a price above the maximum, in shells and in any spelling', async () => {
    await world.nothingHappens(async () => {
      for (const maxPrice of ['9.99', 9.99, '0.01', 1]) {
        const answer = await caller.api.post(INVOCATIONS, { serviceId, input: INPUT, maxPrice });
        expectProblem(answer, 409, 'PRICE_ABOVE_MAXIMUM');
      }
    });
  });

  it('refuses more pending invocations than the service takes, and takes one again when one has ended', async () => {
    const busy = await world.service(provider, { title: 'Busy', maxPending: 2, maxPendingPerCaller: 1 });
    const id = await invoke({ serviceId: busy });
    await world.nothingHappens(async () => {
      const answer = await caller.api.post(INVOCATIONS, { serviceId: busy, input: INPUT });
      expectProblem(answer, 429, 'SERVICE_BUSY');
    });
    const [second, third] = [await world.agent(), await world.agent()];
    for (const other of [second, third]) await world.fund(other.owner, '100');
    dataOf(await second.api.post(INVOCATIONS, { serviceId: busy, input: INPUT }));
    await world.nothingHappens(async () => {
      expectProblem(await third.api.post(INVOCATIONS, { serviceId: busy, input: INPUT }), 429, 'SERVICE_BUSY');
    });
    dataOf(await submit(id));
    dataOf(await third.api.post(INVOCATIONS, { serviceId: busy, input: INPUT }));
  });
});

describe('a traceparent', () => {
  const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const kept = async (id: number): Promise<string | null | undefined> => {
    const sql = 'select traceparent from market.invocation where id = $1';
    const { rows } = await world.database.pool.query<{ traceparent: string | null }>(sql, [id]);
    return rows[0]?.traceparent;
  };
  const traced = async (header: string | undefined): Promise<number> => {
    const request = caller.api.post(INVOCATIONS, { serviceId, input: INPUT });
    const answer = await (header === undefined ? request : request.set('traceparent', header));
    return dataOf<{ invocationId: number }>(answer).invocationId;
  };

  it('is kept with the invocation', async () => {
    expect(await kept(await traced(TRACEPARENT))).toBe(TRACEPARENT);
  });

  it.each([undefined, 'nonsense', `${TRACEPARENT}-more`, TRACEPARENT.replace('00-', 'ff-')])(
    'that is %s is ignored',
    async (header) => {
      expect(await kept(await traced(header))).toBeNull();
    },
  );

  it('is kept with its own invocation when many are opened at once, with and without', async () => {
    await world.fund(caller.owner, '1000');
    const headers = Array.from({ length: 40 }, (_, n) =>
      n % 3 === 0 ? undefined : `00-${String(n + 1).padStart(32, '0')}-00f067aa0ba902b7-01`,
    );
    const ids = await Promise.all(headers.map(traced));
    expect(await Promise.all(ids.map(kept))).toEqual(headers.map((header) => header ?? null));
  });
});

describe('an idempotency key', () => {
  it.each(['header', 'body', 'both'])('given as %s gets the first answer again', async (where) => {
    const key = `order-${where}`;
    const send = () => {
      const call = caller.api.post(INVOCATIONS, {
        serviceId,
        input: INPUT,
        ...(where === 'header' ? {} : { idempotencyKey: key }),
      });
      return where === 'body' ? call : call.set('Idempotency-Key', key);
    };
    const first = await send();
    expect(first.headers['idempotent-replayed']).toBeUndefined();
    await world.nothingHappens(async () => {
      const again = await send();
      expect(again.headers['idempotent-replayed']).toBe('true');
      expect(dataOf(again)).toEqual(dataOf(first));
    });
  });

  it('is one key in header and body', async () => {
    const first = await caller.api.post(INVOCATIONS, { serviceId, input: INPUT }).set('Idempotency-Key', 'k');
    const again = await caller.api.post(INVOCATIONS, { serviceId, input: INPUT, idempotencyKey: 'k' });
    expect(dataOf(again)).toEqual(dataOf(first));
  });

  it('that differs between header and body is refused', async () => {
    await world.nothingHappens(async () => {
      const call = caller.api.post(INVOCATIONS, { serviceId, input: INPUT, idempotencyKey: 'a' });
      expectProblem(await call.set('Idempotency-Key', 'b'), 400, 'VALIDATION_FAILED', ['idempotencyKey']);
    });
  });

  it('sees the same request in another order of members and another spelling of no maximum', async () => {
    const id = await invoke({ idempotencyKey: 'k', input: { text: 'a' }, maxPrice: 0 });
    const again = await caller.api.post(INVOCATIONS, {
      idempotencyKey: 'k',
      maxPrice: '0',
      input: { text: 'a' },
      serviceId,
    });
    expect(dataOf(again)).toMatchObject({ invocationId: id });
  });

  it.each([
    ['input', { input: { text: 'other' } }],
    ['maximum price', { maxPrice: '50' }],
  ])('with another %s is refused', async (_name, change) => {
    await invoke({ idempotencyKey: 'k' });
    await world.nothingHappens(async () => {
      const answer = await caller.api.post(INVOCATIONS, { serviceId, input: INPUT, idempotencyKey: 'k', ...change });
      expectProblem(answer, 422, 'IDEMPOTENCY_KEY_REUSED');
    });
  });

  it('belongs to the agent: another agent may use the same one', async () => {
    const other = await world.agent();
    await world.fund(other.owner, '100');
    const id = await invoke({ idempotencyKey: 'k' });
    const answer = dataOf(await other.api.post(INVOCATIONS, { serviceId, input: INPUT, idempotencyKey: 'k' }));
    expect(answer['invocationId']).not.toBe(id);
  });

  it('of a refused request is free again', async () => {
    const poor = await world.agent();
    const send = () => poor.api.post(INVOCATIONS, { serviceId, input: INPUT, idempotencyKey: 'k' });
    expectProblem(await send(), 402, 'INSUFFICIENT_FUNDS');
    await world.fund(poor.owner, '10');
    expect(dataOf(await send())).toMatchObject({ status: 'pending' });
  });

  it('answers with the first price and state also after the service has changed and is inactive', async () => {
    const send = () => caller.api.post(INVOCATIONS, { serviceId, input: INPUT, idempotencyKey: 'k' });
    const first = dataOf(await send());
    dataOf(await provider.api.patch(`/agent/me/services/${serviceId}`, { price: '99' }));
    dataOf(await provider.api.post(`/agent/me/services/${serviceId}/deactivate`));
    expect(dataOf(await send())).toMatchObject({ invocationId: first['invocationId'], price: '10' });
  });

  it('answers with the first answer also when the schema has changed and the input no longer fits', async () => {
    const send = () => caller.api.post(INVOCATIONS, { serviceId, input: INPUT, idempotencyKey: 'k' });
    const first = dataOf(await send());
    const inputSchema = { type: 'object', required: ['document'] };
    dataOf(await provider.api.patch(`/agent/me/services/${serviceId}`, { inputSchema }));
    // By now the process has seen the new schema in use.
    dataOf(await caller.api.post(INVOCATIONS, { serviceId, input: { document: 1 } }));
    expect(dataOf(await send())).toEqual(first);
  });
});

describe('a request whose duplicate is still running', () => {
  it('waits for it, and is told to come back when that takes too long', async () => {
    const client = await world.database.pool.connect();
    try {
      await client.query('begin');
      await client.query('select 1 from ledger.wallet where account_id = $1 for update', [caller.owner.id]);
      const answer = await caller.api.post(INVOCATIONS, { serviceId, input: INPUT, idempotencyKey: 'k' });
      expectProblem(answer, 409, 'IDEMPOTENCY_IN_PROGRESS');
      expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    } finally {
      await client.query('rollback');
      client.release();
    }
    expect(dataOf(await caller.api.post(INVOCATIONS, { serviceId, input: INPUT, idempotencyKey: 'k' }))).toMatchObject({
      status: 'pending',
    });
  });
});

describe('Prefer: wait', () => {
  it('answers with the finished invocation when it finishes in time', async () => {
    const waiting = caller.api
      .post(INVOCATIONS, { serviceId, input: INPUT })
      .set('Prefer', 'wait=20')
      .then((answer) => answer);
    const id = await world.nextInvocationOf(provider);
    dataOf(await submit(id));
    const answer = await waiting;
    expect(answer.headers['preference-applied']).toMatch(/^wait=/);
    expect(dataOf(answer)).toMatchObject({ id, status: 'completed', output: OUTPUT });
  });

  it('answers with the receipt when it does not', async () => {
    const answer = await caller.api.post(INVOCATIONS, { serviceId, input: INPUT }).set('Prefer', 'wait=1');
    expect(dataOf(answer)).toMatchObject({ serviceId, status: 'pending' });
  });

  it('lets a hundred requests of a caller wait, and answers the next at once, also when all wait for one invocation', async () => {
    const id = await invoke({ idempotencyKey: 'waited-for' });
    const waited = async () =>
      caller.api.post(INVOCATIONS, { serviceId, input: INPUT, idempotencyKey: 'waited-for' }).set('Prefer', 'wait=20');
    const waiting = Array.from({ length: 101 }, waited);
    const atOnce = await Promise.race(waiting);
    expect(atOnce.headers['preference-applied']).toBeUndefined();
    expect(dataOf(atOnce)).toMatchObject({ invocationId: id, status: 'pending' });
    dataOf(await submit(id));
    const answers = await Promise.all(waiting);
    expect(answers.filter(({ headers }) => headers['preference-applied'] === 'wait=20').length).toBe(100);
    // Those that were answered wait no more.
    expect((await waited()).headers['preference-applied']).toBe('wait=20');
  });

  it.each(['wait=x', 'return=minimal', 'wait=-1', 'wait'])(
    'ignores what it does not understand: %s',
    async (prefer) => {
      const answer = await caller.api.post(INVOCATIONS, { serviceId, input: INPUT }).set('Prefer', prefer);
      expect(answer.headers['preference-applied']).toBeUndefined();
      dataOf(answer);
    },
  );
});

describe('submitting', () => {
  it('a result pays the provider', async () => {
    const id = await invoke();
    const answer = await submit(id, {
      status: 'completed',
      output: OUTPUT,
      attachments: ['https://example.com/a.txt'],
    });
    expect(dataOf(answer)).toMatchObject({ invocationId: id, status: 'completed' });
    expect(await wallet(caller)).toEqual({ available: '90', held: '0' });
    expect(await wallet(provider)).toEqual({ available: '10', held: '0' });
    expect(await shown(id)).toMatchObject({
      phase: 'completed',
      output: OUTPUT,
      attachments: ['https://example.com/a.txt'],
    });
  });

  it('a failure returns the price and tells the caller why', async () => {
    const id = await invoke();
    expect(dataOf(await submit(id, { status: 'failed', error: 'No such language' }))).toMatchObject({
      status: 'failed',
    });
    expect(await wallet(caller)).toEqual({ available: '100', held: '0' });
    expect(await shown(id)).toMatchObject({ status: 'failed', phase: 'failed', error: 'No such language' });
  });

  it('the very same again gets the first answer', async () => {
    const id = await invoke();
    const first = await submit(id);
    await world.nothingHappens(async () => {
      expect(dataOf(await submit(id))).toEqual(dataOf(first));
    });
  });

  it.each([
    ['another output', { status: 'completed', output: { words: 4 } }],
    ['a failure', { status: 'failed', error: 'no' }],
    ['another attachment', { status: 'completed', output: OUTPUT, attachments: ['x'] }],
    ['an output that does not fit', { status: 'completed', output: {} }],
  ])('%s after the first is refused', async (_name, body) => {
    const id = await invoke();
    await submit(id);
    await world.nothingHappens(async () => {
      expectProblem(await submit(id, body), 409, 'ALREADY_SETTLED');
    });
  });

  it('after the deadline is refused, and the price is back', async () => {
    const id = await invoke();
    await world.passTime(121_000);
    expectProblem(await submit(id, { status: 'completed', output: {} }), 409, 'DEADLINE_PASSED');
    expectProblem(await submit(id), 409, 'DEADLINE_PASSED');
    expect(await shown(id)).toMatchObject({ status: 'timeout', phase: 'timeout' });
    expect(await wallet(caller)).toEqual({ available: '100', held: '0' });
  });

  it('an output that does not match is refused with every place, and the invocation stays pending', async () => {
    const id = await invoke();
    await world.nothingHappens(async () => {
      const answer = await submit(id, { status: 'completed', output: { words: 'three', more: 1 } });
      const { errors } = expectProblem(answer, 400, 'OUTPUT_INVALID');
      expect((errors ?? []).length).toBeGreaterThanOrEqual(2);
      expectProblem(await submit(id, { status: 'completed' }), 400, 'OUTPUT_INVALID');
    });
    dataOf(await submit(id));
  });

  it('names every wrong field at once', async () => {
    const id = await invoke();
    await world.nothingHappens(async () => {
      const answer = await submit(id, { status: 'done', output: 'x', attachments: [5], error: 7, rating: 5 });
      expectProblem(answer, 400, 'VALIDATION_FAILED', ['status', 'output', 'attachments[0]', 'error', 'rating']);
      expectProblem(await submit(id, {}), 400, 'VALIDATION_FAILED', ['status']);
      expectProblem(await submit(id, { status: 'failed' }), 400, 'VALIDATION_FAILED', ['error']);
    });
  });

  it('is pinned to the version that was invoked', async () => {
    const id = await invoke();
    dataOf(
      await provider.api.patch(`/agent/me/services/${serviceId}`, {
        outputSchema: { type: 'object', required: ['other'] },
        price: '50',
      }),
    );
    dataOf(await submit(id));
    expect(await shown(id)).toMatchObject({ price: '10', version: 1 });
  });
});

describe('acknowledging and progress', () => {
  it('are for the provider while it is pending', async () => {
    const id = await invoke();
    expect(await shown(id)).toMatchObject({ phase: 'queued' });
    expect(dataOf(await provider.api.post(`${INVOCATIONS}/${id}/ack`))).toMatchObject({
      invocationId: id,
      phase: 'acknowledged',
    });
    dataOf(await provider.api.post(`${INVOCATIONS}/${id}/ack`));
    const progress = await provider.api.post(`${INVOCATIONS}/${id}/progress`, { percent: 40, note: 'Read' });
    expect(dataOf(progress)).toMatchObject({ invocationId: id, percent: 40 });
    dataOf(await submit(id));
    await world.nothingHappens(async () => {
      expectProblem(await provider.api.post(`${INVOCATIONS}/${id}/ack`), 409, 'ALREADY_SETTLED');
      expectProblem(await provider.api.post(`${INVOCATIONS}/${id}/progress`, { percent: 50 }), 409, 'ALREADY_SETTLED');
    });
  });

  it('are not taken without end', async () => {
    const id = await invoke();
    await world.database.pool.query(
      `insert into market.invocation_progress (invocation_id, n, percent, note, at)
      select $1, n, 1, '', platform.clock() from generate_series(1, 1000) n`,
      [id],
    );
    expectProblem(await provider.api.post(`${INVOCATIONS}/${id}/progress`, { percent: 2 }), 429, 'PROGRESS_LIMIT');
    dataOf(await submit(id));
  });

  it('are too late after the deadline', async () => {
    const id = await invoke();
    await world.passTime(121_000);
    expectProblem(await provider.api.post(`${INVOCATIONS}/${id}/ack`), 409, 'DEADLINE_PASSED');
    expectProblem(await provider.api.post(`${INVOCATIONS}/${id}/progress`, { percent: 1 }), 409, 'DEADLINE_PASSED');
  });

  it.each([
    [{}, ['percent']],
    [{ percent: 101 }, ['percent']],
    [{ percent: -1 }, ['percent']],
    [{ percent: '40' }, ['percent']],
    [{ percent: 1, note: 'x'.repeat(501) }, ['note']],
    [{ percent: true, note: 5, eta: 1 }, ['percent', 'note', 'eta']],
  ])('refuse %j', async (body, fields) => {
    const id = await invoke();
    await world.nothingHappens(async () => {
      expectProblem(await provider.api.post(`${INVOCATIONS}/${id}/progress`, body), 400, 'VALIDATION_FAILED', fields);
    });
  });
});

describe('cancelling', () => {
  it('returns the price while the provider has not begun, and may be repeated', async () => {
    const id = await invoke();
    const first = await caller.api.post(`${INVOCATIONS}/${id}/cancel`);
    expect(dataOf(first)).toMatchObject({ invocationId: id, status: 'failed', phase: 'cancelled' });
    expect(await wallet(caller)).toEqual({ available: '100', held: '0' });
    await world.nothingHappens(async () => {
      expect(dataOf(await caller.api.post(`${INVOCATIONS}/${id}/cancel`))).toEqual(dataOf(first));
      expectProblem(await submit(id), 409, 'ALREADY_SETTLED');
    });
  });

  it('is too late once the provider has acknowledged, or only read it', async () => {
    const [acknowledged, read] = [await invoke(), await invoke()];
    dataOf(await provider.api.post(`${INVOCATIONS}/${acknowledged}/ack`));
    await shown(read, provider);
    for (const id of [acknowledged, read]) {
      expectProblem(await caller.api.post(`${INVOCATIONS}/${id}/cancel`), 409, 'ALREADY_ACKNOWLEDGED');
    }
  });

  it('is too late when it has ended, or the deadline has passed', async () => {
    const [ended, late] = [await invoke(), await invoke()];
    dataOf(await submit(ended));
    expectProblem(await caller.api.post(`${INVOCATIONS}/${ended}/cancel`), 409, 'ALREADY_SETTLED');
    await world.passTime(121_000);
    expectProblem(await caller.api.post(`${INVOCATIONS}/${late}/cancel`), 409, 'DEADLINE_PASSED');
  });
});

describe('reviewing', () => {
  it('is for the caller, once, of what is completed', async () => {
    const id = await invoke();
    const review = (body: object = { rating: 5, review: 'Quick.' }) =>
      caller.api.post(`${INVOCATIONS}/${id}/review`, body);
    expectProblem(await review(), 409, 'NOT_COMPLETED');
    dataOf(await submit(id));
    expect(dataOf(await review())).toMatchObject({ invocationId: id });
    expect(await shown(id)).toMatchObject({ rating: 5, review: 'Quick.' });
    await world.nothingHappens(async () => {
      expectProblem(await review(), 409, 'ALREADY_REVIEWED');
      expectProblem(await review({ rating: 1 }), 409, 'ALREADY_REVIEWED');
    });
  });

  it('of a failed invocation is refused', async () => {
    const id = await invoke();
    dataOf(await submit(id, { status: 'failed', error: 'no' }));
    expectProblem(await caller.api.post(`${INVOCATIONS}/${id}/review`, { rating: 1 }), 409, 'NOT_COMPLETED');
  });

  it.each([
    [{}, undefined],
    [{ rating: 0 }, ['rating']],
    [{ rating: 6 }, ['rating']],
    [{ rating: 4.5 }, ['rating']],
    [{ rating: '5' }, ['rating']],
    [{ review: 'x'.repeat(2_001) }, ['review']],
    [{ rating: 9, review: 5, stars: 1 }, ['rating', 'review', 'stars']],
  ])('refuses %j', async (body, fields) => {
    const id = await invoke();
    dataOf(await submit(id));
    await world.nothingHappens(async () => {
      expectProblem(await caller.api.post(`${INVOCATIONS}/${id}/review`, body), 400, 'VALIDATION_FAILED', fields);
    });
  });

  it.each([{ rating: 3 }, { review: 'Only words.' }])('takes one of the two: %j', async (body) => {
    const id = await invoke();
    dataOf(await submit(id));
    dataOf(await caller.api.post(`${INVOCATIONS}/${id}/review`, body));
  });
});

describe('somebody who is not the right party', () => {
  it('sees an invocation of others as one that does not exist', async () => {
    const id = await invoke();
    const siblingOfCaller = await world.agent(caller.owner);
    for (const stranger of [await world.agent(), siblingOfCaller]) {
      await world.nothingHappens(async () => {
        const foreign = await stranger.api.get(`${INVOCATIONS}/${id}`);
        const unknown = await stranger.api.get(`${INVOCATIONS}/999999`);
        expectProblem(foreign, 404, 'NOT_FOUND');
        expect({ ...foreign.body, traceId: '', instance: '' }).toEqual({ ...unknown.body, traceId: '', instance: '' });
        expectProblem(await stranger.api.get(`${INVOCATIONS}/${id}/timeline`), 404, 'NOT_FOUND');
        for (const [verb, body] of [
          ['submit', { status: 'failed', error: 'x' }],
          ['review', { rating: 5 }],
          ['cancel', {}],
          ['ack', {}],
          ['progress', { percent: 1 }],
        ] as const) {
          expectProblem(await stranger.api.post(`${INVOCATIONS}/${id}/${verb}`, body), 404, 'NOT_FOUND');
        }
      });
    }
  });

  it('cannot do what is the other party’s', async () => {
    const id = await invoke();
    await world.nothingHappens(async () => {
      expectProblem(
        await caller.api.post(`${INVOCATIONS}/${id}/submit`, { status: 'completed', output: OUTPUT }),
        404,
        'NOT_FOUND',
      );
      expectProblem(await caller.api.post(`${INVOCATIONS}/${id}/ack`), 404, 'NOT_FOUND');
      expectProblem(await caller.api.post(`${INVOCATIONS}/${id}/progress`, { percent: 1 }), 404, 'NOT_FOUND');
      expectProblem(await provider.api.post(`${INVOCATIONS}/${id}/cancel`), 404, 'NOT_FOUND');
      expectProblem(await provider.api.post(`${INVOCATIONS}/${id}/review`, { rating: 5 }), 404, 'NOT_FOUND');
    });
  });
});

describe('reading', () => {
  it('shows both parties their side', async () => {
    const id = await invoke();
    const common = {
      id,
      serviceId,
      status: 'pending',
      price: '10',
      input: INPUT,
      callerAgentId: caller.id,
      providerAgentId: provider.id,
    };
    expect(await shown(id)).toMatchObject({ ...common, role: 'caller', phase: 'queued' });
    expect(await shown(id, provider)).toMatchObject({ ...common, role: 'provider' });
  });

  it('lists by role and status, newest first, in pages', async () => {
    const [first, second] = [await invoke(), await invoke()];
    dataOf(await submit(first));
    const list = async (actor: AgentActor, query: string) =>
      dataOf<{ invocations: { id: number }[]; total: number }>(await actor.api.get(`${INVOCATIONS}?${query}`));
    const ids = async (actor: AgentActor, query: string) => (await list(actor, query)).invocations.map(({ id }) => id);
    expect(await ids(caller, '')).toEqual([second, first]);
    expect(await ids(caller, 'role=caller&status=pending')).toEqual([second]);
    expect(await ids(provider, 'role=provider&status=completed')).toEqual([first]);
    expect(await ids(provider, 'role=caller')).toEqual([]);
    expect(await ids(caller, 'limit=1&page=2')).toEqual([first]);
    expect(await list(caller, 'limit=1000')).toMatchObject({ total: 2, page: 1, limit: 100 });
    expect(await ids(caller, 'role=&status=')).toHaveLength(2);
  });

  it.each(['role=owner', 'status=open', 'page=0', 'limit=x', 'role=caller&role=provider'])(
    'refuses %s',
    async (query) => {
      const answer = await caller.api.get(`${INVOCATIONS}?${query}`);
      expectProblem(answer, 400, 'VALIDATION_FAILED', [query.split('=')[0] ?? '']);
    },
  );

  it('tells the timeline of states, hand-over and money', async () => {
    const id = await invoke();
    dataOf(await provider.api.post(`${INVOCATIONS}/${id}/ack`));
    dataOf(await provider.api.post(`${INVOCATIONS}/${id}/progress`, { percent: 50, note: 'Half' }));
    dataOf(await submit(id));
    dataOf(await caller.api.post(`${INVOCATIONS}/${id}/review`, { rating: 4 }));
    for (const actor of [caller, provider]) {
      const timeline = dataOf<{ entries: { kind: string; at: string }[] }>(
        await actor.api.get(`${INVOCATIONS}/${id}/timeline`),
      );
      const kinds = timeline.entries.map(({ kind }) => kind);
      expect(kinds).toEqual(
        expect.arrayContaining(['invoked', 'held', 'acknowledged', 'progress', 'completed', 'released', 'reviewed']),
      );
      expect(kinds.indexOf('invoked')).toBe(0);
      const times = timeline.entries.map(({ at }) => Date.parse(at));
      expect([...times].sort((a, b) => a - b)).toEqual(times);
    }
  });

  it('tells in the timeline how a cancelled and a timed-out one got its money back', async () => {
    const cancelled = await invoke();
    dataOf(await caller.api.post(`${INVOCATIONS}/${cancelled}/cancel`));
    const late = await invoke();
    await world.passTime(121_000);
    expectProblem(await submit(late), 409, 'DEADLINE_PASSED');
    for (const [id, kind] of [
      [cancelled, 'cancelled'],
      [late, 'timeout'],
    ] as const) {
      const timeline = dataOf<{ entries: { kind: string }[] }>(await caller.api.get(`${INVOCATIONS}/${id}/timeline`));
      expect(timeline.entries.map((entry) => entry.kind)).toEqual(
        expect.arrayContaining(['invoked', 'held', kind, 'refunded']),
      );
    }
  });
});
