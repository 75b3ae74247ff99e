import type pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { Ledger } from './ledger.js';
import { testPool } from '../support/pool.js';

const MAX = 10n ** 15n;
const AT_ONCE = 20;

let database: TestDatabase;
let ledger: Ledger;
/** As the API reaches the treasury: another role on a pool of its own. */
let pool: pg.Pool;
let treasury: Ledger;

beforeAll(async () => {
  database = await createTestDatabase();
  ledger = new Ledger(database.pool);
  pool = testPool({
    connectionString: database.adminUrl,
    max: 8,
    types: database.pool.options.types,
    options: '-c role=c4c_treasury',
  });
  treasury = new Ledger(pool);
});

afterEach(() => expectInvariants(database));

afterAll(async () => {
  await pool.end();
  await database.drop();
});

const atOnce = <T>(work: (n: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: AT_ONCE }, (_, n) => work(n)));

const count = (verdicts: { verdict: string }[], verdict: string): number =>
  verdicts.filter((one) => one.verdict === verdict).length;

describe('a deposit', () => {
  it('arrives once, however often its key comes, also at the same time', async () => {
    for (let round = 0; round < 10; round += 1) {
      const owner = await ledger.owner();
      const answers = await atOnce(() => treasury.deposit(owner, 50n, `same ${round}`));
      expect(count(answers, 'done')).toBe(1);
      expect(count(answers, 'replay')).toBe(AT_ONCE - 1);
      expect(new Set(answers.map(({ transferId }) => transferId)).size).toBe(1);
      expect(await ledger.balance(owner)).toEqual({ available: 50n, held: 0n });
    }
  });

  it('belongs to one of two requests that share a key', async () => {
    const owner = await ledger.owner();
    const answers = await atOnce((n) => treasury.deposit(owner, n % 2 === 0 ? 50n : 51n, 'shared'));
    expect([count(answers, 'done'), count(answers, 'replay'), count(answers, 'key_reused')]).toEqual([
      1,
      AT_ONCE / 2 - 1,
      AT_ONCE / 2,
    ]);
  });

  it('changes nothing when it is refused', async () => {
    const owner = await ledger.owner();
    await treasury.deposit(owner, 5n, 'taken');
    const before = await ledger.contents();
    expect(await treasury.deposit(owner, 6n, 'taken')).toMatchObject({ verdict: 'key_reused' });
    expect(await treasury.deposit(owner, 5n, 'taken')).toMatchObject({ verdict: 'replay' });
    for (const nobody of [-1n, -2n, -3n, MAX]) {
      expect(await treasury.deposit(nobody, 5n)).toEqual({ verdict: 'not_found', transferId: null });
    }
    for (const amount of [0n, -1n, MAX + 1n, 2n ** 53n, 2n ** 53n + 1n]) {
      await expect(treasury.deposit(owner, amount)).rejects.toMatchObject({ code: '23514' });
    }
    expect(await ledger.contents()).toEqual(before);
  });

  it('counts exactly beyond 2^53', async () => {
    const owner = await ledger.owner();
    for (let n = 0; n < 10; n += 1) await treasury.deposit(owner, MAX - 1n);
    expect(await ledger.balance(owner)).toEqual({ available: 10n * MAX - 10n, held: 0n });
  });
});

describe('a reversal', () => {
  const deposited = async (amount: bigint): Promise<{ owner: bigint; transfer: bigint }> => {
    const owner = await ledger.owner();
    const { transferId } = await treasury.deposit(owner, amount);
    return { owner, transfer: transferId ?? 0n };
  };

  it('takes a deposit back once, whether asked with one key or with many', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { owner, transfer } = await deposited(30n);
      await ledger.deposit(owner, 100n);
      const answers = await atOnce((n) => treasury.reverse(transfer, n % 2 === 0 ? `reverse ${round}` : undefined));
      expect(count(answers, 'done')).toBe(1);
      expect(count(answers, 'replay') + count(answers, 'already_reversed')).toBe(AT_ONCE - 1);
      expect(await ledger.balance(owner)).toEqual({ available: 100n, held: 0n });
    }
  });

  it('is refused, and changes nothing, for what is spent, unknown, itself a reversal or asked with another key of that name', async () => {
    const { owner, transfer } = await deposited(30n);
    const other = await deposited(30n);
    expect((await treasury.reverse(other.transfer, 'kept')).verdict).toBe('done');
    const hold = { id: await ledger.nextHoldId(), payer: owner, payee: null, amount: 1n, feeBps: 0 };
    await ledger.hold([hold]);
    const reversal = await ledger.one<bigint>('select id from ledger.transfer where reverses = $1', [other.transfer]);
    const before = await ledger.contents();
    expect((await treasury.reverse(transfer)).verdict).toBe('insufficient_funds');
    expect((await treasury.reverse(transfer, 'kept')).verdict).toBe('key_reused');
    expect((await treasury.reverse(other.transfer, 'kept')).verdict).toBe('replay');
    expect((await treasury.reverse(other.transfer)).verdict).toBe('already_reversed');
    expect((await treasury.reverse(reversal)).verdict).toBe('not_reversible');
    expect((await treasury.reverse(MAX)).verdict).toBe('not_found');
    expect(await ledger.contents()).toEqual(before);
  });

  it('and an invoke at the same time share the money, and neither makes it negative', async () => {
    for (let round = 0; round < 20; round += 1) {
      const { owner, transfer } = await deposited(30n);
      const hold = { id: await ledger.nextHoldId(), payer: owner, payee: null, amount: 30n, feeBps: 0 };
      const [held, reversed] = await Promise.all([ledger.hold([hold]), treasury.reverse(transfer)]);
      expect([...held, reversed.verdict].sort()).toEqual(
        held[0] === 'held' ? ['held', 'insufficient_funds'] : ['done', 'insufficient_funds'],
      );
    }
  });
});

describe('the role of the treasury', () => {
  it.each([
    `update ledger.wallet set available = 1`,
    `delete from ledger.credit`,
    `insert into ledger.transfer (kind, debit, credit, amount, actor, created_at) values ('deposit', -2, 1, 1, '', now())`,
    `select ledger.escrow_hold('{}', '{}', '{}', '{}', '{}', '', '{}', '{}', '{}', '{}', now())`,
    `select ledger.escrow_settle('{}', '{}', '{}', '{}', '{}', '{}')`,
    `select ledger.fold(1)`,
    `select market.tally_outcomes(1)`,
    `update market.invocation set status = 'completed'`,
  ])('may not: %s', async (statement) => {
    await expect(pool.query(statement)).rejects.toMatchObject({ code: '42501' });
  });
});
