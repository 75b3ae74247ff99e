import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { Ledger } from './ledger.js';

const MARGIN_MS = 6 * 60_000;

let database: TestDatabase;
let ledger: Ledger;

beforeAll(async () => {
  database = await createTestDatabase();
  ledger = new Ledger(database.pool);
});
afterAll(() => database.drop());

const open = (account: bigint, month: string): Promise<boolean> =>
  ledger.one<boolean>('select ledger.open_month($1, $2::date)', [account, month]);
const month = (offset = 0): Promise<string> =>
  ledger.one<string>(
    `select (date_trunc('month', platform.clock() at time zone 'UTC') + $1 * interval '1 month')::date::text`,
    [offset],
  );
/** Moves the clock so many milliseconds beyond the end of the month. */
const endMonth = async (beyondMs: number): Promise<void> => {
  const left = await ledger.one<number>(
    `select (extract(epoch from date_trunc('month', platform.clock() at time zone 'UTC') + interval '1 month'
      - platform.clock() at time zone 'UTC') * 1000)::double precision`,
  );
  await database.advanceClock(Math.ceil(left) + beyondMs);
};
const openings = async (account: bigint): Promise<unknown[]> =>
  (
    await database.pool.query(
      'select available, held, held_since is not null as "isHeld" from ledger.month_opening where account_id = $1 order by month',
      [account],
    )
  ).rows;

it('writes the balance of a month once, some minutes after the one before has ended', async () => {
  const owner = await ledger.owner(100n);
  const next = await month(1);
  expect(await open(owner, next)).toBe(false);
  await endMonth(1_000);
  expect(await open(owner, next)).toBe(false);
  await database.advanceClock(MARGIN_MS);
  const answers = await Promise.all(Array.from({ length: 8 }, () => open(owner, next)));
  expect(answers).toEqual(answers.map(() => true));
  expect(await openings(owner)).toEqual([{ available: 100n, held: 0n, isHeld: false }]);
  // Not the month after next, not a day in the middle, not one whose own opening is missing, nobody who is not there.
  expect(await open(owner, await month(1))).toBe(false);
  expect(await open(owner, next.replace(/01$/, '02'))).toBe(false);
  expect(await open(owner, await month(-3))).toBe(false);
  expect(await open(-1n, next)).toBe(false);
  expect(await open(999_999n, next)).toBe(false);
});

it('counts what took its time in the month and committed after its end, and waits for a commit that takes longer still', async () => {
  const owner = await ledger.owner(100n);
  const id = await ledger.nextHoldId();
  const client = await database.pool.connect();
  const next = await month(1);
  try {
    await client.query('begin');
    await new Ledger(client).hold([{ id, payer: owner, payee: null, amount: 30n, feeBps: 0 }]);
    await endMonth(1_000);
    expect(await open(owner, next)).toBe(false);
    expect(await ledger.one<boolean>(`select ledger.has_transaction_older_than('0 seconds')`)).toBe(true);
    expect(await ledger.one<boolean>(`select ledger.has_transaction_older_than('1 hour')`)).toBe(false);
    await client.query('commit');
  } finally {
    client.release();
  }
  expect(await ledger.one<boolean>(`select ledger.has_transaction_older_than('0 seconds')`)).toBe(false);
  await database.advanceClock(MARGIN_MS);
  expect(await open(owner, next)).toBe(true);
  expect(await openings(owner)).toEqual([{ available: 70n, held: 30n, isHeld: true }]);
  await expectInvariants(database);
});

it('finds what settles months after it was held', async () => {
  const [payer, payee] = [await ledger.owner(100n), await ledger.owner()];
  const [first, second] = [await ledger.nextHoldId(), await ledger.nextHoldId()];
  const hold = (id: bigint): Promise<string[]> => ledger.hold([{ id, payer, payee, amount: 20n, feeBps: 500 }]);
  const settle = (holdId: bigint, part: bigint): Promise<string[]> =>
    ledger.settle([{ holdId, outcome: 'released', part, notBefore: null, notAfter: null }]);
  await hold(first);
  for (const act of [() => hold(second), () => settle(second, 5n), () => settle(first, 20n), () => Promise.resolve()]) {
    await endMonth(MARGIN_MS);
    for (const one of [payer, payee]) expect(await open(one, await month())).toBe(true);
    await act();
    await expectInvariants(database);
  }
  expect(await openings(payer)).toEqual([
    { available: 80n, held: 20n, isHeld: true },
    { available: 60n, held: 40n, isHeld: true },
    { available: 75n, held: 20n, isHeld: true },
    { available: 75n, held: 0n, isHeld: false },
  ]);
  expect((await openings(payee)).at(-1)).toEqual({ available: 24n, held: 0n, isHeld: false });
});

it('reads who still writes before it reads what they wrote', async () => {
  const owner = await ledger.owner();
  const client = await database.pool.connect();
  try {
    await client.query('begin isolation level repeatable read');
    await expect(client.query('select ledger.open_month($1, $2)', [owner, await month()])).rejects.toThrow(/snapshot/);
  } finally {
    await client.query('rollback');
    client.release();
  }
});

it('never changes an opening', async () => {
  const owner = await ledger.owner(1n);
  await endMonth(MARGIN_MS);
  expect(await open(owner, await month())).toBe(true);
  for (const change of ['update ledger.month_opening set available = 5', 'delete from ledger.month_opening']) {
    await expect(database.pool.query(change)).rejects.toThrow(/immutable/);
  }
  await expect(database.pool.query('truncate ledger.month_opening')).rejects.toThrow(/immutable/);
});
