/** Scripts of pgbench that call the ledger's functions and nothing else: who pays, who earns and how much is drawn by the script. */

/** Accounts that pay, and as many that earn. */
export const PAYERS = 256;
export const FIRST_PAYEE = PAYERS + 1;

/** Settings under which `market.invocation_open` and `market.invocation_close` call these functions. */
export const SETTINGS_OF_THE_CALLERS = { plan_cache_mode: 'force_generic_plan', enable_seqscan: 'off' };

/** A script draws ids in blocks of so many, as the product does. Give it `n` at this value to begin with. */
export const BLOCK = 1_000;

export const BATCH = 64;

const DRAW_ONE = `\\set n :n + 1
\\if :n >= ${String(BLOCK)}
select nextval('public.id_block') as block \\gset
\\set n 0
\\endif
\\set payer random(1, ${String(PAYERS)})
\\set payee case when random(1, 10) < 10 then ${String(FIRST_PAYEE)} else random(${String(FIRST_PAYEE)}, ${String(2 * PAYERS)}) end
`;

const ID = `:block::bigint * ${String(BLOCK)} + :n`;

const HOLD_ONE = `select ledger.escrow_hold(array[${ID}], array[:payer::bigint], array[:payer::bigint], array[:payee::bigint],
  array[:payee::bigint], 'invocation', array[:payer::bigint], array[100::bigint], array[250], array[now() + interval '1 hour'], now());
`;

const SETTLE_ONE = `select ledger.escrow_settle(array[${ID}], array['released'], array[100::bigint], array['provider'],
  array[null]::timestamptz[], array[now() + interval '1 hour'], null);
`;

// A key as the command line and most clients draw it, written as market.invocation_open writes it.
const INSERT_KEY = `insert into ledger.idempotency (principal_kind, principal_id, key, operation, fingerprint, result_id, created_at)
select 'agent', payer, gen_random_uuid()::text, 'invoke', sha256('x'), id, now()
`;

const KEEP_ONE = `${INSERT_KEY}from (select ${ID} as id, :payer::bigint as payer) u;
`;

const HOLD_MANY = `with drawn as materialized (
  select array_agg(platform.next_id('ledger.hold_id')) as ids, array_agg(1 + floor(random() * ${String(PAYERS)})::bigint) as payers,
    array_agg(case when random() < 0.9 then ${String(FIRST_PAYEE)} else ${String(FIRST_PAYEE)} + floor(random() * ${String(PAYERS)})::bigint end) as payees
  from generate_series(1, ${String(BATCH)})
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
