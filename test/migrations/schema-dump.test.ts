import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dumpSchema } from '../support/schema-dump.js';
import { emptyMigratedDatabase, type EmptyDatabase } from './empty-database.js';

const COMMITTED = join(import.meta.dirname, '../../prisma/schema.sql');

/** One change of each kind that a migration can make; the dump has to show every one of them. */
const CHANGES = [
  `create schema extra`,
  `create type market.mood as enum ('good')`,
  `create sequence market.extra_id`,
  `create table market.extra (id bigint)`,
  `create table ledger.hold_extra partition of ledger.hold for values from (4000000000000) to (4000000000001)`,
  `create view market.extra as select 1 as one`,
  `create index extra on market.agent (name)`,
  `create function market.extra() returns integer language sql as 'select 1'`,
  `create trigger extra before update on market.agent for each row execute function platform.refuse_change()`,
  `alter table market.agent add column extra text`,
  `alter table market.agent alter column category set not null`,
  `alter table market.agent alter column status drop default`,
  `alter table market.agent alter column name type varchar(80)`,
  `alter table market.agent add constraint extra check (name <> '')`,
  `alter domain ledger.amount drop constraint amount_in_range`,
  `alter table ledger.wallet set (fillfactor = 70)`,
  `alter sequence market.agent_id increment 2`,
  `create or replace function platform.shard() returns bigint language sql immutable parallel safe as $$ select 1::bigint $$`,
  `alter function ledger.fold(bigint) security invoker`,
  `alter function ledger.fold(bigint) reset search_path`,
  `drop trigger hold_is_immutable on ledger.hold`,
  `grant update on ledger.wallet to c4c_app`,
  `grant update (available) on ledger.wallet to c4c_app`,
  `grant execute on function ledger.deposit(bigint, bigint, text, text, text, bigint, text, bytea) to public`,
  `grant usage on schema ledger to public`,
];

describe('prisma/schema.sql', () => {
  let database: EmptyDatabase;
  beforeAll(async () => {
    database = await emptyMigratedDatabase();
  });
  afterAll(async () => {
    await database.drop();
  });

  it('is exactly what migrating an empty database gives (`npm run schema:dump` renews it)', async () => {
    await expect(await dumpSchema(database.query)).toMatchFileSnapshot(COMMITTED);
  });

  it.each(CHANGES)('would show: %s', async (change) => {
    const before = await dumpSchema(database.query);
    await database.query('begin');
    await database.query(change);
    const after = await dumpSchema(database.query);
    await database.query('rollback');
    expect(after).not.toBe(before);
  });
});
