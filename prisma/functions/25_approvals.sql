-- Approvals: an agent asks, its owner decides, the platform carries it out once. Lock order: the owner's wallet, where money moves,
-- before the approval's row, and event streams last. Every end of an approval is told to its agent.

-- What the agent's event says of an approval that has ended.
create or replace function market.approval_said(p_row market.approval) returns json
language sql
stable
set search_path = ''
as $$
  select jsonb_strip_nulls(jsonb_build_object(
    'approvalId', p_row.id,
    'action', p_row.action,
    'status', p_row.state,
    'amount', market.shells_text(p_row.amount),
    'summary', p_row.sentence,
    'idempotencyKey', p_row.idempotency_key,
    'reason', p_row.words,
    'resultId', p_row.result_id,
    'errorCode', p_row.problem ->> 'code'))::json
$$;

-- Tells agents of what has ended.
create or replace function market.approval_tell(p_rows market.approval[], p_now timestamptz) returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform market.notice_append(
    array(select (p_rows[n]).agent_id from generate_subscripts(p_rows, 1) n order by n),
    array_fill('approval.ended'::text, array [cardinality(p_rows)]),
    array(select market.approval_said(p_rows[n]) from generate_subscripts(p_rows, 1) n order by n),
    p_now);
end
$$;

-- Asks an owner. `verdict` is one of
--   asked, waiting (this request was asked before and is not decided or not carried out yet), denied (not long ago), key_reused (the
--   key stands for another request that waits), too_many (`p_max` of this agent wait).
create or replace function market.approval_ask(
  p_owner bigint,
  p_agent bigint,
  p_action text,
  p_request json,
  p_print bytea,
  p_key text,
  p_amount bigint,
  p_sentence text,
  p_reasons json,
  p_lives interval,
  p_max integer
) returns table (verdict text, id bigint, sentence text, expires_at timestamptz)
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_now timestamptz;
  v_last market.approval;
  v_gone market.approval[];
  v_id bigint;
begin
  -- Whatever this agent asks at the same moment waits here: duplicates, and approvals that are counted.
  perform 1 from market.agent a where a.id = p_agent for no key update;
  v_now := platform.clock();
  with gone as (
    update market.approval a set state = 'expired', ended_at = v_now
    where a.agent_id = p_agent and a.state = 'pending' and a.expires_at <= v_now
    returning a.*
  )
  select array_agg(row (g.*)::market.approval order by g.id) into v_gone from gone g;
  select a.* into v_last from market.approval a
  where a.agent_id = p_agent and a.request_print = p_print
  order by a.id desc
  limit 1;
  if v_last.state in ('pending', 'approved') then
    return query select 'waiting'::text, v_last.id, v_last.sentence, v_last.expires_at;
  elsif v_last.state = 'denied' and v_last.expires_at > v_now then
    return query select 'denied'::text, v_last.id, v_last.sentence, v_last.expires_at;
  elsif exists (
    select from market.approval a
    where a.agent_id = p_agent and a.idempotency_key = p_key and a.state in ('pending', 'approved')) then
    return query select 'key_reused'::text, null::bigint, null::text, null::timestamptz;
  elsif p_max <= (select count(*) from market.approval a where a.agent_id = p_agent and a.state = 'pending') then
    return query select 'too_many'::text, null::bigint, null::text, null::timestamptz;
  else
    v_id := platform.next_id('market.approval_id');
    insert into market.approval (id, owner_id, agent_id, action, state, request, request_print, idempotency_key, amount, sentence,
      reasons, created_at, expires_at)
    values (v_id, p_owner, p_agent, p_action, 'pending', p_request, p_print, p_key, p_amount, p_sentence, p_reasons, v_now,
      v_now + p_lives);
    return query select 'asked'::text, v_id, p_sentence, v_now + p_lives;
  end if;
  if v_gone is not null then
    perform market.approval_tell(v_gone, v_now);
  end if;
end
$$;

-- An owner decides, once and in time. `verdict`: decided, replay (the same decision again), not_found, expired, already_decided.
create or replace function market.approval_decide(
  p_owner bigint,
  p_id bigint,
  p_is_approved boolean,
  p_words text,
  p_by text
) returns table (verdict text, state text)
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_now timestamptz;
  v_row market.approval;
