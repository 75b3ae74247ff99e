import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { Ledger } from './ledger.js';

const MARGIN_MS = 6 * 60_000;
const SEED = Date.now() % 2 ** 31;

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

it('opens every month with what a model of a random history says', async () => {
  const random = fc.sample(fc.integer({ min: 0, max: 2 ** 30 }), { numRuns: 1_600, seed: SEED });
  const next = (below: number): number => (random.pop() ?? 0) % below;
  const owners = [await ledger.owner(), await ledger.owner(), await ledger.owner()];
  const model = new Map(owners.map((owner) => [owner, { available: 0n, held: 0n }]));
  const walletOf = (owner: bigint): { available: bigint; held: bigint } => model.get(owner) ?? expect.fail('nobody');
  const ownerAt = (n: number): bigint => owners[n] ?? expect.fail('nobody');
  const deposits: { id: bigint; owner: bigint; amount: bigint }[] = [];
  const holds: { id: bigint; payer: bigint; payee: bigint; amount: bigint; feeBps: number }[] = [];
  const openedWith = new Map<string, Record<string, bigint>>();
  let current = await month();
  for (let step = 0; step < 200; step += 1) {
    await database.advanceClock(next(24 * 3_600_000));
    const today = await month();
    if (today !== current) {
      current = today;
      for (const [owner, wallet] of model) openedWith.set(`${owner} ${today}`, { ...wallet });
    }
    const [payer, payee] = [ownerAt(next(3)), ownerAt(next(3))];
    const action = next(5);
    if (action === 0) {
      const amount = BigInt(next(1_000) + 1);
      const { transferId } = await ledger.deposit(payer, amount);
      walletOf(payer).available += amount;
      deposits.push({ id: transferId ?? 0n, owner: payer, amount });
    } else if (action === 1 && deposits.length > 0) {
      const [one] = deposits.splice(next(deposits.length), 1);
      if (one === undefined) continue;
      const { verdict } = await ledger.reverse(one.id);
      expect(verdict).toBe(walletOf(one.owner).available >= one.amount ? 'done' : 'insufficient_funds');
      if (verdict === 'done') walletOf(one.owner).available -= one.amount;
    } else if (action <= 3) {
      const hold = { id: await ledger.nextHoldId(), payer, payee, amount: BigInt(next(300) + 1), feeBps: next(3_000) };
      const [verdict] = await ledger.hold([hold]);
      expect(verdict).toBe(walletOf(payer).available >= hold.amount ? 'held' : 'insufficient_funds');
      if (verdict !== 'held') continue;
      walletOf(payer).available -= hold.amount;
      walletOf(payer).held += hold.amount;
      holds.push(hold);
    } else if (holds.length > 0) {
      const [hold] = holds.splice(next(holds.length), 1);
      if (hold === undefined) continue;
      // In full, in part, or not at all.
      const wished = [hold.amount, hold.amount / 2n, 0n][next(3)] ?? 0n;
      const part = hold.payer === hold.payee ? 0n : wished;
      const outcome = wished === 0n ? 'refunded' : 'released';
      await ledger.settle([{ holdId: hold.id, outcome, part: wished, notBefore: null, notAfter: null }]);
      walletOf(hold.payer).held -= hold.amount;
      walletOf(hold.payer).available += hold.amount - part;
      walletOf(hold.payee).available += part - (part * BigInt(hold.feeBps)) / 10_000n;
    }
  }
  await database.advanceClock(MARGIN_MS);
  const months = [...new Set([...openedWith.keys()].map((key) => key.split(' ')[1] ?? ''))];
  expect(months.length, `seed ${SEED}`).toBeGreaterThan(1);
  for (const owner of owners) {
    for (const name of months) {
      expect(await open(owner, name), `seed ${SEED}`).toBe(true);
      const { rows } = await database.pool.query(
        'select available, held from ledger.month_opening where account_id = $1 and month = $2',
        [owner, name],
      );
      expect(rows, `seed ${SEED}`).toEqual([openedWith.get(`${owner} ${name}`)]);
    }
  }
  await expectInvariants(database);
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
