-- What an item may do to the invocation as it stands, by the clock of the call: the rule of every close. Inlined where it is used.
create or replace function market.closing_verdict(
  p_key_has_ended boolean,
  p_row market.invocation,
  p_action text,
  p_actor_agent bigint,
  p_fingerprint bytea,
  p_now timestamptz
) returns text
language sql
immutable
as $$
  select case
    when p_key_has_ended then 'key_ended'
    when p_row.id is null then 'not_found'
    when p_action in ('complete', 'fail') and p_row.provider_agent_id is distinct from p_actor_agent then 'not_found'
    when p_action = 'cancel' and p_row.caller_agent_id is distinct from p_actor_agent then 'not_found'
    when p_row.status <> 'pending' then
      case
        when p_action in ('complete', 'fail') and p_row.submit_fingerprint = p_fingerprint then 'replay'
        when p_action = 'cancel' and p_row.cancelled then 'replay'
        when p_action <> 'expire' and p_row.status = 'timeout' then 'deadline_passed'
        else 'already_settled'
      end
    when p_action = 'expire' then case when p_now >= p_row.deadline_at then 'closed' else 'not_due' end
    when p_now >= p_row.deadline_at then 'deadline_passed'
    when p_action = 'cancel' and p_row.acknowledged_at is not null then 'already_acknowledged'
    else 'closed'
  end
$$;

-- How an invocation with this verdict ends: completed, failed, cancelled or timeout; null where nothing changes.
create or replace function market.closing_end(p_verdict text, p_action text, p_status text) returns text
language sql
immutable
as $$
  select case
    when p_status <> 'pending' then null
    when p_verdict = 'deadline_passed' then 'timeout'
    when p_verdict = 'closed' then
      case p_action when 'complete' then 'completed' when 'fail' then 'failed' when 'cancel' then 'cancelled' else 'timeout' end
  end
$$;

-- One item of `market.invocation_close`, which is most of them: the same steps in the same order of locks, without the lists.
-- Here and there what is pending is told by `settled_at is null`, which a constraint makes the same: a condition on the status would
-- let a plan read the whole index of what is due.
create or replace function market.invocation_close_one(
  p_id bigint,
  p_action text,
  p_actor_agent bigint,
  p_output json,
  p_attachments json,
  p_error text,
  p_fingerprint bytea,
  p_key_id bigint
) returns table (item integer, verdict text, status text, settled_at timestamptz, caller_agent_id bigint, provider_agent_id bigint)
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_now timestamptz;
  v_payer bigint;
  v_row market.invocation;
  v_key market.api_key;
  v_verdict text;
  v_end text;
  v_settled text[];
  v_outcome bigint;
