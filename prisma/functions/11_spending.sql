-- What an owner lets its agents spend. Whoever holds for an agent has its owner's wallet locked, calls `spend_take` first, and
-- `spend_give_back` when the hold then fails. What a settlement returns is taken off by `escrow_settle`.

-- When the current period of a budget, or today, began; days and weeks (from Monday) are UTC's.
create or replace function ledger.period_start(p_period text, p_now timestamptz) returns timestamptz
language sql
stable
as $$
  select date_trunc(case p_period when 'daily' then 'day' when 'weekly' then 'week' when 'monthly' then 'month' end, p_now, 'UTC')
$$;

-- Since when a budget counts now.
create or replace function ledger.budget_since(p_budget ledger.budget, p_now timestamptz) returns timestamptz
language sql
stable
as $$
  select greatest(p_budget.since, ledger.period_start(p_budget.period, p_now))
$$;

-- The category that a hold's subject counts for: an employment has none.
create or replace function ledger.category_of(p_subject_kind text, p_subject_id bigint) returns text
language sql
stable
as $$
  select case p_subject_kind
    -- Of the version that was invoked: the service may have another one since.
    when 'invocation' then (
      select v.category
      from market.invocation i
      join market.service_version v on v.service_id = i.service_id and v.version = i.version
      where i.id = p_subject_id)
    when 'task' then (select t.category from market.task t where t.id = p_subject_id)
  end
$$;

-- Why the owner is asked before its agent does this: a list, empty when nobody is asked. Each has `rule` (`always`, `above`, or a
-- limit's kind), and where there is one `limit` and `total`, what the limit is on, in hundredths.
create or replace function ledger.consent_reasons(
  p_agent bigint,
  p_action text,
  p_amount bigint,
  p_category text,
  p_counterparty bigint,
  p_now timestamptz
) returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  with today as (
    select r.agent_id, greatest(ledger.period_start('daily', p_now), r.counted_from) as since from ledger.spender r where r.agent_id = p_agent
  ), reason as (
    select 1 as place, c.consent as rule, c.above as on_amount, case c.consent when 'above' then p_amount end as total
    from ledger.consent_rule c
    where c.agent_id = p_agent and c.action = p_action and (c.consent = 'always' or (c.consent = 'above' and p_amount > c.above))
    union all
    select 2, l.kind, l.amount, l.total
    from (
      select l.kind, l.amount, p_amount + case
          when l.kind in ('transaction', 'first_time_provider') then 0
          else coalesce((
            select t.amount from ledger.spend_total t
            where t.agent_id = p_agent and t.scope = l.kind and t.since = d.since
              and t.subject = case l.kind when 'category' then l.subject when 'counterparty' then p_counterparty::text else '' end), 0)
        end as total
      from ledger.spend_limit l, today d
      -- Publishing spends nothing: limits are for what does.
      where l.agent_id = p_agent and p_action in ('invoke', 'hire', 'task')
        and (l.kind <> 'category' or l.subject = p_category)
        and (l.kind <> 'counterparty' or p_counterparty is not null)
        and (l.kind <> 'first_time_provider' or (p_counterparty is not null and not exists (
          select from ledger.spend_total t
          where t.agent_id = p_agent and t.scope = 'counterparty' and t.subject = p_counterparty::text)))
    ) l
    where l.total > l.amount
  )
  select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('rule', r.rule, 'limit', r.on_amount, 'total', r.total)) order by r.place, r.rule), '[]')
  from reason r
$$;

-- What an agent has left to spend: null where it has no budget.
create or replace function ledger.budget_left(p_agent bigint, p_now timestamptz) returns bigint
language sql
stable
security definer
set search_path = ''
as $$
  select greatest(0, b.amount - coalesce(t.amount, 0))
  from ledger.budget b
  left join ledger.spend_total t
    on t.agent_id = b.agent_id and t.scope = 'budget' and t.subject = '' and t.since = ledger.budget_since(b, p_now)
  where b.agent_id = p_agent
$$;

-- Counts what an agent is about to spend. 'taken', or why it may not: 'over_budget', 'consent_needed' (unless its owner has consented).
create or replace function ledger.spend_take(
  p_agent bigint,
  p_action text,
  p_amount bigint,
  p_category text,
  p_counterparty bigint,
  p_has_consent boolean,
  p_now timestamptz
) returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_from timestamptz;
  v_budget ledger.budget;
begin
  -- Locked, so that an agent of an owner who has no wallet's lock yet could not pass either.
  select r.counted_from into v_from from ledger.spender r where r.agent_id = p_agent for no key update;
  if not found then
    return 'taken';
  end if;
  select b.* into v_budget from ledger.budget b where b.agent_id = p_agent;
  if p_amount > ledger.budget_left(p_agent, p_now) then
    return 'over_budget';
  end if;
  if not p_has_consent and ledger.consent_reasons(p_agent, p_action, p_amount, p_category, p_counterparty, p_now) <> '[]' then
    return 'consent_needed';
  end if;
  insert into ledger.spend_total as t (agent_id, scope, subject, since, amount)
  select p_agent, n.scope, n.subject, n.since, p_amount
  from (
    values ('budget', '', ledger.budget_since(v_budget, p_now)),
      ('day', '', greatest(ledger.period_start('daily', p_now), v_from)),
      ('category', p_category, greatest(ledger.period_start('daily', p_now), v_from)),
      ('counterparty', p_counterparty::text, greatest(ledger.period_start('daily', p_now), v_from))
  ) n (scope, subject, since)
  where n.subject is not null and (n.scope <> 'budget' or v_budget.agent_id is not null)
  order by n.scope
  on conflict (agent_id, scope, subject) do update
  set since = excluded.since, amount = case when t.since = excluded.since then t.amount else 0 end + excluded.amount;
  return 'taken';
