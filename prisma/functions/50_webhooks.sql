-- Webhooks: from the log to deliveries, and what the tries say about an endpoint.

-- Makes the deliveries of what has happened since for these agents, so many events of each. The cursor's row lock makes it once; its
-- move and the deliveries are one transaction. Whoever is being served by somebody else is skipped. A paused endpoint gets its deliveries
-- when it goes on, one with another address when that is verified; work of an agent whose socket answers is due after the socket's turn.
-- What may be tried at once is claimed as it is made, for who calls: `p_room` in all, `p_each` of one endpoint. The claim is like that of
-- a due delivery and has its first try; its lease is what a try may take at most (of work half of the time that is left) and a time to
-- write it down. What is superseded, or has an endpoint that is paused or failing, is left to those who look for what is due.
-- Returns first how many events of how many agents were read, how many deliveries were made, in how many milliseconds the next one of
-- them that was not claimed is due (null: none), and who has more events; and then a row for each delivery that was claimed.
create or replace function market.webhook_fan_out_v3(
  p_agent_ids bigint[],
  p_work_types text[],
  p_events integer,
  p_claim_id uuid,
  p_room integer,
  p_each integer,
  p_work_try_ms integer,
  p_info_try_ms integer,
  p_lease_after_ms integer
) returns table (
  read integer, agents integer, made integer, next_ms double precision, unread bigint[],
  id bigint, endpoint_id bigint, agent_id bigint, seq bigint, event_id uuid, event_created_at timestamptz, type text, invocation_id bigint,
  class text, expires_at timestamptz, left_ms double precision, url text, rate_per_second integer, has_failed boolean
)
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_now timestamptz := platform.clock();
begin
  -- What the server loses with its last instant is made from the log once more.
  perform set_config('synchronous_commit', 'off', true);
  return query
  with behind as materialized (
    select c.agent_id, c.through_seq, s.next_seq - 1 as head, (
        select bool_or(p.state = 'acknowledging')
        from market.agent_presence p
        join market.gateway_node g on g.node = p.node
        where p.agent_id = c.agent_id and p.state <> 'silent' and not market.node_is_gone(g.seen_at, v_now)
      ) as acknowledges
    from market.webhook_cursor c
    join market.agent_stream s on s.agent_id = c.agent_id
    where c.agent_id = any (p_agent_ids) and s.next_seq - 1 > c.through_seq
    order by c.agent_id
    for update of c skip locked
  ),
  news as materialized (
    select e.*, b.acknowledges, b.head
    from behind b,
      lateral (
        select a.agent_id, a.seq, a.event_id, a.created_at, a.type, a.invocation_id
        from market.agent_event a
        where a.agent_id = b.agent_id and a.seq > b.through_seq
        order by a.seq
        limit p_events
      ) e
  ),
  readers as materialized (
    select n.agent_id, max(n.seq) as through_seq, max(n.head) as head from news n group by n.agent_id
  ),
  moved as (
    update market.webhook_cursor c set through_seq = r.through_seq
    from readers r
    where c.agent_id = r.agent_id
  ),
  wanted as (
    select w.id as endpoint_id, n.agent_id, n.seq, n.event_id, n.created_at, n.type, n.invocation_id,
      case when i.id is null then 'info' else 'work' end as class, i.deadline_at,
      greatest(v_now, n.created_at + market.socket_turn(i.deadline_at - n.created_at, n.acknowledges)) as run_at,
      w.url, w.rate_per_second, w.consecutive_failures > 0 as has_failed,
      w.state = 'active' and w.breaker_opened = 0 and coalesce(w.breaker_until <= v_now, true)
        and (i.id is null or i.status = 'pending' and i.deadline_at > v_now
          and (i.acknowledged_at is null or i.hand_over_channel = 'webhook')) as is_ready
    from news n
    join market.webhook_endpoint w on w.agent_id = n.agent_id and w.deleted_at is null
      and (w.state in ('active', 'failing', 'paused') or (w.state = 'unverified' and w.verified_at is not null))
      and w.created_at <= n.created_at and (w.event_types is null or n.type = any (w.event_types))
      -- What became of an endpoint is told over the agent's other channels.
      and (n.type not like 'endpoint.%' or not exists (
        select from market.webhook_notice x where x.agent_id = n.agent_id and x.seq = n.seq and x.endpoint_id = w.id))
    left join market.invocation i on n.type = any (p_work_types) and i.id = n.invocation_id
    order by n.agent_id, n.seq, w.id
  ),
  ranked as (
    select w.*, platform.next_id('market.delivery_id') as id, w.is_ready and w.run_at <= v_now as is_due,
      row_number() over (partition by w.endpoint_id, w.is_ready and w.run_at <= v_now order by w.seq) as nth
    from wanted w
  ),
  planned as materialized (
    select r.*, r.is_due and r.nth <= p_each and row_number() over (partition by r.is_due order by r.nth, r.endpoint_id) <= p_room as is_claimed,
      extract(epoch from r.deadline_at - v_now) * 1000 as left_ms
    from ranked r
  ),
  made as (
    insert into market.delivery (id, endpoint_id, agent_id, seq, event_id, event_created_at, type, invocation_id, class, expires_at, created_at,
      claim_id, attempt, run_at)
    select p.id, p.endpoint_id, p.agent_id, p.seq, p.event_id, p.created_at, p.type, p.invocation_id, p.class, p.deadline_at, v_now,
      case when p.is_claimed then p_claim_id end,
      case when p.is_claimed then 1 else 0 end,
      case when p.is_claimed
        then v_now + interval '1 millisecond'
          * (p_lease_after_ms + case p.class when 'work' then least(p_work_try_ms, p.left_ms / 2) else p_info_try_ms end)
        else p.run_at end
    from planned p
  ),
  sums as (
    select (select count(*)::integer from news) as read,
      (select count(*)::integer from readers) as agents,
      (select count(*)::integer from planned) as made,
      (select extract(epoch from min(p.run_at) - v_now)::double precision * 1000 from planned p where not p.is_claimed) as next_ms,
      (select coalesce(array_agg(r.agent_id), '{}') from readers r where r.head > r.through_seq) as unread
  )
  select s.*, null::bigint, null::bigint, null::bigint, null::bigint, null::uuid, null::timestamptz, null::text, null::bigint, null::text,
    null::timestamptz, null::double precision, null::text, null::integer, null::boolean
  from sums s
  union all
  select null, null, null, null, null, p.id, p.endpoint_id, p.agent_id, p.seq, p.event_id, p.created_at, p.type, p.invocation_id, p.class,
    p.deadline_at, p.left_ms::double precision, p.url, p.rate_per_second, p.has_failed
  from planned p
  where p.is_claimed;
