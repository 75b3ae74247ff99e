import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dataOf, expectProblem } from '../support/expect-problem.js';
import { startWorld, type OwnerActor, type World } from '../support/world.js';

let world: World;
let owner: OwnerActor;

beforeAll(async () => {
  world = await startWorld();
});
beforeEach(async () => {
  owner = await world.owner();
});
afterAll(() => world.close());

let keys = 0;
const freshKey = () => `key-${++keys}`;
const deposit = (change: object = {}) =>
  world.admin.post('/admin/deposits', {
    ownerId: owner.id,
    amount: '10',
    reference: 'invoice 1',
    idempotencyKey: freshKey(),
    ...change,
  });
const reverse = (transferId: unknown, change: object = {}) =>
  world.admin.post('/admin/reversals', { transferId, reason: 'Booked twice', idempotencyKey: freshKey(), ...change });
const wallet = async () => dataOf(await owner.api.get('/owner/wallet'));

describe('owners', () => {
  it('are created with an empty wallet and a key that works', async () => {
    const { owner: made, key } = dataOf<{ owner: { id: number }; key: { key: string } }>(
      await world.admin.post('/admin/owners', { name: 'Ada' }),
    );
    expect(dataOf(await world.api.as(key.key).get('/owner/wallet'))).toEqual({ available: '0', held: '0' });
    expect(made).toMatchObject({ name: 'Ada' });
  });

  it.each([
    [{}, ['name']],
    [{ name: '' }, ['name']],
    [{ name: 'x'.repeat(101) }, ['name']],
    [{ name: ['Ada'], balance: '1000' }, ['name', 'balance']],
  ])('are not created from %j', async (body, fields) => {
    await world.nothingHappens(async () => {
      expectProblem(await world.admin.post('/admin/owners', body), 400, 'VALIDATION_FAILED', fields);
    });
  });

  it('are listed in pages, each once', async () => {
    for (let n = 0; n < 4; n++) await world.owner();
    const seen: number[] = [];
    for (let after: number | undefined = 0; after !== undefined;) {
      const page: { owners: { id: number }[]; hasMore: boolean; nextCursor?: number } = dataOf(
        await world.admin.get(`/admin/owners?limit=2${after === 0 ? '' : `&after=${after}`}`),
      );
      seen.push(...page.owners.map(({ id }) => id));
      after = page.hasMore ? page.nextCursor : undefined;
    }
    expect(seen.length).toBeGreaterThanOrEqual(5);
    expect(new Set(seen).size).toBe(seen.length);
  });

  it.each(['after=x', 'limit=0', 'after=1&after=2'])('are not listed by %s', async (query) => {
    expectProblem(await world.admin.get(`/admin/owners?${query}`), 400, 'VALIDATION_FAILED', [
      query.split('=')[0] ?? '',
    ]);
  });

  it('get another key when they have lost theirs', async () => {
    const { key } = dataOf<{ key: string }>(
      await world.admin.post(`/admin/owners/${owner.id}/keys`, { name: 'second' }),
    );
    dataOf(await world.api.as(key).get('/owner/wallet'));
    dataOf(await world.admin.post(`/admin/owners/${owner.id}/keys`));
    await world.nothingHappens(async () => {
      expectProblem(await world.admin.post('/admin/owners/999999/keys', {}), 404, 'NOT_FOUND');
    });
  });
});

describe("an administrator's deposit", () => {
  it('is there at once, with its reference', async () => {
    const answer = dataOf(await deposit({ amount: '10.50' }));
    expect(answer).toMatchObject({ ownerId: owner.id, amount: '10.5', reference: 'invoice 1' });
    expect(await wallet()).toEqual({ available: '10.5', held: '0' });
    expect(dataOf(await owner.api.get('/owner/wallet/transactions'))).toMatchObject({
      transactions: [{ kind: 'deposit', amount: '10.5', reference: 'invoice 1' }],
    });
  });

  it('is made once for one key', async () => {
    const idempotencyKey = freshKey();
    const first = await deposit({ idempotencyKey });
    await world.nothingHappens(async () => {
      const again = await deposit({ idempotencyKey, amount: 10 });
      expect(again.headers['idempotent-replayed']).toBe('true');
      expect(dataOf(again)).toEqual(dataOf(first));
      expectProblem(await deposit({ idempotencyKey, amount: '11' }), 422, 'IDEMPOTENCY_KEY_REUSED');
      expectProblem(await deposit({ idempotencyKey, reference: 'other' }), 422, 'IDEMPOTENCY_KEY_REUSED');
    });
  });

  it.each([
    [{ amount: '0' }, ['amount']],
    [{ amount: '-5' }, ['amount']],
    [{ amount: '0.001' }, ['amount']],
    [{ reference: '' }, ['reference']],
    [{ reference: 'x'.repeat(201) }, ['reference']],
    [{ ownerId: 999_999 }, ['ownerId']],
    [{ idempotencyKey: undefined }, ['idempotencyKey']],
    [
      { ownerId: '1', amount: null, reference: 5, idempotencyKey: {}, currency: 'EUR' },
      ['ownerId', 'amount', 'reference', 'idempotencyKey', 'currency'],
    ],
  ])('refuses %j', async (change, fields) => {
    await world.nothingHappens(async () => {
      expectProblem(await deposit(change), 400, 'VALIDATION_FAILED', fields);
    });
  });
});

