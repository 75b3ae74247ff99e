-- The ledger's functions. Every trade uses escrow_hold and escrow_settle and no other way.
-- Lock order everywhere: wallets by account id, then unique keys, then inserts.

create or replace function ledger.open_wallet(p_owner_id bigint) returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into ledger.account (id, owner_id, kind) values (p_owner_id, p_owner_id, 'wallet');
  insert into ledger.wallet (account_id) values (p_owner_id);
end
$$;

-- Moves what has arrived for one account into its wallet. No serial id or transaction horizon is involved: the rows that are
-- deleted are the rows that are added, so a dump, a restore or a foreign transaction can neither lose nor double a credit.
create or replace function ledger.fold(p_account bigint) returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_sum bigint;
begin
  perform 1 from ledger.wallet where account_id = p_account for update;
  with gone as (
    delete from ledger.credit where account_id = p_account returning amount
  )
  select coalesce(sum(amount), 0) into v_sum from gone;
  if v_sum > 0 then
    update ledger.wallet set available = available + v_sum where account_id = p_account;
    if not found then
      raise exception 'account % has credits and no wallet', p_account;
    end if;
  end if;
  return v_sum;
end
$$;

-- The accounts with the most credit rows, for the folding job: each is then folded in a transaction of its own.
create or replace function ledger.accounts_to_fold(p_limit integer) returns setof bigint
language sql
stable
security definer
set search_path = ''
as $$
  select account_id from ledger.credit group by account_id order by count(*) desc limit p_limit
$$;

-- Takes amounts into escrow. Parallel arrays, one element an item; one verdict an item, in order:
-- 'held' or 'insufficient_funds'. An item's refusal never fails its neighbours; a refused amount does not count
-- against the items after it. Ids are drawn by the caller; a second hold with an id that exists raises 23505.
create or replace function ledger.escrow_hold(
  p_ids bigint[],
  p_payer_accounts bigint[],
  p_payer_agents bigint[],
  p_payee_accounts bigint[],
  p_payee_agents bigint[],
  p_subject_kind text,
  p_subject_ids bigint[],
  p_amounts bigint[],
  p_fee_bps integer[],
  p_give_up_at timestamptz[],
  p_now timestamptz
) returns text[]
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_verdicts text[];
  v_payer record;
  v_item integer;
  v_left bigint;
  v_is_short boolean;
begin
  if cardinality(p_ids) = 1 then
    update ledger.wallet set available = available - p_amounts[1], held = held + p_amounts[1]
    where account_id = p_payer_accounts[1] and available >= p_amounts[1];
    if not found then
      perform ledger.fold(p_payer_accounts[1]);
      update ledger.wallet set available = available - p_amounts[1], held = held + p_amounts[1]
      where account_id = p_payer_accounts[1] and available >= p_amounts[1];
      if not found then
        return array ['insufficient_funds'];
      end if;
    end if;
    insert into ledger.hold (id, payer_account, payer_agent, payee_account, payee_agent, subject_kind, subject_id,
      amount, fee_bps, give_up_at, created_at)
    values (p_ids[1], p_payer_accounts[1], p_payer_agents[1], p_payee_accounts[1], p_payee_agents[1], p_subject_kind, p_subject_ids[1],
      p_amounts[1], p_fee_bps[1], p_give_up_at[1], p_now);
    return array ['held'];
  end if;

  with locked as materialized (
    select account_id, available from ledger.wallet where account_id = any (p_payer_accounts) order by account_id for update
  )
  select coalesce(bool_or(coalesce(l.available, -1) < t.amount), false) into v_is_short
  from (
    select i.account_id, sum(i.amount) as amount from unnest(p_payer_accounts, p_amounts) as i (account_id, amount) group by i.account_id
  ) t
  left join locked l on l.account_id = t.account_id;

  v_verdicts := array_fill('held'::text, array [cardinality(p_ids)]);
  if v_is_short then
    for v_payer in
      select i.account_id, array_agg(i.item::integer order by i.item) as items, w.available
      from unnest(p_payer_accounts, p_amounts) with ordinality as i (account_id, amount, item)
      -- An array of one, here and below: a plain equality may be hashed, and the plan that is kept would read all of a table that was
      -- small when it was made.
      left join ledger.wallet w on w.account_id = any (array [i.account_id])
      group by i.account_id, w.available
      having coalesce(w.available, -1) < sum(i.amount)
      order by i.account_id
    loop
      -- A shortage is judged on the wallet plus everything that has arrived; then one by one, in order.
      v_left := v_payer.available + ledger.fold(v_payer.account_id);
      foreach v_item in array v_payer.items loop
        if coalesce(v_left >= p_amounts[v_item], false) then
          v_left := v_left - p_amounts[v_item];
        else
          v_verdicts[v_item] := 'insufficient_funds';
        end if;
      end loop;
    end loop;
  end if;

  update ledger.wallet w set available = w.available - s.amount, held = w.held + s.amount
  from (
    select i.account_id, sum(i.amount)::bigint as amount
    from unnest(p_payer_accounts, p_amounts, v_verdicts) as i (account_id, amount, verdict)
    where i.verdict = 'held'
    group by i.account_id
  ) s
  where w.account_id = any (array [s.account_id]);

  insert into ledger.hold (id, payer_account, payer_agent, payee_account, payee_agent, subject_kind, subject_id,
    amount, fee_bps, give_up_at, created_at)
  select i.id, i.payer_account, i.payer_agent, i.payee_account, i.payee_agent, p_subject_kind, i.subject_id,
    i.amount, i.fee_bps, i.give_up_at, p_now
  from unnest(p_ids, p_payer_accounts, p_payer_agents, p_payee_accounts, p_payee_agents, p_subject_ids, p_amounts,
    p_fee_bps, p_give_up_at, v_verdicts)
    as i (id, payer_account, payer_agent, payee_account, payee_agent, subject_id, amount, fee_bps, give_up_at, verdict)
  where i.verdict = 'held';
  return v_verdicts;
