/** A change of the SQL that makes it wrong. */
export type Sabotage = {
  name: string;
  /** In a file of prisma/functions: every occurrence of the text is replaced. */
  changes?: { file: string; find: string; put: string }[];
  /** Statements that are run afterwards. */
  sql?: string;
};

const ESCROW = '10_escrow.sql';
const SPENDING = '11_spending.sql';
const EVENTS = '20_events.sql';
const STATEMENT = '12_statement.sql';
const OPEN = '30_invocation_open.sql';
const CLOSE = '31_invocation_close.sql';
const MARKS = '32_invocation_marks.sql';
const TALLY = '40_tally.sql';

const ONE_SETTLED_BEFORE =
  "when exists (select 1 from ledger.settlement e where e.hold_id = p_hold_ids[1]) then 'already_settled'";
const SETTLED_BEFORE =
  'and i.id <> all (array(select e.hold_id from ledger.settlement e where e.hold_id = any (p_hold_ids)))';

const change = (name: string, file: string, find: string, put = ''): Sabotage => ({
  name,
  changes: [{ file, find, put }],
});

/** Ways to lose, make or forge money. The tests of the ledger notice every one of them. */
export const sabotages: Sabotage[] = [
  {
    ...change('a hold does not look whether there is enough', ESCROW, ' and available >= p_amounts[1]'),
    sql: 'alter domain ledger.amount_or_none drop constraint amount_never_negative',
  },
  change('items of a call spend the same money twice', ESCROW, 'v_left := v_left - p_amounts[v_item];', 'null;'),
  change(
    'a refused amount counts against the next',
    ESCROW,
    `v_verdicts[v_item] := 'insufficient_funds';`,
    `v_verdicts[v_item] := 'insufficient_funds'; v_left := v_left - p_amounts[v_item];`,
  ),
  change('a single hold does not see what has arrived', ESCROW, 'perform ledger.fold(p_payer_accounts[1]);'),
  change('a call of many does not see what has arrived', ESCROW, ' + ledger.fold(v_payer.account_id)'),
  change('a fold counts twice', ESCROW, 'available = available + v_sum', 'available = available + 2 * v_sum'),
  change('a fold forgets', ESCROW, 'available = available + v_sum', 'available = available'),
  change('a second settlement raises', ESCROW, ONE_SETTLED_BEFORE),
  change('a second settlement raises when nothing is in escrow any more', ESCROW, ' and held >= v_hold.amount'),
  change('a second settlement raises in a call of many', ESCROW, SETTLED_BEFORE),
  {
    name: 'a hold settles as often as asked',
    changes: [
      { file: ESCROW, find: ONE_SETTLED_BEFORE, put: '' },
      { file: ESCROW, find: SETTLED_BEFORE, put: '' },
    ],
    sql: 'alter table ledger.settlement drop constraint hold_settles_once',
  },
  change(
    'the rest of a part payment is lost',
    ESCROW,
    'held = held - v_hold.amount, available = available + v_hold.amount - v_part',
    'held = held - v_hold.amount, available = available + case when v_part > 0 then 0 else v_hold.amount end',
  ),
  change('the fee is rounded up', ESCROW, 'floor(', 'ceil('),
  change(
    'the fee stays with the payee',
    ESCROW,
    'values (v_hold.payee_account, v_part - v_fee)',
    'values (v_hold.payee_account, v_part)',
  ),
  change('a payer pays itself', ESCROW, 'when v_hold.payee_account = v_hold.payer_account then 0', 'when false then 0'),
  change(
    'a call of many lets a payer pay itself',
    ESCROW,
    'when h.payee_account = h.payer_account then 0',
    'when false then 0',
  ),
  change('escrow ends too early', ESCROW, "when v_now < p_not_before[1] then 'too_early'"),
  change('escrow ends too late', ESCROW, "when v_now >= p_not_after[1] then 'too_late'"),
  change(
    'what is refused moves all the same',
    ESCROW,
    'held = held + v_hold.amount, available = available - v_hold.amount + v_part',
    'held = held',
  ),
  change('the instant of the deadline belongs to both', ESCROW, 'v_now >= p_not_after[1]', 'v_now > p_not_after[1]'),
  change('a deposit does not know its key', ESCROW, 'if not ledger.keep_key(', 'if false and not ledger.keep_key('),
  {
    ...change(
      'a deposit is taken back as often as asked',
      ESCROW,
      `elsif exists (select 1 from ledger.transfer t where t.reverses = p_transfer_id) then`,
      'elsif false then',
    ),
    sql: 'alter table ledger.transfer drop constraint transfer_reversed_once',
  },
  change(
    'what circulates has no limit',
    ESCROW,
    ' where c.amount + p_amount <= 1000000000000000000',
    ' where c.amount + 0 * p_amount <= 1000000000000000000',
  ),
  change(
    'a reversal leaves what circulates',
    ESCROW,
    'set amount = c.amount - v_first.amount',
    'set amount = c.amount',
  ),
  change(
    'a month is final before all have committed',
    STATEMENT,
    `v_past < interval '5 minutes' or ledger.has_transaction_older_than(v_past)`,
    "v_past < interval '0'",
  ),
  change(
    'a month forgets what was held before it',
    STATEMENT,
    'v_since := coalesce(v_before.held_since, v_from)',
    'v_since := v_from',
  ),
  change('a month holds its end', STATEMENT, 'm.at >= v_from and m.at < v_to', 'm.at >= v_from'),
  change('a reversal takes what is not there', ESCROW, ' and available >= v_first.amount'),

  change('a key does not look at the request', OPEN, 'when p_kept.fingerprint = p_fingerprint then', 'when true then'),
  change(
    'a key is not kept',
    OPEN,
    `values ('agent', p_caller_agents[1], ledger.key_hash('agent', p_keys[1]),`,
    `values ('agent', p_caller_agents[1], gen_random_uuid(),`,
  ),
  change('two of a call share a key', OPEN, 'when i.turn > 1 and k.result_id is null', 'when false'),
  change('the maximum price is not looked at', OPEN, 'p_service.price > p_max_price', 'false'),
  change('the version is not looked at', OPEN, 'when p_service.version <> p_version', 'when false'),
  change('the limit of a service is not looked at', OPEN, ' and pending < v_one.max_pending;', ';'),
  change('the limit of a caller is not looked at', OPEN, ' where l.pending < v_one.max_pending_per_caller'),
  change('a call of many overruns a service', OPEN, 'when j.pending + j.place > j.max_pending', 'when false'),
  change('a refused invoke stays in the load', OPEN, 'set pending = pending - 1', 'set pending = pending'),
  change('the fee is that of no day', OPEN, 'coalesce(f.basis_points, 0)', '0'),
  change(
    'an agent of the owner pays the owner',
    OPEN,
    'when s.owner_id = p_caller_owners[1] then 0',
    'when false then 0',
  ),
  change(
    'nobody is told of an invocation',
    OPEN,
    `perform market.event_append(v_providers, array ['invocation.invoked'], p_ids, v_now);`,
  ),

  change(
    'anybody submits',
    CLOSE,
    `when p_action in ('complete', 'fail') and p_row.provider_agent_id is distinct from p_actor_agent`,
    'when false',
  ),
  change(
    'anybody cancels',
    CLOSE,
    `when p_action = 'cancel' and p_row.caller_agent_id is distinct from p_actor_agent`,
    'when false',
  ),
  change('a cancellation comes after the acknowledgement', CLOSE, 'and p_row.acknowledged_at is not null', 'and false'),
  change(
    'a refund comes before the deadline',
    CLOSE,
    'then case when p_now >= p_row.deadline_at then',
    'then case when true then',
  ),
  change('another result counts as the same', CLOSE, 'p_row.submit_fingerprint = p_fingerprint', 'true'),
  {
    name: 'a result is paid after the deadline',
    changes: [
      { file: CLOSE, find: 'when p_now >= p_row.deadline_at then', put: 'when false then' },
      { file: CLOSE, find: `case when v_end <> 'timeout' then v_row.deadline_at end`, put: 'null::timestamptz' },
      { file: CLOSE, find: `case when v_ends[n.item] <> 'timeout' then r.deadline_at end`, put: 'null::timestamptz' },
    ],
  },
  change('a failure is paid', CLOSE, `case when v_end = 'completed' then v_row.price else 0 end`, 'v_row.price'),
  change(
    'a call of many pays failures',
    CLOSE,
    `case when v_ends[n.item] = 'completed' then r.price else 0 end`,
    'r.price',
  ),
  change('an end leaves the load', CLOSE, 'set pending = l.pending - 1', 'set pending = l.pending'),
  change(
    'the caller is told of no end',
    CLOSE,
    `perform market.event_append(array [v_row.caller_agent_id], array ['invocation.' || v_end], array [p_id], v_now);`,
    'null;',
  ),
  change('an end does not count', CLOSE, 'insert into ledger.outcome_queue (outcome_id) values (v_outcome);'),

  change('stars count double', TALLY, 'coalesce(sum(o.stars), 0)', 'coalesce(sum(2 * o.stars), 0)'),
  change('anybody reviews', MARKS, 'where id = p_id and caller_agent_id = p_caller_agent', 'where id = p_id'),
  change(
    'an acknowledgement is not noted',
    MARKS,
    'set acknowledged_at = coalesce(acknowledged_at, platform.clock())',
    'set acknowledged_at = acknowledged_at',
  ),
  change('a number of the event log is left out', EVENTS, 'set next_seq = next_seq + 1', 'set next_seq = next_seq + 2'),
  change(
    'figures forget what came before',
    TALLY,
    'set completed = t.completed + excluded.completed',
    'set completed = excluded.completed',
  ),

  change(
    'a budget is not looked at',
    SPENDING,
    'if p_amount > ledger.budget_left(p_agent, p_now) then',
    'if false then',
  ),
  change(
    'a budget counts what it has counted before its period',
    SPENDING,
    ' and t.since = ledger.budget_since(b, p_now)',
  ),
  change(
    'a budget forgets what came before',
    SPENDING,
    'then t.amount else 0 end + excluded.amount',
    'then 0 else 0 end + excluded.amount',
  ),
  change('what comes back stays spent', SPENDING, 'greatest(0, t.amount - r.amount)', 't.amount'),
  change('a call of many does not say what came back', ESCROW, 'perform ledger.spend_returned(v_returned);', 'null;'),
  change('a settlement does not say what came back', ESCROW, 'perform ledger.spend_returned(p_hold_ids);', 'null;'),
  change('what comes back of yesterday is taken off today', SPENDING, ' and o.since <= h.created_at'),
  change('what the wallet cannot pay is spent', SPENDING, 'set amount = t.amount - p_amount', 'set amount = t.amount'),
  change('nobody is asked', SPENDING, "p_now) <> '[]' then", 'p_now) is null then'),
  change('a limit is passed by one', SPENDING, 'where l.total > l.amount', 'where l.total > l.amount + 1'),
  change('a rule above an amount asks for the amount', SPENDING, 'p_amount > c.above', 'p_amount >= c.above'),
  change(
    'a provider is new for ever',
    SPENDING,
    "t.scope = 'counterparty' and t.subject = p_counterparty::text))",
    'false))',
  ),
  change('a category counts for all', SPENDING, "(l.kind <> 'category' or l.subject = p_category)", 'true'),
  change(
    'a call of many does not look at what owners allow',
    OPEN,
    'if true = any (v_is_counted) then',
    'if false then',
  ),
  change(
    'an invoke alone does not look at what owners allow',
    OPEN,
    'exists (select from ledger.spender r where r.agent_id = p_caller_agents[1]) as is_counted',
    'false as is_counted',
  ),
  { name: 'a settlement need not add up', sql: 'drop trigger settlement_adds_up on ledger.settlement' },
  { name: 'holds can be changed', sql: 'drop trigger hold_is_immutable on ledger.hold' },
  {
    name: 'a part of the settlements can be emptied',
    sql: 'drop trigger settlement_p00000_is_kept on ledger.settlement_p00000',
  },
  { name: 'the application writes credits', sql: 'grant insert on ledger.credit to c4c_app' },
  {
    name: 'the application settles what it likes',
    sql: `grant execute on function ledger.escrow_settle(bigint[], text[], bigint[], text[], timestamptz[], timestamptz[], timestamptz, bigint[], bigint[]) to c4c_app`,
  },
  {
    name: 'everybody may deposit',
    sql: 'grant execute on function ledger.deposit(bigint, bigint, text, text, text, bigint, text, bytea) to public',
  },
  change('a key that has ended opens', OPEN, `when p_key_has_ended then 'key_ended'`, ''),
  change('a key that has ended closes', CLOSE, `when p_key_has_ended then 'key_ended'`, ''),
  change('a key that was revoked has not ended', OPEN, 'p_key.revoked_at is not null', 'false'),
  change('a key that has expired has not ended', OPEN, 'p_key.expires_at <= p_now', 'false'),
  change(
    'a key opens for another agent',
    OPEN,
    'p_key.agent_id is distinct from p_agent_id or p_key.revoked_at',
    'p_key.revoked_at',
  ),
  change(
    'a call of many looks at no key when it opens',
    OPEN,
    'market.key_has_ended(i.key_id, a, i.caller_agent, v_now)',
    'false',
  ),
  change(
    'a call of many looks at no key when it closes',
    CLOSE,
    'market.key_has_ended(u.key_id, a, u.actor, v_now)',
    'false',
  ),
];
