-- Ends invocations: submit, cancel and deadline come through here, and the guarded change of status under the payer's lock decides
-- who was first. Parallel arrays, one element an item; one row an item, in order. `action` is one of
--   complete, fail (by the provider), cancel (by the caller), expire (by the platform: actor agent null).
-- `verdict` is one of
--   closed, replay (the same submit or cancel again), not_found (unknown, or not this agent's to close), already_settled,
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
  p_fingerprints bytea[]
) returns table (item integer, verdict text, status text, settled_at timestamptz, caller_agent_id bigint, provider_agent_id bigint)
language plpgsql
security definer
set search_path = ''
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
  perform 1
  from ledger.wallet w
  where w.account_id = any (array(select i.caller_owner_id from market.invocation i where i.id = any (p_ids) and i.status = 'pending' and i.hold_id is not null))
  order by w.account_id
  for update;
  v_now := platform.clock();
  v_rows := array(select i from market.invocation i where i.id = any (p_ids) order by i.id for update);

  -- How each item ends, if it does: completed, failed, cancelled or timeout; null where nothing changes.
  select
    array_agg(
      case
        when i.id is null then 'not_found'
        when i.action in ('complete', 'fail') and i.provider_agent_id is distinct from i.actor then 'not_found'
        when i.action = 'cancel' and i.caller_agent_id is distinct from i.actor then 'not_found'
        when i.status <> 'pending' then
          case
            when i.action in ('complete', 'fail') and i.submit_fingerprint = i.fingerprint then 'replay'
            when i.action = 'cancel' and i.cancelled then 'replay'
            when i.action <> 'expire' and i.status = 'timeout' then 'deadline_passed'
            else 'already_settled'
          end
        when i.turn > 1 then 'again'
        when i.action = 'expire' then case when v_now >= i.deadline_at then 'closed' else 'not_due' end
        when v_now >= i.deadline_at then 'deadline_passed'
        when i.action = 'cancel' and i.acknowledged_at is not null then 'already_acknowledged'
        else 'closed'
      end order by i.item),
    array_agg(
      case
        when i.id is null or i.status <> 'pending' or i.turn > 1 then null
        when v_now >= i.deadline_at and (i.action = 'expire' or i.actor in (i.caller_agent_id, i.provider_agent_id)) then 'timeout'
        when i.action = 'complete' and i.actor = i.provider_agent_id and v_now < i.deadline_at then 'completed'
        when i.action = 'fail' and i.actor = i.provider_agent_id and v_now < i.deadline_at then 'failed'
        when i.action = 'cancel' and i.actor = i.caller_agent_id and i.acknowledged_at is null and v_now < i.deadline_at then 'cancelled'
      end order by i.item)
  into v_verdicts, v_ends
  from (
    select u.item, u.action, u.actor, u.fingerprint, r.id, r.status, r.deadline_at, r.acknowledged_at, r.cancelled, r.submit_fingerprint,
      r.caller_agent_id, r.provider_agent_id, row_number() over (partition by u.id order by u.item) as turn
    from unnest(p_ids, p_actions, p_actor_agents, p_fingerprints) with ordinality as u (id, action, actor, fingerprint, item)
    left join unnest(v_rows) as r on r.id = u.id
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
    where v.id = p_ids[n.item] and v.status = 'pending';

    -- Between agents of one owner nothing is charged and nothing counts.
    if cardinality(v_held) > 0 then
      with made as (
        insert into ledger.outcome (subject_kind, subject_id, kind, service_id, payer_owner, payer_agent, payee_owner, payee_agent,
          price, earned, promised_ms, opened_at, at)
        select 'invocation', r.id, v_ends[n.item], r.service_id, r.caller_owner_id, r.caller_agent_id, r.provider_owner_id,
          r.provider_agent_id, r.price, s.to_payee, sv.avg_response_ms, r.created_at, v_now
        from unnest(v_held) as n (item)
        join unnest(v_rows) as r on r.id = p_ids[n.item]
        join ledger.settlement s on s.hold_id = r.hold_id
        join market.service_version sv on sv.service_id = r.service_id and sv.version = r.version
        returning id
      )
      insert into ledger.outcome_queue (outcome_id) select id from made;
    end if;

    perform 1
    from market.service_load l
    where (l.service_id, l.caller_agent_id) in (
      select r.service_id, c.caller_agent
      from unnest(v_items) as n (item)
      join unnest(v_rows) as r on r.id = p_ids[n.item],
        lateral (values (0::bigint), (r.caller_agent_id)) as c (caller_agent))
    order by l.service_id, l.caller_agent_id
    for update;
    update market.service_load l set pending = l.pending - d.ended
    from (
      select r.service_id, c.caller_agent, count(*) as ended
      from unnest(v_items) as n (item)
      join unnest(v_rows) as r on r.id = p_ids[n.item],
        lateral (values (0::bigint), (r.caller_agent_id)) as c (caller_agent)
      group by r.service_id, c.caller_agent
    ) d
    where l.service_id = d.service_id and l.caller_agent_id = d.caller_agent;

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

-- Which invocations are past their deadline, oldest first, without locking: closing them takes the locks in order.
create or replace function market.invocations_due(p_limit integer) returns setof bigint
language sql
stable
security definer
set search_path = ''
as $$
  select id from market.invocation where status = 'pending' and deadline_at <= platform.clock() order by deadline_at limit p_limit
$$;