end
$$;

-- The agents with endpoints and an id above this one that have events nobody made deliveries of yet, so many at most.
create or replace function market.webhook_behind(p_after bigint, p_limit integer) returns setof bigint
language sql
stable
set search_path = ''
as $$
  select c.agent_id
  from market.webhook_cursor c
  join market.agent_stream s on s.agent_id = c.agent_id
  where c.agent_id > p_after and s.next_seq - 1 > c.through_seq
  order by c.agent_id
  limit p_limit
$$;

-- As the version before calls it: it claims what it has made in a second step.
create or replace function market.webhook_fan_out_v2(p_agent_ids bigint[], p_work_types text[], p_agents integer, p_events integer)
returns table (read integer, made integer, next_ms double precision)
language sql
set search_path = ''
as $$
  -- With no room nothing is claimed, so there is one row.
  select f.read, f.made, case when f.read = 0 then (
      select extract(epoch from d.run_at - platform.clock())::double precision * 1000
      from market.delivery d where d.status = 'pending' order by d.run_at limit 1
    ) end
  from market.webhook_fan_out_v3(
    (select array_agg(a.id) from (
      select b.id from market.webhook_behind(0, case when p_agent_ids is null then p_agents else 1000000 end) b (id)
      where p_agent_ids is null or b.id = any (p_agent_ids) order by b.id limit p_agents) a),
    p_work_types, p_events, null, 0, 0, 0, 0, 0) f
$$;

-- As the version before calls it.
create or replace function market.webhook_fan_out(p_agent_ids bigint[], p_work_types text[], p_agents integer, p_events integer) returns integer
language sql
set search_path = ''
as $$
  select f.read from market.webhook_fan_out_v2(p_agent_ids, p_work_types, p_agents, p_events) f