end
$$;

-- Before migration 0021 it had two parameters less. With both there, a call without them would not know which is meant.
drop function if exists ledger.escrow_settle(bigint[], text[], bigint[], text[], timestamptz[], timestamptz[], timestamptz);

-- Ends holds. Per item: how much of the amount goes to the payee's side (the fee is taken out of that, rounded down); the rest
-- returns to the payer. `p_not_before` and `p_not_after` are the instants of the item's timer (null: no bound), judged by
-- the database's clock after the wallets are locked. Whoever gives `p_now` has locked the payers' wallets and read the clock after that.
-- One verdict an item, in order: 'settled', 'not_found', 'already_settled', 'too_early', 'too_late'. A payee's owner who is the
-- payer gets everything back. Where a hold names no payee (a bounty is held before anybody is selected), the item names it.
create or replace function ledger.escrow_settle(
  p_hold_ids bigint[],
  p_outcomes text[],
  p_payee_parts bigint[],
  p_actors text[],
  p_not_before timestamptz[],
  p_not_after timestamptz[],
  p_now timestamptz default null,
  p_payee_accounts bigint[] default null,
  p_payee_agents bigint[] default null
) returns text[]
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_verdicts text[];
  v_hold record;
  v_part bigint;
  v_fee bigint;
  v_is_moved boolean;
  v_refusal text;
  v_returned bigint[];