end
$$;

-- Takes back what was counted for a hold that was not made after all, in the transaction that counted it.
create or replace function ledger.spend_give_back(p_agent bigint, p_amount bigint, p_category text, p_counterparty bigint) returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  update ledger.spend_total t set amount = t.amount - p_amount
  where t.agent_id = p_agent
    and t.subject = case t.scope when 'category' then p_category when 'counterparty' then p_counterparty::text else '' end;
end
$$;

-- Takes off what settlements returned to payers, where it was counted. Called by `escrow_settle`, with the payers' wallets locked.
create or replace function ledger.spend_returned(p_hold_ids bigint[]) returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  -- Never below 0: a figure that is wrong is found by its invariant, and must not keep money from being settled.
  update ledger.spend_total t set amount = greatest(0, t.amount - r.amount)
  from (
    select n.agent_id, n.scope, n.subject, sum(s.to_payer)::bigint as amount
    from ledger.settlement s
    join ledger.hold h on h.id = s.hold_id and h.id = any (p_hold_ids)
    -- A subquery of its own, and arrays of one below: each row is looked up by its key, whatever the plan was made on.
    cross join lateral (
      select o.* from ledger.spend_total o where o.agent_id = h.payer_agent and o.since <= h.created_at offset 0
    ) n
    where s.hold_id = any (p_hold_ids) and s.to_payer > 0
      and n.subject = case n.scope
        when 'category' then ledger.category_of(h.subject_kind, h.subject_id)
        when 'counterparty' then h.payee_agent::text
        else '' end
    group by n.agent_id, n.scope, n.subject
  ) r
  where t.agent_id = any (array [r.agent_id]) and t.scope = any (array [r.scope]) and t.subject = any (array [r.subject]);
end
$$;

-- Gives an agent a budget, changes its amount, or takes it away (kind null). A budget of the same kind and period goes on with what it
-- has counted, unless it is to begin anew. False: no such agent of this owner.
create or replace function ledger.set_budget(
  p_owner bigint,
  p_agent bigint,
  p_kind text,
  p_amount bigint,
  p_period text,
  p_begins_anew boolean
) returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz;
begin
  perform 1 from ledger.wallet where account_id = p_owner for update;
  if not exists (select from market.agent a where a.id = p_agent and a.owner_id = p_owner) then
    return false;
  end if;
  v_now := platform.clock();
  update ledger.budget b set amount = p_amount
  where b.agent_id = p_agent and b.kind = p_kind and b.period is not distinct from p_period and not p_begins_anew;
  if found then
    return true;
  end if;
  delete from ledger.budget where agent_id = p_agent;
  delete from ledger.spend_total where agent_id = p_agent and scope = 'budget';
  if p_kind is null then
    perform ledger.forget_spender(p_agent);
    return true;
  end if;
  perform ledger.count_spender(p_agent, v_now);
  insert into ledger.budget (agent_id, kind, amount, period, since) values (p_agent, p_kind, p_amount, p_period, v_now);
  return true;
end
$$;

-- Replaces an agent's rules and limits as a whole. Parallel arrays. False: no such agent of this owner.
create or replace function ledger.set_policy(
  p_owner bigint,
  p_agent bigint,
  p_actions text[],
  p_consents text[],
  p_aboves bigint[],
  p_limit_kinds text[],
  p_limit_subjects text[],
  p_limit_amounts bigint[]
) returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform 1 from ledger.wallet where account_id = p_owner for update;
  if not exists (select from market.agent a where a.id = p_agent and a.owner_id = p_owner) then
    return false;
  end if;
  perform ledger.count_spender(p_agent, platform.clock());
  delete from ledger.consent_rule where agent_id = p_agent;
  delete from ledger.spend_limit where agent_id = p_agent;
  insert into ledger.consent_rule (agent_id, action, consent, above)
  select p_agent, r.action, r.consent, r.above from unnest(p_actions, p_consents, p_aboves) as r (action, consent, above);
  insert into ledger.spend_limit (agent_id, kind, subject, amount)
  select p_agent, l.kind, l.subject, l.amount
  from unnest(p_limit_kinds, p_limit_subjects, p_limit_amounts) as l (kind, subject, amount);
  perform ledger.forget_spender(p_agent);
  return true;
end
$$;

create or replace function ledger.count_spender(p_agent bigint, p_now timestamptz) returns void
language sql
set search_path = ''
as $$
  insert into ledger.spender (agent_id, counted_from) values (p_agent, p_now) on conflict (agent_id) do nothing
$$;

-- An agent without a budget, a rule or a limit is not counted: it costs nothing then.
create or replace function ledger.forget_spender(p_agent bigint) returns void
language plpgsql
set search_path = ''
as $$
begin
  if exists (select from ledger.budget where agent_id = p_agent) or exists (select from ledger.consent_rule where agent_id = p_agent)
    or exists (select from ledger.spend_limit where agent_id = p_agent) then
    return;
  end if;
  delete from ledger.spend_total where agent_id = p_agent;
  delete from ledger.spender where agent_id = p_agent;
end
$$;
