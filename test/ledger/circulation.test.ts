import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { Ledger } from './ledger.js';

const MAX = 10n ** 15n;

let database: TestDatabase;
let ledger: Ledger;

beforeAll(async () => {
  database = await createTestDatabase();
  ledger = new Ledger(database.pool);
});

afterAll(async () => {
  await database.drop();
});

it('is never passed by deposits at the same moment', async () => {
  const owners = await Promise.all(Array.from({ length: 8 }, () => ledger.owner()));
  await database.pool.query('begin; update ledger.circulating set amount = 10^18 - 3 * 10^15; commit');
  const answers = await Promise.all(owners.map((owner) => ledger.deposit(owner, MAX)));
  expect(answers.filter(({ verdict }) => verdict === 'done')).toHaveLength(3);
  expect(answers.filter(({ verdict }) => verdict === 'too_much')).toHaveLength(5);
  // Back to what it is: the figure was only moved to the edge for this test.
  await database.pool.query('update ledger.circulating set amount = ledger.circulation()');
  for (const { transferId } of answers) if (transferId !== null) await ledger.reverse(transferId);
  expect(await ledger.one('select amount from ledger.circulating')).toBe(0n);
  await expectInvariants(database);
});

it('ends at 10^18, before any sum could leave bigint; what is taken back makes room again', async () => {
  const owner = await ledger.owner();
  let last: bigint | null = null;
  for (let n = 0; n < 1_000; n += 1) ({ transferId: last } = await ledger.deposit(owner, MAX));
  const refused = await ledger.deposit(owner, 1n, 'too much');
  expect(refused).toEqual({ verdict: 'too_much', transferId: null });
  expect((await ledger.balance(owner)).available).toBe(MAX * 1_000n);
  await ledger.fold(owner);
  expect((await ledger.reverse(last ?? 0n)).verdict).toBe('done');
  // The key of the refusal is free: nothing was done for it.
  expect((await ledger.deposit(owner, 1n, 'too much')).verdict).toBe('done');
  await expectInvariants(database);
});