$$;

-- Writes down what tries came to, each while its claim holds: the delivery's end or its next try, and the try itself. `p_bodies` has the
-- bytes of those that are tried again. Whoever has lost a claim finds it out by what is returned: the ids of those that were written.
create or replace function market.webhook_tried(
  p_ids bigint[],
  p_claim_ids uuid[],
  p_statuses text[],
  p_in_ms double precision[],
  p_bodies bytea[],
  p_ago_ms double precision[],
  p_status_codes smallint[],
  p_reasons text[],
  p_details text[],
  p_dns_ms real[],
  p_connect_ms real[],
  p_tls_ms real[],
  p_first_byte_ms real[],
  p_total_ms real[],
  p_responses text[]
) returns setof bigint
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_now timestamptz := platform.clock();
begin
  -- What the server loses with its last instant is tried twice rather than never.
  perform set_config('synchronous_commit', 'off', true);
  return query
  with tried as materialized (
    select *
    from unnest(p_ids, p_claim_ids, p_statuses, p_in_ms, p_bodies, p_ago_ms, p_status_codes, p_reasons, p_details, p_dns_ms, p_connect_ms,
      p_tls_ms, p_first_byte_ms, p_total_ms, p_responses)
      as t (id, claim_id, status, in_ms, body, ago_ms, status_code, reason, detail, dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms, response)
  ),
  mine as (
    update market.delivery d set
      status = t.status,
      claim_id = null,
      run_at = v_now + coalesce(t.in_ms, 0) * interval '1 millisecond',
      body = case when t.status = 'pending' then coalesce(t.body, d.body) end,
      ended_at = case when t.status <> 'pending' then v_now end
    from tried t
    where d.id = t.id and d.claim_id = t.claim_id and d.status = 'pending'
    returning d.id, d.attempt, t.ago_ms, t.status_code, t.reason, t.detail, t.dns_ms, t.connect_ms, t.tls_ms, t.first_byte_ms, t.total_ms, t.response
  )
  insert into market.delivery_attempt (delivery_id, attempt, at, status_code, reason, detail, dns_ms, connect_ms, tls_ms, first_byte_ms,
    total_ms, response)
  select m.id, m.attempt, v_now - m.ago_ms * interval '1 millisecond', m.status_code, m.reason, m.detail, m.dns_ms, m.connect_ms, m.tls_ms,
    m.first_byte_ms, m.total_ms, m.response
  from mine m
  returning delivery_id;
end
$$;

-- Takes tries from endpoints' rates, for all workers together: of each endpoint so many of the wanted ones as it has to give now. One
-- has one try to give every so many milliseconds, and after a pause at most so many at once. Those that get none are given turns, one
-- after the other: `turn_ms` is when the first of them comes, half a minute ahead at most. What nobody sends after all is lost to the rate.
create or replace function market.webhook_pace_take(
  p_endpoint_ids bigint[],
  p_wanted integer[],
  p_interval_ms double precision[],
  p_burst integer[]
) returns table (endpoint_id bigint, granted integer, turn_ms double precision)
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_now timestamptz;
begin
  insert into market.webhook_pace (endpoint_id, free_at, turn_at)
  select w.id, timestamptz '-infinity', timestamptz '-infinity'
  from unnest(p_endpoint_ids) w (id)
  where not exists (select from market.webhook_pace p where p.endpoint_id = w.id)
  order by w.id
  on conflict do nothing;
  -- In the order of their ids, as every other worker does.
  perform 1 from market.webhook_pace p where p.endpoint_id = any (p_endpoint_ids) order by p.endpoint_id for update;
  v_now := platform.clock();
  return query
    with wish as (
      select w.id, w.wanted, w.step_ms * interval '1 millisecond' as step, w.burst, p.turn_at, greatest(p.free_at, v_now) as begins
      from unnest(p_endpoint_ids, p_wanted, p_interval_ms, p_burst) w (id, wanted, step_ms, burst)
      join market.webhook_pace p on p.endpoint_id = w.id
    ),
    given as (
      select w.*,
        -- The smallest part lets a try go at its instant, whatever the division leaves over.
        greatest(0, least(w.wanted,
          floor(w.burst - extract(epoch from w.begins - v_now) / extract(epoch from w.step) + 0.000001)))::integer as granted
      from wish w
    ),
    placed as (
      select g.*, g.begins + g.granted * g.step as free_at,
        greatest(g.turn_at, g.begins + (g.granted - g.burst + 1) * g.step, v_now) as first_turn
      from given g
    ),
    taken as (
      update market.webhook_pace p set
        free_at = x.free_at,
        turn_at = least(x.first_turn + greatest(0, x.wanted - x.granted) * x.step, v_now + interval '30 seconds')
      from placed x
      where p.endpoint_id = x.id
    )
    select x.id, x.granted, (extract(epoch from x.first_turn - v_now) * 1000)::double precision from placed x;