begin
  select i.caller_owner_id into v_payer from market.invocation i where i.id = p_id and i.settled_at is null and i.hold_id is not null;
  perform 1 from ledger.wallet w where w.account_id = v_payer for update;
  v_now := platform.clock();
  select i.* into v_row from market.invocation i where i.id = p_id for update;
  if p_key_id is not null then
    select k.* into v_key from market.api_key k where k.id = p_key_id;
  end if;
  v_verdict := market.closing_verdict(market.key_has_ended(p_key_id, v_key, p_actor_agent, v_now),
    v_row, p_action, p_actor_agent, p_fingerprint, v_now);
  v_end := market.closing_end(v_verdict, p_action, v_row.status);
  if v_end is null then
    return query select 1, v_verdict, v_row.status, v_row.settled_at, v_row.caller_agent_id, v_row.provider_agent_id;
    return;
  end if;

  if v_row.hold_id is not null then
    v_settled := ledger.escrow_settle(
      array [v_row.hold_id],
      array [case v_end when 'completed' then 'released' when 'timeout' then 'timed_out' else 'refunded' end],
      array [case when v_end = 'completed' then v_row.price else 0 end],
      array [case v_end when 'timeout' then 'deadline' when 'cancelled' then 'caller' else 'provider' end],
      array [case when v_end = 'timeout' then v_row.deadline_at end],
      array [case when v_end <> 'timeout' then v_row.deadline_at end],
      v_now);
    if v_settled[1] <> 'settled' then
      raise exception 'a pending invocation has a hold that cannot be settled: %', v_settled;
    end if;
  end if;

  update market.invocation v
  set status = case when v_end = 'cancelled' then 'failed' else v_end end,
    cancelled = v_end = 'cancelled',
    settled_at = v_now,
    output = case when v_end = 'completed' then p_output end,
    attachments = case when v_end in ('completed', 'failed') and p_attachments is not null
      then array(select json_array_elements_text(p_attachments)) end,
    error = case v_end when 'failed' then p_error when 'cancelled' then 'cancelled by the caller' end,
    submit_fingerprint = case when v_end in ('completed', 'failed') then p_fingerprint end
  where v.id = p_id and v.settled_at is null;

  -- Between agents of one owner nothing is charged and nothing counts.
  if v_row.hold_id is not null then
    insert into ledger.outcome (subject_kind, subject_id, kind, service_id, payer_owner, payer_agent, payee_owner, payee_agent,
      price, earned, promised_ms, opened_at, at)
    select 'invocation', p_id, v_end, v_row.service_id, v_row.caller_owner_id, v_row.caller_agent_id, v_row.provider_owner_id,
      v_row.provider_agent_id, v_row.price, s.to_payee, sv.avg_response_ms, v_row.created_at, v_now
    from ledger.settlement s, market.service_version sv
    where s.hold_id = v_row.hold_id and sv.service_id = v_row.service_id and sv.version = v_row.version
    returning id into strict v_outcome;
    insert into ledger.outcome_queue (outcome_id) values (v_outcome);
  end if;

  -- The service's row has caller 0, so it comes first.
  update market.service_load l set pending = l.pending - 1 where l.service_id = v_row.service_id and l.caller_agent_id = 0;
  update market.service_load l set pending = l.pending - 1
  where l.service_id = v_row.service_id and l.caller_agent_id = v_row.caller_agent_id;

  if v_end in ('timeout', 'cancelled') then
    perform market.event_append(
      array [v_row.caller_agent_id, v_row.provider_agent_id],
      array_fill(case v_end when 'timeout' then 'invocation.timeout' else 'invocation.failed' end, array [2]),
      array [p_id, p_id], v_now);
  else
    perform market.event_append(array [v_row.caller_agent_id], array ['invocation.' || v_end], array [p_id], v_now);
  end if;
  return query
  select 1, v_verdict, case when v_end = 'cancelled' then 'failed' else v_end end, v_now, v_row.caller_agent_id, v_row.provider_agent_id;
end
$$;