begin
  if cardinality(p_hold_ids) = 1 then
    -- A hold never changes, so it is read before anything is locked.
    select h.payer_account, coalesce(h.payee_account, p_payee_accounts[1]) as payee_account,
      coalesce(h.payee_agent, p_payee_agents[1]) as payee_agent, h.amount, h.fee_bps
    into v_hold
    from ledger.hold h
    where h.id = p_hold_ids[1];
    if not found then
      return array ['not_found'];
    end if;
    v_part := case when v_hold.payee_account = v_hold.payer_account then 0 else p_payee_parts[1] end;
    v_fee := floor(v_part::numeric * v_hold.fee_bps / 10000)::bigint;
    -- The money moves first, which locks the wallet as well, and moves back when it should not have: to lock it beforehand, for what is
    -- seldom refused, would cost a fifth of the call.
    update ledger.wallet set held = held - v_hold.amount, available = available + v_hold.amount - v_part
    where account_id = v_hold.payer_account and held >= v_hold.amount;
    v_is_moved := found;
    if not v_is_moved then
      perform 1 from ledger.wallet where account_id = v_hold.payer_account for update;
    end if;
    v_now := coalesce(p_now, platform.clock());
    -- Whoever settles this hold has the same wallet locked: what is not there now does not come before this ends. An insert that
    -- minds conflicts would cost a tenth of the call more, and a record of its own in the log.
    v_refusal := case
      when v_now < p_not_before[1] then 'too_early'
      when v_now >= p_not_after[1] then 'too_late'
      when exists (select 1 from ledger.settlement e where e.hold_id = p_hold_ids[1]) then 'already_settled'
    end;
    if v_refusal is not null then
      if v_is_moved then
        update ledger.wallet set held = held + v_hold.amount, available = available - v_hold.amount + v_part
        where account_id = v_hold.payer_account;
      end if;
      return array [v_refusal];
    elsif not v_is_moved then
      raise exception 'wallet % has less in escrow than hold % took', v_hold.payer_account, p_hold_ids[1] using errcode = 'check_violation';
    end if;
    insert into ledger.settlement (hold_id, outcome, payer_account, payee_account, payee_agent, amount, to_payee, to_fee, to_payer,
      actor, settled_at)
    values (p_hold_ids[1], p_outcomes[1], v_hold.payer_account, v_hold.payee_account, v_hold.payee_agent, v_hold.amount,
      v_part - v_fee, v_fee, v_hold.amount - v_part, p_actors[1], v_now);
    if v_part > v_fee then
      insert into ledger.credit (account_id, amount) values (v_hold.payee_account, v_part - v_fee);
    end if;
    if v_part < v_hold.amount then
      perform ledger.spend_returned(p_hold_ids);
    end if;
    return array ['settled'];
  end if;

  if p_now is null then
    perform 1
    from ledger.wallet
    where account_id = any (array(select h.payer_account from ledger.hold h where h.id = any (p_hold_ids)))
    order by account_id
    for update;
  end if;
  v_now := coalesce(p_now, platform.clock());
  with item as (
    select i.item, h.id, h.payer_account, p.payee_account, coalesce(h.payee_agent, i.payee_agent) as payee_agent, h.amount, h.fee_bps,
      i.outcome, i.actor, case when p.payee_account = h.payer_account then 0 else i.payee_part end as part, t.timing,
      -- Of several items for one hold the first that is inside its timer settles it.
      row_number() over (partition by h.id, t.timing order by i.item) as turn
    from unnest(p_hold_ids, p_outcomes, p_payee_parts, p_actors, p_not_before, p_not_after, p_payee_accounts, p_payee_agents)
      with ordinality as i (hold_id, outcome, payee_part, actor, not_before, not_after, payee_account, payee_agent, item)
    -- The list once more: without it the plan that is kept reads all of a partition that was empty when it was made.
    left join ledger.hold h on h.id = i.hold_id and h.id = any (p_hold_ids),
      lateral (select case when v_now < i.not_before then 'too_early' when v_now >= i.not_after then 'too_late' else 'in_time' end as timing) t,
      lateral (select coalesce(h.payee_account, i.payee_account) as payee_account) p
  ), settled as (
    insert into ledger.settlement (hold_id, outcome, payer_account, payee_account, payee_agent, amount, to_payee, to_fee, to_payer,
      actor, settled_at)
    select i.id, i.outcome, i.payer_account, i.payee_account, i.payee_agent, i.amount,
      i.part - floor(i.part::numeric * i.fee_bps / 10000)::bigint, floor(i.part::numeric * i.fee_bps / 10000)::bigint, i.amount - i.part,
      i.actor, v_now
    from item i
    where i.id is not null and i.timing = 'in_time' and i.turn = 1
      -- Looked up once: one look-up an item would cost a sixth of the call.
      and i.id <> all (array(select e.hold_id from ledger.settlement e where e.hold_id = any (p_hold_ids)))
    returning hold_id, payer_account, payee_account, amount, to_payee, to_payer
  ), paid as (
    update ledger.wallet w set held = w.held - s.amount, available = w.available + s.to_payer
    from (
      select payer_account, sum(amount)::bigint as amount, sum(to_payer)::bigint as to_payer from settled group by payer_account
    ) s
    where w.account_id = any (array [s.payer_account])
    returning 1
  ), credited as (
    insert into ledger.credit (account_id, amount)
    select payee_account, sum(to_payee)::bigint from settled where to_payee > 0 group by payee_account
    returning 1
  )
  select array_agg(
    case
      when i.id is null then 'not_found'
      when i.timing <> 'in_time' then i.timing
      when i.turn = 1 and s.hold_id is not null then 'settled'
      else 'already_settled'
    end order by i.item),
    array_agg(s.hold_id) filter (where s.to_payer > 0)
  into v_verdicts, v_returned
  from item i
  left join settled s on s.hold_id = i.id and i.turn = 1;
  if v_returned is not null then
    perform ledger.spend_returned(v_returned);
  end if;
  return v_verdicts;