end
$$;

-- How long work waits for its agent's sockets before it also goes by webhook: 2 s, or a quarter of the time to its deadline. A plain
-- socket has acknowledged when it answers a ping that is sent after these 2 s, so its answer gets a second more; within a quarter of a
-- shorter time it does not acknowledge by itself, and nothing is gained by waiting. Null without a deadline or without a socket
-- that answers.
create or replace function market.socket_turn(p_left interval, p_acknowledges boolean) returns interval
language sql
immutable
as $$
  select case when p_left is not null and p_acknowledges is not null
    then least(interval '2 seconds', p_left / 4)
      + case when not p_acknowledges and p_left >= interval '8 seconds' then interval '1 second' else interval '0' end
  end
$$;

-- These agents have no socket that answers: work that waited for one and was not tried goes now. What is being claimed is left alone.
-- Returns the agents that have such work.
create or replace function market.webhook_hurry(p_agents bigint[]) returns bigint[]
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
as $$
declare
  v_now timestamptz := platform.clock();
  v_hurried bigint[] := '{}';
begin
  if cardinality(p_agents) > 0 then
    with waiting as materialized (
      select d.id
      from market.delivery d
      where d.status = 'pending' and d.run_at > v_now and d.run_at <= v_now + interval '3 seconds' and d.class = 'work'
        and d.attempt = 0 and d.agent_id = any (p_agents)
      order by d.id
      for update skip locked
    ),
    hurried as (
      update market.delivery d set run_at = v_now from waiting w where d.id = any (array [w.id]) returning d.agent_id
    )
    select coalesce(array_agg(distinct h.agent_id), '{}') into v_hurried from hurried h;
  end if;
  return v_hurried;
end
$$;

