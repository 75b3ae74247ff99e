-- Webhooks: from the log to deliveries, and what the tries say about an endpoint.

-- Makes the deliveries of what has happened since, for agents that have endpoints: of those given or, with null, of any that are behind.
-- The cursor's row lock makes it once; its move and the deliveries are one transaction. Whoever is being served by somebody else is
-- skipped. A paused endpoint gets its deliveries when it goes on. Returns how many events were read.
create or replace function market.webhook_fan_out(p_agent_ids bigint[], p_work_types text[], p_agents integer, p_events integer) returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_read integer;
  v_now timestamptz := platform.clock();
begin
  with behind as materialized (
    select c.agent_id, c.through_seq
    from market.webhook_cursor c
    join market.agent_stream s on s.agent_id = c.agent_id
    where s.next_seq - 1 > c.through_seq and (p_agent_ids is null or c.agent_id = any (p_agent_ids))
    order by c.agent_id
    limit p_agents
    for update of c skip locked
  ),
  news as materialized (
    select e.*
    from behind b,
      lateral (
        select a.agent_id, a.seq, a.event_id, a.created_at, a.type, a.invocation_id
        from market.agent_event a
        where a.agent_id = b.agent_id and a.seq > b.through_seq
        order by a.seq
        limit p_events
      ) e
  ),
  moved as (
    update market.webhook_cursor c set through_seq = n.through_seq
    from (select agent_id, max(seq) as through_seq from news group by agent_id) n
    where c.agent_id = n.agent_id
  ),
  made as (
    insert into market.delivery (endpoint_id, agent_id, seq, event_id, event_created_at, type, invocation_id, class, run_at, expires_at, created_at)
    select w.id, n.agent_id, n.seq, n.event_id, n.created_at, n.type, n.invocation_id,
      case when i.id is null then 'info' else 'work' end, v_now, i.deadline_at, v_now
    from news n
    join market.webhook_endpoint w on w.agent_id = n.agent_id and w.deleted_at is null and w.state in ('active', 'failing', 'paused')
      and w.created_at <= n.created_at and (w.event_types is null or n.type = any (w.event_types))
      -- What became of an endpoint is told over the agent's other channels.
      and (n.type not like 'endpoint.%' or not exists (
        select from market.webhook_notice x where x.agent_id = n.agent_id and x.seq = n.seq and x.endpoint_id = w.id))
    left join market.invocation i on n.type = any (p_work_types) and i.id = n.invocation_id
    order by n.agent_id, n.seq, w.id
  )
  select count(*) into v_read from news;
  return v_read;
end
$$;

-- What the tries of a moment say about their endpoint: so many failed, whether the newest succeeded, whether somebody answered that it
-- is gone for good, and whether too many of late failed. Five failures in a row, or too many, open its breaker: for 30 s, then twice as
-- long each time, 5 minutes at most. Five in a row make it `failing`, ten over five days (or gone) `disabled`; the notice of that is an
-- event of its agent in this transaction. Returns the endpoint as it is now, and whether there is a notice; nothing when it was deleted.
create or replace function market.webhook_endpoint_tried(
  p_endpoint_id bigint,
  p_failed integer,
  p_has_succeeded boolean,
  p_is_gone boolean,
  p_has_failed_often boolean
) returns table (agent_id bigint, state text, breaker_until timestamptz, breaker_opened integer, is_noticed boolean)
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_now timestamptz := platform.clock();
  v_row market.webhook_endpoint;
  v_failures integer;
  v_first timestamptz;
  v_state text;
  v_before text;
  v_opens boolean;