begin
  select a.* into v_row from market.approval a where a.id = p_id and a.owner_id = p_owner for update;
  if not found then
    return query select 'not_found'::text, null::text;
    return;
  end if;
  v_now := platform.clock();
  if v_row.state = 'pending' and v_row.expires_at <= v_now then
    update market.approval a set state = 'expired', ended_at = v_now where a.id = p_id returning * into v_row;
    perform market.approval_tell(array [v_row], v_now);
    return query select 'expired'::text, 'expired'::text;
  elsif v_row.state = 'pending' then
    update market.approval a
    set state = case when p_is_approved then 'approved' else 'denied' end, decided_at = v_now, decided_by = p_by, words = p_words,
      ended_at = case when not p_is_approved then v_now end, link_hash = null
    where a.id = p_id
    returning * into v_row;
    if not p_is_approved then
      perform market.approval_tell(array [v_row], v_now);
    end if;
    return query select 'decided'::text, case when p_is_approved then 'approved' else 'denied' end;
  elsif v_row.state = 'expired' then
    return query select 'expired'::text, v_row.state;
  else
    return query select case when (v_row.state = 'denied') = not p_is_approved then 'replay' else 'already_decided' end, v_row.state;
  end if;
end
$$;

-- Whether this approval lets its agent, which is not frozen, do this now, at most at its price. Its row stays locked until what it allows is done.
create or replace function market.approval_holds(p_id bigint, p_agent bigint, p_action text, p_amount bigint) returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform 1 from market.approval a
  where a.id = p_id and a.agent_id = p_agent and a.action = p_action and a.state = 'approved' and a.amount >= p_amount
    and not exists (select from market.agent g where g.id = p_agent and g.frozen_at is not null)
  for update;
  return found;
end
$$;

-- Uses an approval up, in the transaction that does what it allows, before that tells `p_others` anything: event streams are locked
-- by agent.
create or replace function market.approval_use(p_id bigint, p_result bigint, p_others bigint[], p_now timestamptz) returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_row market.approval;
begin
  update market.approval a set state = 'executed', result_id = p_result, ended_at = p_now
  where a.id = p_id and a.state = 'approved'
  returning * into v_row;
  if not found then
    raise exception 'approval % is used up' , p_id using errcode = 'object_not_in_prerequisite_state';
  end if;
  perform 1 from market.agent_stream t where t.agent_id = any (p_others || v_row.agent_id) order by t.agent_id for update;
  perform market.approval_tell(array [v_row], p_now);
end
$$;

-- What was approved and cannot be carried out; what may go well later waits until the approval would have expired. False: it goes on
-- waiting, or has ended already.
create or replace function market.approval_fail(p_id bigint, p_problem json, p_may_pass boolean) returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_row market.approval;
begin
  update market.approval a set state = 'failed', problem = p_problem, ended_at = platform.clock()
  where a.id = p_id and a.state = 'approved' and (not p_may_pass or a.expires_at <= platform.clock())
  returning * into v_row;
  if not found then
    return false;
  end if;
  perform market.approval_tell(array [v_row], v_row.ended_at);
  return true;
end
$$;

-- Ends what nobody decided in time, at most so many. Returns how many.
create or replace function market.approval_expire(p_limit integer) returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_gone market.approval[];
begin
  with gone as (
    update market.approval a set state = 'expired', ended_at = platform.clock()
    where a.id = any (array(
        select o.id from market.approval o
        where o.state = 'pending' and o.expires_at <= platform.clock()
        order by o.expires_at
        limit p_limit
        for update skip locked))
      and a.state = 'pending'
    returning a.*
  )
  select array_agg(row (g.*)::market.approval order by g.id) into v_gone from gone g;
  if v_gone is null then
    return 0;
  end if;
  perform market.approval_tell(v_gone, platform.clock());
  return cardinality(v_gone);
end
$$;

-- Makes a one-time link to a pending approval; the one before it opens nothing any more. False: it is not the owner's, or not pending.
create or replace function market.approval_link(p_owner bigint, p_id bigint, p_hash bytea) returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
  update market.approval a set link_hash = p_hash
  where a.id = p_id and a.owner_id = p_owner and a.state = 'pending' and a.expires_at > platform.clock();
  return found;
end
$$;