describe('a reversal', () => {
  const made = async (amount = '10') => dataOf<{ transferId: number }>(await deposit({ amount })).transferId;

  it('takes a deposit back, with its reason', async () => {
    const transferId = await made();
    expect(dataOf(await reverse(transferId))).toMatchObject({
      reverses: transferId,
      amount: '10',
      reason: 'Booked twice',
    });
    expect(await wallet()).toEqual({ available: '0', held: '0' });
    expect(dataOf(await owner.api.get('/owner/wallet/transactions'))).toMatchObject({
      transactions: [
        { kind: 'reversal', amount: '-10' },
        { kind: 'deposit', amount: '10' },
      ],
    });
  });

  it('is made once for one key, and once for one transfer', async () => {
    const [transferId, idempotencyKey] = [await made(), freshKey()];
    const first = await reverse(transferId, { idempotencyKey });
    await world.nothingHappens(async () => {
      const again = await reverse(transferId, { idempotencyKey });
      expect(again.headers['idempotent-replayed']).toBe('true');
      expect(dataOf(again)).toEqual(dataOf(first));
      expectProblem(await reverse(transferId, { idempotencyKey, reason: 'other' }), 422, 'IDEMPOTENCY_KEY_REUSED');
      expectProblem(await reverse(transferId), 409, 'REVERSAL_REFUSED');
      expectProblem(await reverse(dataOf<{ transferId: number }>(first).transferId), 409, 'REVERSAL_REFUSED');
    });
  });

  it('is refused when the money is spent or held', async () => {
    const transferId = await made();
    const [provider, caller] = [await world.agent(), await world.agent(owner)];
    const service = await world.service(provider, { price: '1' });
    dataOf(await caller.api.post('/agent/me/service-invocations', { serviceId: service, input: { text: 'a' } }));
    await world.nothingHappens(async () => {
      expectProblem(await reverse(transferId), 402, 'INSUFFICIENT_FUNDS');
    });
  });

  it('tells a duplicate to come back when the first takes too long', async () => {
    const transferId = await made();
    const client = await world.database.pool.connect();
    try {
      await client.query('begin');
      await client.query('select 1 from ledger.wallet where account_id = $1 for update', [owner.id]);
      expectProblem(await reverse(transferId), 409, 'IDEMPOTENCY_IN_PROGRESS');
    } finally {
      await client.query('rollback');
      client.release();
    }
    dataOf(await reverse(transferId));
  });

  it('of an unknown transfer is refused', async () => {
    await world.nothingHappens(async () => {
      expectProblem(await reverse(999_999), 404, 'NOT_FOUND');
    });
  });

  it.each([
    [{ reason: '' }, ['reason']],
    [{ reason: 'x'.repeat(501) }, ['reason']],
    [{ transferId: '1' }, ['transferId']],
    [{ idempotencyKey: undefined }, ['idempotencyKey']],
    [
      { transferId: 0, reason: 7, idempotencyKey: 7, amount: '5' },
      ['transferId', 'reason', 'idempotencyKey', 'amount'],
    ],
  ])('refuses %j', async (change, fields) => {
    await world.nothingHappens(async () => {
      expectProblem(await reverse(1, change), 400, 'VALIDATION_FAILED', fields);
    });
  });
});

describe('fees', () => {
  it('are 0 until they are set, and count for later invocations', async () => {
    expect(dataOf(await world.admin.get('/admin/fees/research'))).toMatchObject({
      category: 'research',
      basisPoints: 0,
    });
    const [provider, caller] = [await world.agent(), await world.agent(owner)];
    await world.fund(owner, '100');
    const service = await world.service(provider, { price: '9.99', category: 'research' });
    expect(dataOf(await world.admin.put('/admin/fees/research', { basisPoints: 250 }))).toMatchObject({
      basisPoints: 250,
    });
    expect(dataOf(await world.admin.get('/admin/fees/research'))).toMatchObject({ basisPoints: 250 });
    const { invocationId } = dataOf<{ invocationId: number }>(
      await caller.api.post('/agent/me/service-invocations', { serviceId: service, input: { text: 'a' } }),
    );
    dataOf(
      await provider.api.post(`/agent/me/service-invocations/${invocationId}/submit`, {
        status: 'completed',
        output: { words: 1 },
      }),
    );
    // 2.5 % of 9.99 is 0.24975: rounded down in favour of the provider.
    expect(dataOf(await provider.owner.api.get('/owner/wallet'))).toEqual({ available: '9.75', held: '0' });
  });

  it.each([{}, { basisPoints: -1 }, { basisPoints: 10_001 }, { basisPoints: 2.5 }, { basisPoints: '250' }])(
    'are not set to %j',
    async (body) => {
      await world.nothingHappens(async () => {
        expectProblem(await world.admin.put('/admin/fees/design', body), 400, 'VALIDATION_FAILED', ['basisPoints']);
      });
    },
  );

  it.each(['cooking', 'WRITING', '__proto__', 'constructor'])(
    'of an unknown category do not exist: %s',
    async (category) => {
      expectProblem(await world.admin.get(`/admin/fees/${category}`), 404, 'NOT_FOUND');
      expectProblem(await world.admin.put(`/admin/fees/${category}`, { basisPoints: 1 }), 404, 'NOT_FOUND');
    },
  );
});