-- What the tries of a moment at an address say about their endpoint: so many failed, whether the newest succeeded, whether somebody answered that it
-- is gone for good, and whether too many of late failed. Five failures in a row, or too many, open its breaker: for 30 s, then twice as
-- long each time, 5 minutes at most. Five in a row make it `failing`, ten over five days (or gone) `disabled`, and the first success after
-- that `active` again; the notice of each is an event of its agent in this transaction. Returns the endpoint as it is now, and whether
-- there is a notice; nothing when it was deleted, or has another address than was tried: a late answer of the old one says nothing about
-- the new. Null for the address: the one it has.
create or replace function market.webhook_endpoint_tried_v2(
  p_endpoint_id bigint,
  p_url text,
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
  v_before market.webhook_endpoint;
  v_opens boolean;
begin
  select * into v_row from market.webhook_endpoint where id = p_endpoint_id and deleted_at is null for update;
  if not found or v_row.url <> p_url then
    return;
  end if;
  v_before := v_row;
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

  is_noticed := v_state <> v_before.state;
  if is_noticed then
    perform market.event_append(array [v_row.agent_id],
      array [case v_state when 'active' then 'endpoint.recovered' else 'endpoint.' || v_state end], array [null::bigint], v_now);
    -- The number was taken under the stream's row lock, which this transaction has. What the event shows is kept here: the endpoint
    -- may get another address, or go.
    insert into market.webhook_notice (agent_id, seq, endpoint_id, reason, url, consecutive_failures, failing_since)
    select v_row.agent_id, s.next_seq - 1, p_endpoint_id,
      case when v_state = 'active' then 'delivered' when p_is_gone then 'gone' when v_state = 'disabled' then 'failed_for_days'
        else 'failed_in_a_row' end,
      split_part(v_row.url, '?', 1),
      case when v_state = 'active' then v_before.consecutive_failures else v_failures end,
      case when v_state = 'active' then v_before.first_failure_at else v_first end
    from market.agent_stream s
    where s.agent_id = v_row.agent_id;
    -- Notices go when their events have gone.
    delete from market.webhook_notice n
    where n.agent_id = v_row.agent_id and n.seq < (select min(e.seq) from market.agent_event e where e.agent_id = v_row.agent_id);
  end if;
  return query select v_row.agent_id, v_row.state, v_row.breaker_until, v_row.breaker_opened, is_noticed;
end
$$;

-- As the version before calls it.
create or replace function market.webhook_endpoint_tried(
  p_endpoint_id bigint,
  p_failed integer,
  p_has_succeeded boolean,
  p_is_gone boolean,
  p_has_failed_often boolean
) returns table (agent_id bigint, state text, breaker_until timestamptz, breaker_opened integer, is_noticed boolean)
language sql
set search_path = ''
as $$
  select t.agent_id, t.state, t.breaker_until, t.breaker_opened, t.is_noticed
  from market.webhook_endpoint_tried_v2(p_endpoint_id, null, p_failed, p_has_succeeded, p_is_gone, p_has_failed_often) t
$$;

-- Goes on with a replay that nobody else has at hand, by at most so many deliveries or events; what it makes and how far it has come are
-- one transaction. They take turns: next is the one that has waited longest since its last step. Of what failed it leaves out what a
-- replay has made once more since: that one has arrived, is under way, or
-- has failed and stands for it. Returns whether there was one.
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
  select * into v_replay from market.webhook_replay where status = 'pending'
  order by coalesce(stepped_at, created_at), id limit 1 for update skip locked;
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
      where not exists (
        select from market.delivery r
        where r.endpoint_id = o.endpoint_id and r.seq = o.seq and r.id > o.id and r.replay_id is not null)
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
  set position = coalesce(v_position, position), made = made + v_made, stepped_at = v_now,
    status = case when v_looked < p_limit then 'done' else 'pending' end,
    ended_at = case when v_looked < p_limit then v_now end
  where id = v_replay.id;
  return true;
end
$$;

-- Throws away what ended so many days ago: replays, secrets, deleted endpoints; the secrets of a deleted endpoint at once. At most so
-- many of each kind in one call; returns how many rows went. An endpoint stays as long as a delivery to it is pending, which the next
-- look at that delivery ends.
create or replace function market.webhook_purge(p_days integer, p_limit integer) returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := platform.clock();
  v_before timestamptz := v_now - p_days * interval '1 day';
  v_endpoints bigint[];
  v_count integer;
  v_total integer := 0;
begin
  delete from market.webhook_replay
  where id in (
    select r.id from market.webhook_replay r where r.ended_at < v_before order by r.ended_at limit p_limit for update skip locked);
  get diagnostics v_count = row_count;
  v_total := v_total + v_count;

  delete from market.webhook_secret
  where id in (
    select s.id
    from market.webhook_secret s
    where s.expires_at <= v_now and (
      s.expires_at < v_before
      or exists (select from market.webhook_endpoint w where w.id = s.endpoint_id and w.deleted_at is not null))
    limit p_limit
    for update of s skip locked);
  get diagnostics v_count = row_count;
  v_total := v_total + v_count;

  v_endpoints := array(
    select w.id
    from market.webhook_endpoint w
    where w.deleted_at < v_before
      and not exists (select from market.delivery d where d.endpoint_id = w.id and d.status = 'pending')
    order by w.deleted_at
    limit p_limit
    for update of w skip locked);
  delete from market.webhook_secret s where s.endpoint_id = any (v_endpoints);
  delete from market.webhook_replay r where r.endpoint_id = any (v_endpoints);
  delete from market.webhook_pace p where p.endpoint_id = any (v_endpoints);
  delete from market.webhook_endpoint w where w.id = any (v_endpoints);
  return v_total + cardinality(v_endpoints);
end
$$;
