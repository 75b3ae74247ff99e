/** Scripts of pgbench that call the ledger's functions and nothing else: who pays, who earns and how much is drawn by the script. */

/** Accounts that can pay, and as many that can earn; a script uses so many of them as its variable `people` says. */
export const ACCOUNTS = 10_000;
const FIRST_PAYEE = ACCOUNTS + 1;

/** Settings under which `market.invocation_open` and `market.invocation_close` call these functions. */
export const SETTINGS_OF_THE_CALLERS = { plan_cache_mode: 'force_generic_plan', enable_seqscan: 'off' };

/** How many life cycles a script for many makes at once. The others draw as many ids at once, as the product does. */
export const BATCH = 64;

/** Variables that the scripts begin with; no id is left yet. */
export const VARIABLES = { n: BATCH, people: ACCOUNTS };

const DRAW_ONE = `\\set n :n + 1
\\if :n >= ${String(BATCH)}
select nextval('public.id_block') as block \\gset
\\set n 0
\\endif
\\set payer random(1, :people)
\\set payee case when random(1, 10) < 10 then ${String(FIRST_PAYEE)} else random(${String(FIRST_PAYEE)}, ${String(ACCOUNTS)} + :people) end
`;

const ID = `:block::bigint * ${String(BATCH)} + :n`;

const HOLD_ONE = `select ledger.escrow_hold(array[${ID}], array[:payer::bigint], array[:payer::bigint], array[:payee::bigint],
  array[:payee::bigint], 'invocation', array[:payer::bigint], array[100::bigint], array[250], array[now() + interval '1 hour'], now());
`;

const SETTLE_ONE = `select ledger.escrow_settle(array[${ID}], array['released'], array[100::bigint], array['provider'],
  array[null]::timestamptz[], array[now() + interval '1 hour'], null);
`;

// A key as the command line and most clients draw it, written as market.invocation_open writes it.
const INSERT_KEY = `insert into ledger.idempotency (principal_kind, principal_id, key_hash, operation, fingerprint, result_id, created_at)
select 'agent', payer, ledger.key_hash('agent', gen_random_uuid()::text), 'invoke', sha256('x'), id, now()
`;

const KEEP_ONE = `${INSERT_KEY}from (select ${ID} as id, :payer::bigint as payer) u;
`;

const HOLD_MANY = `with block as materialized (
  select nextval('public.id_block') * ${String(BATCH)} as first_id
), drawn as materialized (
  select array_agg(b.first_id + n) as ids, array_agg(1 + floor(random() * :people)::bigint) as payers,
    array_agg(case when random() < 0.9 then ${String(FIRST_PAYEE)} else ${String(FIRST_PAYEE)} + floor(random() * :people)::bigint end) as payees
  from block b, generate_series(0, ${String(BATCH - 1)}) n
)
select ids, payers, ledger.escrow_hold(ids, payers, payers, payees, payees, 'invocation', ids, ${many('100::bigint')},
  ${many('250')}, ${many(`now() + interval '1 hour'`)}, now()) as held
from drawn \\gset
`;

const SETTLE_MANY = `select ledger.escrow_settle(:ids::bigint[], ${many(`'released'::text`)}, ${many('100::bigint')}, ${many(`'provider'::text`)},
  ${many('null::timestamptz')}, ${many(`now() + interval '1 hour'`)}, null);
`;

const KEEP_MANY = `${INSERT_KEY}from unnest(:ids::bigint[], :payers::bigint[]) as u (id, payer);
`;

/** One transaction. */
export const HOLD = DRAW_ONE + HOLD_ONE;

/** Two transactions. */
export const HOLD_AND_SETTLE = DRAW_ONE + HOLD_ONE + SETTLE_ONE;

/** Two transactions for 64 life cycles. */
export const HOLD_AND_SETTLE_MANY = HOLD_MANY + SETTLE_MANY;

/** Two transactions, the key beside the hold as in an invoke. */
export const LIFE_WITH_KEY = `${DRAW_ONE}begin;\n${HOLD_ONE}${KEEP_ONE}commit;\n${SETTLE_ONE}`;

/** The same for 64 life cycles. */
export const LIVES_WITH_KEYS = `begin;\n${HOLD_MANY}${KEEP_MANY}commit;\n${SETTLE_MANY}`;

function many(expression: string): string {
  return `array_fill(${expression}, array[${String(BATCH)}])`;
}
