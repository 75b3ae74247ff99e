import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { Ledger } from './ledger.js';
import { testPool } from '../support/pool.js';

const IMMUTABLE = [
  'ledger.account',
  'ledger.hold',
  'ledger.settlement',
  'ledger.transfer',
  'ledger.outcome',
  'market.service_version',
];
const RESTRICT_VIOLATION = '23001';
const INSUFFICIENT_PRIVILEGE = '42501';

let database: TestDatabase;
let ledger: Ledger;
let app: pg.Pool;
let owner: bigint;

beforeAll(async () => {
  database = await createTestDatabase();
  ledger = new Ledger(database.pool);
  app = testPool({ connectionString: database.appUrl, max: 2 });
  owner = await ledger.owner(1_000n);
  const payee = await ledger.owner();
  const [caller, provider] = [await ledger.agent(owner), await ledger.agent(payee)];
  const service = await ledger.service(provider, payee);
  const item = { id: 1n, holdId: 1n, caller, owner, service, version: 1, maxPrice: null, key: null, print: '' };
  await ledger.open([item]);
  await ledger.close([{ id: 1n, action: 'complete', actor: provider, print: 'x' }]);
});

afterAll(async () => {
  await app.end();
  await expectInvariants(database);
  await database.drop();
});

describe('what is written once', () => {
  it.each(IMMUTABLE)('stays in %s, whoever asks: no update, no delete, no truncate', async (table) => {
    const before = await ledger.contents();
    const column = await ledger.one<string>(
      'select attname from pg_attribute where attrelid = $1::regclass and attnum = 1',
      [table],
    );
    for (const statement of [
      `update ${table} set ${column} = ${column}`,
      `delete from ${table}`,
      `truncate ${table} cascade`,
    ]) {
      await expect(database.pool.query(statement), statement).rejects.toMatchObject({ code: RESTRICT_VIOLATION });
    }
    expect(await ledger.contents()).toEqual(before);
  });

  it.each(['hold', 'settlement', 'outcome'])('stays in the partitions of %s too', async (table) => {
    for (const statement of [`delete from ledger.${table}_p00000`, `truncate ledger.${table}_p00000`]) {
      await expect(database.pool.query(statement), statement).rejects.toMatchObject({ code: RESTRICT_VIOLATION });
    }
  });
});

describe('a settlement', () => {
  it.each([
    ['does not sum to its amount', 'settlement_parts_sum_to_amount', [1, 100, 90, 5, 4]],
    ['pays nobody', 'settlement_pays_somebody', [null, 100, 90, 5, 5]],
    ['takes from the payee', 'amount_never_negative', [1, 100, -1, 1, 100]],
  ])(
    'is refused when it %s, whoever writes it',
    async (_what, constraint, [payee, amount, toPayee, toFee, toPayer]) => {
      const written = database.pool.query(
        `insert into ledger.settlement (hold_id, outcome, payer_account, payee_account, amount, to_payee, to_fee, to_payer, actor, settled_at)
      values (2, 'released', 1, $1, $2, $3, $4, $5, 'provider', now())`,
        [payee, amount, toPayee, toFee, toPayer],
      );
      await expect(written).rejects.toMatchObject({ code: '23514', constraint });
    },
  );
});

describe('the role of the application', () => {
  it('writes no table of the ledger and no state of an invocation', async () => {
    const { rows } = await database.pool.query<{ name: string }>(
      `select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p') and (n.nspname = 'ledger' or (n.nspname = 'market' and c.relname ~ '^(invocation|review|agent_event)'))`,
    );
    expect(rows.length).toBeGreaterThan(20);
    for (const { name } of rows) {
      for (const right of ['insert', 'update', 'delete', 'truncate']) {
        expect(
          await ledger.one<boolean>('select has_table_privilege($1, $2, $3)', ['c4c_app', name, right]),
          `${right} ${name}`,
        ).toBe(false);
      }
    }
  });

  it.each([
    [`update ledger.wallet set available = 1000000`],
    [`insert into ledger.credit values (1, 100)`],
    [
      `insert into ledger.transfer (kind, debit, credit, amount, actor, created_at) values ('deposit', -2, 1, 100, 'me', now())`,
    ],
    [`select ledger.deposit(1, 100, '', '', 'admin', 0, 'k', '')`],
    [`select ledger.reverse_transfer(1, '', '', 'admin', 0, 'k', '')`],
    [`select ledger.escrow_hold('{}', '{}', '{}', '{}', '{}', '', '{}', '{}', '{}', '{}', now())`],
    [`select ledger.escrow_settle('{}', '{}', '{}', '{}', '{}', '{}')`],
    [`select ledger.set_fee_rate('writing', 10000)`],
    [`select market.event_append('{}', '{}', '{}', now())`],
    [`update market.invocation set status = 'completed'`],
    [`create or replace function platform.clock() returns timestamptz language sql as 'select now()'`],
    [`set role c4c_treasury`],
  ])('may not: %s', async (statement) => {
    await expect(app.query(statement)).rejects.toMatchObject({ code: INSUFFICIENT_PRIVILEGE });
  });

  it('leaves no function to everybody', async () => {
    const { rows } = await database.pool.query(
      `select p.oid::regprocedure from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      where n.nspname in ('ledger', 'market', 'platform') and has_function_privilege('public', p.oid, 'execute')`,
    );
    expect(rows).toEqual([]);
  });
});
