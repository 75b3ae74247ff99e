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

type Page = { transactions: { id: string; kind: string; amount: string }[]; hasMore: boolean; nextCursor?: string };
const journal = async (query = '') => dataOf<Page>(await owner.api.get(`/owner/wallet/transactions${query}`));
const deposit = (amount: unknown, idempotencyKey: unknown = 'd1') =>
  owner.api.post('/owner/deposits', { amount, idempotencyKey });

describe('the wallet', () => {
  it('begins empty', async () => {
    expect(dataOf(await owner.api.get('/owner/wallet'))).toEqual({ available: '0', held: '0' });
    expect(await journal()).toEqual({ transactions: [], hasMore: false });
  });
});

describe("an owner's deposit to itself", () => {
  it.each([
    ['10', '10'],
    ['10.50', '10.5'],
    [10.5, '10.5'],
    ['0.01', '0.01'],
    ['10000000000000', '10000000000000'],
  ])('of %j is there at once', async (amount, shown) => {
    expect(dataOf(await deposit(amount))).toMatchObject({ ownerId: owner.id, amount: shown });
    expect(dataOf(await owner.api.get('/owner/wallet'))).toEqual({ available: shown, held: '0' });
    expect(await journal()).toMatchObject({ transactions: [{ kind: 'deposit', amount: shown }] });
  });

  it('is made once for one key', async () => {
    const first = await deposit('10');
    await world.nothingHappens(async () => {
      const again = await deposit(10);
      expect(again.headers['idempotent-replayed']).toBe('true');
      expect(dataOf(again)).toEqual(dataOf(first));
      expectProblem(await deposit('11'), 422, 'IDEMPOTENCY_KEY_REUSED');
    });
  });

  it('is made once when it is asked for twenty times at once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => deposit('10')));
    expect(new Set(answers.map((answer) => dataOf(answer)['transferId'])).size).toBe(1);
    expect(dataOf(await owner.api.get('/owner/wallet'))).toEqual({ available: '10', held: '0' });
  });

  it('tells a duplicate to come back when the first takes too long', async () => {
    const client = await world.database.pool.connect();
    try {
      await client.query('begin');
      await client.query(
        `insert into ledger.idempotency (principal_kind, principal_id, key_hash, operation, fingerprint, result_id, created_at)
        values ('owner', $1, ledger.key_hash('owner', 'd1'), 'deposit', decode(repeat('00', 32), 'hex'), 1, platform.clock())`,
        [owner.id],
      );
      expectProblem(await deposit('10'), 409, 'IDEMPOTENCY_IN_PROGRESS');
    } finally {
      await client.query('rollback');
      client.release();
    }
    dataOf(await deposit('10'));
  });

  it('takes the key from the header too, and needs one', async () => {
    const sent = await owner.api.post('/owner/deposits', { amount: '1' }).set('Idempotency-Key', 'h1');
    const again = await owner.api.post('/owner/deposits', { amount: '1', idempotencyKey: 'h1' });
    expect(dataOf(again)).toEqual(dataOf(sent));
    expectProblem(await owner.api.post('/owner/deposits', { amount: '1' }), 400, 'VALIDATION_FAILED', [
      'idempotencyKey',
    ]);
  });

  it.each([
    [{ amount: '0', idempotencyKey: 'k' }, ['amount']],
    [{ amount: 0, idempotencyKey: 'k' }, ['amount']],
    [{ amount: '-1', idempotencyKey: 'k' }, ['amount']],
    [{ amount: '1.005', idempotencyKey: 'k' }, ['amount']],
    [{ amount: 1.005, idempotencyKey: 'k' }, ['amount']],
    [{ amount: '10000000000000.01', idempotencyKey: 'k' }, ['amount']],
    [{ amount: '', idempotencyKey: 'k' }, ['amount']],
    [{ amount: [1], idempotencyKey: 'k' }, ['amount']],
    [{ amount: 'NaN', idempotencyKey: 'k' }, ['amount']],
    [{ amount: '0x10', idempotencyKey: 'k' }, ['amount']],
    [{ amount: '１０', idempotencyKey: 'k' }, ['amount']],
    [{ amount: '-1', idempotencyKey: 5, ownerId: 1 }, ['amount', 'idempotencyKey', 'ownerId']],
  ])('refuses %j', async (body, fields) => {
    await world.nothingHappens(async () => {
      expectProblem(await owner.api.post('/owner/deposits', body), 400, 'VALIDATION_FAILED', fields);
    });
  });
});