-- Ends invocations: submit, cancel and deadline come through here, and the guarded change of status under the payer's lock decides
-- who was first. Parallel arrays, one element an item; one row an item, in order. `action` is one of
--   complete, fail (by the provider), cancel (by the caller), expire (by the platform: actor agent null).
-- `verdict` is one of
--   closed, replay (the same submit or cancel again), key_ended (the actor's API key was revoked or has expired),
--   not_found (unknown, or not this agent's to close), already_settled,
--   deadline_passed (a late submit or cancel; if nobody had refunded it yet, this call has),
--   already_acknowledged (too late to cancel), not_due (expire before the deadline),
--   again (an earlier item of this call names the same invocation: send it alone).
-- Locks: the callers' wallets by id, then the invocations by id, then settlements, load rows, event streams by agent.
create or replace function market.invocation_close(
  p_ids bigint[],
  p_actions text[],
  p_actor_agents bigint[],
  p_outputs json[],
  p_attachments json[],
  p_errors text[],
  p_fingerprints bytea[],
  -- The API keys that the actors came with.
  p_key_ids bigint[] default null
) returns table (item integer, verdict text, status text, settled_at timestamptz, caller_agent_id bigint, provider_agent_id bigint)
language plpgsql
security definer
set search_path = ''
-- One plan for every call, on the indexes, whatever the statistics say: planning anew costs more than all the rest, and a
-- plan made while a table was small must still do when it is large.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
-- And `= any (array [x])` for `= x` wherever a list meets a table, as in `market.invocation_open`.
as $$
#variable_conflict use_column
declare
  v_now timestamptz;
  v_rows market.invocation[];
  v_verdicts text[];
  v_ends text[];
  v_items integer[];
  v_held integer[];
  v_settled text[];
begin
  if cardinality(p_ids) = 1 then
    return query select * from market.invocation_close_one(p_ids[1], p_actions[1], p_actor_agents[1], p_outputs[1], p_attachments[1],
      p_errors[1], p_fingerprints[1], p_key_ids[1]);
    return;
  end if;

  perform 1
  from ledger.wallet w
  where w.account_id = any (array(select i.caller_owner_id from market.invocation i where i.id = any (p_ids) and i.settled_at is null and i.hold_id is not null))
  order by w.account_id
  for update;
  v_now := platform.clock();
  v_rows := array(select i from market.invocation i where i.id = any (p_ids) order by i.id for update);

  -- Of two items for one pending invocation the later waits to see how the earlier ended it.
  select array_agg(i.verdict order by i.item), array_agg(market.closing_end(i.verdict, i.action, i.status) order by i.item)
  into v_verdicts, v_ends
  from (
    select j.item, j.action, j.status,
      case when j.turn > 1 and j.status = 'pending' and j.verdict not in ('not_found', 'key_ended') then 'again' else j.verdict end as verdict
    from (
      select u.item, u.action, r.status,
        market.closing_verdict(market.key_has_ended(u.key_id, a, u.actor, v_now), r, u.action, u.actor, u.fingerprint, v_now) as verdict,
        row_number() over (partition by u.id order by u.item) as turn
      from unnest(p_ids, p_actions, p_actor_agents, p_fingerprints, p_key_ids)
        with ordinality as u (id, action, actor, fingerprint, key_id, item)
      left join unnest(v_rows) as r on r.id = u.id
      left join market.api_key a on a.id = any (array [u.key_id])
    ) j
  ) i;

  select array_agg(u.item::integer order by u.item), array_agg(u.item::integer order by u.item) filter (where r.hold_id is not null)
  into v_items, v_held
  from unnest(p_ids, v_ends) with ordinality as u (id, ending, item)
  join unnest(v_rows) as r on r.id = u.id
  where u.ending is not null;

  if cardinality(v_held) > 0 then
    v_settled := (
      select ledger.escrow_settle(
        array_agg(r.hold_id order by n.o),
        array_agg(case v_ends[n.item] when 'completed' then 'released' when 'timeout' then 'timed_out' else 'refunded' end order by n.o),
        array_agg(case when v_ends[n.item] = 'completed' then r.price else 0 end order by n.o),
        array_agg(case v_ends[n.item] when 'timeout' then 'deadline' when 'cancelled' then 'caller' else 'provider' end order by n.o),
        array_agg(case when v_ends[n.item] = 'timeout' then r.deadline_at end order by n.o),
        array_agg(case when v_ends[n.item] <> 'timeout' then r.deadline_at end order by n.o),
        v_now)
      from unnest(v_held) with ordinality as n (item, o)
      join unnest(v_rows) as r on r.id = p_ids[n.item]);
    if exists (select 1 from unnest(v_settled) as s (verdict) where s.verdict <> 'settled') then
      raise exception 'a pending invocation has a hold that cannot be settled: %', v_settled;
    end if;
  end if;

  if cardinality(v_items) > 0 then
    update market.invocation v
    set status = case when v_ends[n.item] = 'cancelled' then 'failed' else v_ends[n.item] end,
      cancelled = v_ends[n.item] = 'cancelled',
      settled_at = v_now,
      output = case when v_ends[n.item] = 'completed' then p_outputs[n.item] end,
      attachments = case when v_ends[n.item] in ('completed', 'failed') and p_attachments[n.item] is not null
        then array(select json_array_elements_text(p_attachments[n.item])) end,
      error = case v_ends[n.item] when 'failed' then p_errors[n.item] when 'cancelled' then 'cancelled by the caller' end,
      submit_fingerprint = case when v_ends[n.item] in ('completed', 'failed') then p_fingerprints[n.item] end
    from unnest(v_items) as n (item)
    where v.id = any (array [p_ids[n.item]]) and v.settled_at is null;

    -- Between agents of one owner nothing is charged and nothing counts.
    if cardinality(v_held) > 0 then
      with made as (
        insert into ledger.outcome (subject_kind, subject_id, kind, service_id, payer_owner, payer_agent, payee_owner, payee_agent,
          price, earned, promised_ms, opened_at, at)
        select 'invocation', r.id, v_ends[n.item], r.service_id, r.caller_owner_id, r.caller_agent_id, r.provider_owner_id,
          r.provider_agent_id, r.price, s.to_payee, sv.avg_response_ms, r.created_at, v_now
        from unnest(v_held) as n (item)
        join unnest(v_rows) as r on r.id = p_ids[n.item]
        join ledger.settlement s on s.hold_id = any (array [r.hold_id])
        join market.service_version sv on sv.service_id = any (array [r.service_id]) and sv.version = any (array [r.version])
        returning id
      )
      insert into ledger.outcome_queue (outcome_id) select id from made;
    end if;

    perform 1
    from (
      select distinct r.service_id, c.caller_agent
      from unnest(v_items) as n (item)
      join unnest(v_rows) as r on r.id = p_ids[n.item],
        lateral (values (0::bigint), (r.caller_agent_id)) as c (caller_agent)
    ) d
    join market.service_load l on l.service_id = any (array [d.service_id]) and l.caller_agent_id = any (array [d.caller_agent])
    order by d.service_id, d.caller_agent
    for update of l;
    update market.service_load l set pending = l.pending - d.ended
    from (
      select r.service_id, c.caller_agent, count(*) as ended
      from unnest(v_items) as n (item)
      join unnest(v_rows) as r on r.id = p_ids[n.item],
        lateral (values (0::bigint), (r.caller_agent_id)) as c (caller_agent)
      group by r.service_id, c.caller_agent
    ) d
    where l.service_id = any (array [d.service_id]) and l.caller_agent_id = any (array [d.caller_agent]);

    perform market.event_append(array_agg(e.agent_id order by n.item, e.agent_id), array_agg(e.type order by n.item, e.agent_id),
      array_agg(r.id order by n.item, e.agent_id), v_now)
    from unnest(v_items) as n (item)
    join unnest(v_rows) as r on r.id = p_ids[n.item],
      lateral (
        select r.caller_agent_id as agent_id,
          case v_ends[n.item] when 'completed' then 'invocation.completed' when 'timeout' then 'invocation.timeout' else 'invocation.failed' end as type
        union all
        select r.provider_agent_id, case v_ends[n.item] when 'timeout' then 'invocation.timeout' else 'invocation.failed' end
        where v_ends[n.item] in ('timeout', 'cancelled')
      ) e;
  end if;

  return query
  select u.item::integer, u.verdict,
    case when u.ending is null then r.status when u.ending = 'cancelled' then 'failed' else u.ending end,
    case when u.ending is null then r.settled_at else v_now end,
    r.caller_agent_id, r.provider_agent_id
  from unnest(p_ids, v_verdicts, v_ends) with ordinality as u (id, verdict, ending, item)
  left join unnest(v_rows) as r on r.id = u.id
  order by u.item;
end
$$;

-- Which invocations are past their deadline, oldest first, without locking: closing them takes the locks in order. The clock is
-- read once, so that the index ends the search where the future begins.
create or replace function market.invocations_due(p_limit integer) returns setof bigint
language sql
stable
security definer
set search_path = ''
as $$
  select id from market.invocation where status = 'pending' and deadline_at <= (select platform.clock()) order by deadline_at limit p_limit
$$;
