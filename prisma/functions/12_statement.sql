-- Monthly statements: everything that moved in an account, and its balance at the first instant of a month.

-- Every change of an account's available and held money. `at` is when it counts; `since` is when what it belongs to began: nothing
-- that settles counts before its hold. Both bounds together keep a reading of one month inside the index of the holds by payer.
create or replace view ledger.movement as
select h.payer_account as account_id, h.created_at as since, h.created_at as at, 'hold'::text as kind, h.id, -h.amount as available,
  h.amount as held, 0::bigint as fee
from ledger.hold h
union all
select h.payer_account, h.created_at, greatest(s.settled_at, h.created_at),
  case when s.to_payee + s.to_fee > 0 then 'release' else 'refund' end, h.id, s.to_payer, -s.amount, 0
from ledger.hold h
join ledger.settlement s on s.hold_id = h.id
union all
select s.payee_account, s.settled_at, s.settled_at, 'income', s.hold_id, s.to_payee, 0, s.to_fee
from ledger.settlement s
where s.to_payee > 0
union all
select t.credit, t.created_at, t.created_at, t.kind, t.id, t.amount, 0, 0
from ledger.transfer t
where t.credit > 0
union all
select t.debit, t.created_at, t.created_at, t.kind, t.id, -t.amount, 0, 0
from ledger.transfer t
where t.debit > 0;

-- Whether a transaction of anybody has been running for longer than this.
create or replace function ledger.has_transaction_older_than(p_age interval) returns boolean
language sql
volatile
security definer
set search_path = ''
as $$
  select exists (
    select from pg_stat_activity a
    where a.datname = current_database() and a.pid <> pg_backend_pid() and a.xact_start < clock_timestamp() - p_age
  )
$$;

-- Writes an account's balance at the first instant of a month, from the one of the month before (or from nothing, when the account
-- was made in that month). True: it stands, written now or before. False: the month before is not final, or its own opening is missing.
-- Final means that nothing which counts before that instant can come any more: whoever took its time before it has committed. A
-- statement ends after 5 s, so five minutes are plenty; and a commit that hangs for longer shows as an old transaction.
create or replace function ledger.open_month(p_account bigint, p_month date) returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_from timestamptz := (p_month - interval '1 month') at time zone 'UTC';
  v_to timestamptz := p_month::timestamp at time zone 'UTC';
  v_past interval := platform.clock() - v_to;
  v_account ledger.account;
  v_before ledger.month_opening;
  v_available bigint;
  v_held bigint;
  v_since timestamptz;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'the rows are read after the look at who still writes, so not in one snapshot';
  end if;
  if exists (select from ledger.month_opening o where o.account_id = p_account and o.month = p_month) then
    return true;
  end if;
  if extract(day from p_month) <> 1 or v_past < interval '5 minutes' or ledger.has_transaction_older_than(v_past) then
    return false;
  end if;
  select * into v_before from ledger.month_opening o
  where o.account_id = p_account and o.month = (p_month - interval '1 month')::date;
  if not found then
    select * into v_account from ledger.account a where a.id = p_account and a.kind = 'wallet';
    if not found or v_account.created_at < v_from or v_account.created_at >= v_to then
      return false;
    end if;
    v_before.available := 0;
    v_before.held := 0;
  end if;
  v_since := coalesce(v_before.held_since, v_from);
  select v_before.available + coalesce(sum(m.available), 0), v_before.held + coalesce(sum(m.held), 0)
  into v_available, v_held
  from ledger.movement m
  where m.account_id = p_account and m.at >= v_from and m.at < v_to and m.since >= v_since and m.since < v_to;
  if v_held > 0 then
    select min(h.created_at) into v_since
    from ledger.hold h
    left join ledger.settlement s on s.hold_id = h.id
    where h.payer_account = p_account and h.created_at >= v_since and h.created_at < v_to and (s.settled_at is null or s.settled_at >= v_to);
  else
    v_since := null;
  end if;
  insert into ledger.month_opening (account_id, month, available, held, held_since, written_at)
  values (p_account, p_month, v_available, v_held, v_since, platform.clock())
  on conflict (account_id, month) do nothing;
  return true;
end
$$;