describe('the journal', () => {
  it('shows holds, refunds and incomes on the side of each party, newest first', async () => {
    const [provider, caller] = [await world.agent(), await world.agent(owner)];
    await world.fund(owner, '100');
    const service = await world.service(provider, { price: '10' });
    const invoke = async () =>
      dataOf<{ invocationId: number }>(
        await caller.api.post('/agent/me/service-invocations', { serviceId: service, input: { text: 'a' } }),
      ).invocationId;
    const [good, bad] = [await invoke(), await invoke()];
    dataOf(
      await provider.api.post(`/agent/me/service-invocations/${good}/submit`, {
        status: 'completed',
        output: { words: 1 },
      }),
    );
    dataOf(await provider.api.post(`/agent/me/service-invocations/${bad}/submit`, { status: 'failed', error: 'no' }));
    const rows = (await journal()).transactions;
    expect(rows.map(({ kind, amount }) => `${kind} ${amount}`)).toEqual([
      'refund 10',
      'hold -10',
      'hold -10',
      'deposit 100',
    ]);
    expect(rows[0]).toMatchObject({ invocationId: bad });
    const income = dataOf<Page>(await provider.owner.api.get('/owner/wallet/transactions'));
    expect(income.transactions).toMatchObject([{ kind: 'income', amount: '10', invocationId: good }]);
  });

  it('pages by key: every row once, also while new ones come', async () => {
    for (let n = 1; n <= 7; n++) dataOf(await deposit(n, `d${n}`));
    const seen: string[] = [];
    let page = await journal('?limit=3');
    for (;;) {
      seen.push(...page.transactions.map(({ amount }) => amount));
      if (!page.hasMore) break;
      dataOf(await deposit('0.5', `later ${seen.length}`));
      page = await journal(`?limit=3&after=${encodeURIComponent(page.nextCursor ?? '')}`);
    }
    expect(seen).toEqual(['7', '6', '5', '4', '3', '2', '1']);
  });

  it('comes as CSV when it is asked for', async () => {
    dataOf(
      await world.admin.post('/admin/deposits', {
        ownerId: owner.id,
        amount: '5',
        reference: '=1+1,"x"',
        idempotencyKey: `csv ${owner.id}`,
      }),
    );
    dataOf(await deposit('2.5'));
    const answer = await owner.api.get('/owner/wallet/transactions?limit=1').set('Accept', 'text/csv');
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toMatch(/^text\/csv/);
    const lines = answer.text.trimEnd().split('\r\n');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^id,at,kind,amount/);
    expect(lines[1]).toContain('2.5');
    const next = await owner.api
      .get(`/owner/wallet/transactions?after=${encodeURIComponent(String(answer.headers['x-next-cursor']))}`)
      .set('Accept', 'text/csv');
    // What a spreadsheet would run as a formula is kept as text.
    expect(next.text).toContain(`"'=1+1,""x"""`);
    expect(next.headers['x-next-cursor']).toBeUndefined();
  });

  it.each(['after=x', 'after=%00', 'after=MTIz', 'limit=0', 'limit=x', 'after=a&after=b'])(
    'refuses %s',
    async (query) => {
      const answer = await owner.api.get(`/owner/wallet/transactions?${query}`);
      if (query === 'after=%00') expectProblem(answer, 400, 'MALFORMED_REQUEST');
      else expectProblem(answer, 400, 'VALIDATION_FAILED', [query.split('=')[0] ?? '']);
    },
  );

  it('is nobody else’s', async () => {
    dataOf(await deposit('10'));
    const other = await world.owner();
    expect(dataOf(await other.api.get('/owner/wallet/transactions'))).toEqual({ transactions: [], hasMore: false });
  });
});

describe('in production', () => {
  it('owners cannot deposit by themselves', async () => {
    const production = await startWorld({ env: { NODE_ENV: 'production' } });
    try {
      const rich = await production.owner();
      await production.nothingHappens(async () => {
        const answer = await rich.api.post('/owner/deposits', { amount: '10', idempotencyKey: 'k' });
        expectProblem(answer, 403, 'TOP_UP_NOT_CONFIGURED');
      });
    } finally {
      await production.close();
    }
  });
});