begin
  select * into v_row from market.webhook_endpoint where id = p_endpoint_id and deleted_at is null for update;
  if not found then
    return;
  end if;
  v_before := v_row.state;
  v_failures := case when p_has_succeeded then 0 else v_row.consecutive_failures + p_failed end;
  v_first := case when v_failures > 0 then coalesce(v_row.first_failure_at, v_now) end;
  v_state := case
    when v_row.state not in ('active', 'failing') then v_row.state
    when p_is_gone or (v_failures >= 10 and v_first <= v_now - interval '5 days') then 'disabled'
    when v_failures >= 5 then 'failing'
    when v_failures = 0 then 'active'
    else v_row.state
  end;
  -- What was under way when it opened fails afterwards, and says nothing new.
  v_opens := not p_has_succeeded and (v_failures >= 5 or p_has_failed_often) and coalesce(v_row.breaker_until <= v_now, true);
  update market.webhook_endpoint set
    consecutive_failures = v_failures,
    first_failure_at = v_first,
    state = v_state,
    breaker_until = case when p_has_succeeded then null
      when v_opens then v_now + least(30 * 2 ^ least(v_row.breaker_opened, 10), 300) * interval '1 second'
      else v_row.breaker_until end,
    breaker_opened = case when p_has_succeeded then 0 when v_opens then v_row.breaker_opened + 1 else v_row.breaker_opened end,
    disabled_at = case when v_state = 'disabled' then coalesce(v_row.disabled_at, v_now) else v_row.disabled_at end,
    updated_at = case when v_state <> v_row.state then v_now else v_row.updated_at end
  where id = p_endpoint_id
  returning * into v_row;

  is_noticed := v_state <> v_before and v_state in ('failing', 'disabled');
  if is_noticed then
    perform market.event_append(array [v_row.agent_id], array ['endpoint.' || v_state], array [null::bigint], v_now);
    -- The number was taken under the stream's row lock, which this transaction has.
    insert into market.webhook_notice (agent_id, seq, endpoint_id, reason)
    select v_row.agent_id, s.next_seq - 1, p_endpoint_id,
      case when p_is_gone then 'gone' when v_state = 'disabled' then 'failed_for_days' else 'failed_in_a_row' end
    from market.agent_stream s
    where s.agent_id = v_row.agent_id;
  end if;
  return query select v_row.agent_id, v_row.state, v_row.breaker_until, v_row.breaker_opened, is_noticed;
end
$$;

-- Goes on with the oldest replay that nobody else has at hand, by at most so many deliveries or events; what it makes and how far it has
-- come are one transaction. Returns whether there was one.
create or replace function market.webhook_replay_step(p_work_types text[], p_limit integer) returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := platform.clock();
  v_replay market.webhook_replay;
  v_endpoint market.webhook_endpoint;
  v_looked integer;
  v_made integer := 0;
  v_position bigint;
begin
  select * into v_replay from market.webhook_replay where status = 'pending' order by id limit 1 for update skip locked;
  if not found then
    return false;
  end if;
  select * into v_endpoint from market.webhook_endpoint where id = v_replay.endpoint_id and deleted_at is null;
  if not found then
    v_looked := 0;
  elsif v_replay.kind = 'failed' then
    with old as materialized (
      select d.*
      from market.delivery d
      where d.endpoint_id = v_replay.endpoint_id and d.status = 'failed' and d.id > v_replay.position and d.id <= v_replay.through
      order by d.id
      limit p_limit
    ),
    made as (
      insert into market.delivery (endpoint_id, agent_id, seq, event_id, event_created_at, type, invocation_id, class, run_at, expires_at,
        replay_of, replay_id, created_at)
      select o.endpoint_id, o.agent_id, o.seq, o.event_id, o.event_created_at, o.type, o.invocation_id, o.class, v_now, o.expires_at,
        o.id, v_replay.id, v_now
      from old o
      order by o.id
      returning 1
    )
    select count(*), max(id), (select count(*) from made) into v_looked, v_position, v_made from old;
  else
    with news as materialized (
      select a.*
      from market.agent_event a
      where a.agent_id = v_endpoint.agent_id and a.seq > v_replay.position and a.seq <= v_replay.through
      order by a.seq
      limit p_limit
    ),
    made as (
      insert into market.delivery (endpoint_id, agent_id, seq, event_id, event_created_at, type, invocation_id, class, run_at, expires_at,
        replay_id, created_at)
      select v_endpoint.id, n.agent_id, n.seq, n.event_id, n.created_at, n.type, n.invocation_id,
        case when i.id is null then 'info' else 'work' end, v_now, i.deadline_at, v_replay.id, v_now
      from news n
      left join market.invocation i on n.type = any (p_work_types) and i.id = n.invocation_id
      where (v_endpoint.event_types is null or n.type = any (v_endpoint.event_types))
        and (n.type not like 'endpoint.%' or not exists (
          select from market.webhook_notice x where x.agent_id = n.agent_id and x.seq = n.seq and x.endpoint_id = v_endpoint.id))
      order by n.seq
      returning 1
    )
    select count(*), max(seq), (select count(*) from made) into v_looked, v_position, v_made from news;
  end if;
  update market.webhook_replay
  set position = coalesce(v_position, position), made = made + v_made,
    status = case when v_looked < p_limit then 'done' else 'pending' end,
    ended_at = case when v_looked < p_limit then v_now end
  where id = v_replay.id;
  return true;
end
$$;