end
$$;

-- Remembers which result a key bought. False: the key is taken (its row tells by what). Waits for a transaction that is
-- writing the same key.
create or replace function ledger.keep_key(
  p_principal_kind text,
  p_principal_id bigint,
  p_key text,
  p_operation text,
  p_fingerprint bytea,
  p_result_id bigint,
  p_now timestamptz
) returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into ledger.idempotency (principal_kind, principal_id, key_hash, operation, fingerprint, result_id, created_at)
  values (p_principal_kind, p_principal_id, ledger.key_hash(p_principal_kind, p_key), p_operation, p_fingerprint, p_result_id, p_now)
  on conflict (principal_id, key_hash) do nothing;
  return found;
end
$$;

-- What is in circulation, summed: all that was deposited less what was taken back. `ledger.circulating` holds the same figure at
-- every commit and keeps it below 10^18, so that no sum of balances can leave bigint (9.2 x 10^18), whoever pays whom.
create or replace function ledger.circulation() returns numeric
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce((select sum(amount) from ledger.transfer where debit = -2), 0)
    - coalesce((select sum(amount) from ledger.transfer where credit = -2), 0)
$$;

-- Money from outside. Verdicts: 'done', 'replay' (the first transfer's id), 'key_reused', 'not_found', 'too_much' (the market
-- would hold more than 10^18 in all).
create or replace function ledger.deposit(
  p_owner_id bigint,
  p_amount bigint,
  p_reference text,
  p_actor text,
  p_principal_kind text,
  p_principal_id bigint,
  p_key text,
  p_fingerprint bytea
) returns table (verdict text, transfer_id bigint)
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := platform.clock();
  v_id bigint := platform.next_id('ledger.transfer_id');
  v_kept ledger.idempotency;
begin
  if not exists (select 1 from ledger.account a where a.id = p_owner_id and a.kind = 'wallet') then
    return query select 'not_found'::text, null::bigint;
    return;
  end if;
  if not ledger.keep_key(p_principal_kind, p_principal_id, p_key, 'deposit', p_fingerprint, v_id, v_now) then
    select * into strict v_kept from ledger.idempotency i
    where i.principal_id = p_principal_id and i.key_hash = ledger.key_hash(p_principal_kind, p_key);
    return query select case when v_kept.fingerprint = p_fingerprint then 'replay' else 'key_reused' end, v_kept.result_id;
    return;
  end if;
  -- Deposits wait for each other here, after wallets and keys and before inserts, as reversals do.
  update ledger.circulating c set amount = c.amount + p_amount where c.amount + p_amount <= 1000000000000000000;
  if not found then
    -- The key that was just kept goes with this refusal: nothing was done for it.
    delete from ledger.idempotency i
    where i.principal_id = p_principal_id and i.key_hash = ledger.key_hash(p_principal_kind, p_key);
    return query select 'too_much'::text, null::bigint;
    return;
  end if;
  insert into ledger.transfer (id, kind, debit, credit, amount, reference, actor, created_at)
  values (v_id, 'deposit', -2, p_owner_id, p_amount, p_reference, p_actor, v_now);
  insert into ledger.credit (account_id, amount) values (p_owner_id, p_amount);
  return query select 'done'::text, v_id;
end
$$;

-- Takes a deposit back. Verdicts: 'done', 'replay', 'key_reused', 'not_found', 'not_reversible', 'already_reversed',
-- 'insufficient_funds'.
create or replace function ledger.reverse_transfer(
  p_transfer_id bigint,
  p_reason text,
  p_actor text,
  p_principal_kind text,
  p_principal_id bigint,
  p_key text,
  p_fingerprint bytea
) returns table (verdict text, transfer_id bigint)
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_id bigint := platform.next_id('ledger.transfer_id');
  v_first ledger.transfer;
  v_kept ledger.idempotency;
begin
  select * into v_first from ledger.transfer t where t.id = p_transfer_id;
  if found then
    -- The wallet's lock puts two reversals of one transfer, and two requests with one key, one after the other.
    perform 1 from ledger.wallet where account_id = v_first.credit for update;
  end if;
  v_now := platform.clock();
  select * into v_kept from ledger.idempotency i
  where i.principal_id = p_principal_id and i.key_hash = ledger.key_hash(p_principal_kind, p_key);
  if found then
    return query select case when v_kept.fingerprint = p_fingerprint then 'replay' else 'key_reused' end, v_kept.result_id;
    return;
  end if;
  if v_first.id is null then
    return query select 'not_found'::text, null::bigint;
    return;
  elsif v_first.kind <> 'deposit' then
    return query select 'not_reversible'::text, null::bigint;
    return;
  elsif exists (select 1 from ledger.transfer t where t.reverses = p_transfer_id) then
    return query select 'already_reversed'::text, null::bigint;
    return;
  end if;
  update ledger.wallet set available = available - v_first.amount
  where account_id = v_first.credit and available >= v_first.amount;
  if not found then
    perform ledger.fold(v_first.credit);
    update ledger.wallet set available = available - v_first.amount
    where account_id = v_first.credit and available >= v_first.amount;
    if not found then
      return query select 'insufficient_funds'::text, null::bigint;
      return;
    end if;
  end if;
  -- Another request with this key for another transfer is not held back by the wallet: its insert wins or this one raises.
  insert into ledger.idempotency (principal_kind, principal_id, key_hash, operation, fingerprint, result_id, created_at)
  values (p_principal_kind, p_principal_id, ledger.key_hash(p_principal_kind, p_key), 'reversal', p_fingerprint, v_id, v_now);
  update ledger.circulating c set amount = c.amount - v_first.amount;
  insert into ledger.transfer (id, kind, debit, credit, amount, reverses, memo, actor, created_at)
  values (v_id, 'reversal', v_first.credit, v_first.debit, v_first.amount, v_first.id, p_reason, p_actor, v_now);
  return query select 'done'::text, v_id;
end
$$;

-- The functions before these kept no figure; so it is made from the rows whenever functions are installed. Whoever deposits
-- meanwhile waits, and a function that began before this and would not count is refused by the transfer's trigger.
lock table ledger.circulating in exclusive mode;
lock table ledger.transfer in share row exclusive mode;
update ledger.circulating c set amount = ledger.circulation() where c.amount <> ledger.circulation();

create or replace function ledger.set_fee_rate(p_category text, p_basis_points integer) returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into ledger.fee_rate (category, basis_points, updated_at) values (p_category, p_basis_points, platform.clock())
  on conflict (category) do update set basis_points = excluded.basis_points, updated_at = excluded.updated_at;
end
$$;

-- What an owner can spend and what waits in escrow, exact in one snapshot: the wallet and the credits not folded yet.
create or replace view ledger.balance as
select w.account_id,
  w.available + coalesce((select sum(c.amount) from ledger.credit c where c.account_id = w.account_id), 0)::bigint as available,
  w.held
from ledger.wallet w;

-- Every movement of an owner's available money; their sum is the available balance.
create or replace view ledger.entry as
select h.payer_account as account_id, h.created_at as at, 'hold' as kind, h.id, -h.amount as amount, 0::bigint as fee,
  h.subject_kind, h.subject_id, null::text as reference, null::text as memo
from ledger.hold h
union all
select s.payer_account, s.settled_at, 'refund', s.hold_id, s.to_payer, 0, h.subject_kind, h.subject_id, null, null
from ledger.settlement s
join ledger.hold h on h.id = s.hold_id
where s.to_payer > 0
union all
select s.payee_account, s.settled_at, 'income', s.hold_id, s.to_payee, s.to_fee, h.subject_kind, h.subject_id, null, null
from ledger.settlement s
join ledger.hold h on h.id = s.hold_id
where s.to_payee > 0
union all
select t.credit, t.created_at, t.kind, t.id, t.amount, 0, null, null, t.reference, t.memo
from ledger.transfer t
where t.credit > 0
union all
select t.debit, t.created_at, t.kind, t.id, -t.amount, 0, null, null, t.reference, t.memo
from ledger.transfer t
where t.debit > 0;
