-- The consumers of agents' streams: sockets of the protocol c4c.v1 (docs/websocket.md). What is written here may be lost with the
-- server's last instant, so nothing waits for the disk: an event is then handed out once more, under another session.
-- Lock order: a consumer's cursor, then its claims; several cursors by agent and name.

-- A node is gone when it has not been seen for so long. It says that it is there every two seconds.
create or replace function market.node_is_gone(p_seen_at timestamptz, p_now timestamptz) returns boolean
language sql
immutable
set search_path = ''
as $$
  select p_seen_at < p_now - interval '10 seconds'
$$;

-- A socket says hello. Returns 'entered', 'too_many' (names), 'other_types' (than its open sockets have) or 'lost' (the node is taken
-- for gone), with the stream's head and the consumer's place. `p_after` sets the place, unless other sockets share it; a consumer that
-- is new and names none begins with what is pending. All sockets of a consumer have the same types: what one leaves out counts as read.
create or replace function market.consumer_enter(
  p_agent bigint,
  p_consumer text,
  p_session uuid,
  p_node uuid,
  p_after bigint,
  p_types text[],
  p_consumers_max integer
) returns table (verdict text, head bigint, acked bigint)
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
as $$
declare
  v_now timestamptz := platform.clock();
  v_head bigint;
  v_after bigint;
  v_cursor market.consumer_cursor;
begin
  perform set_config('synchronous_commit', 'off', true);
  perform 1 from market.gateway_node where node = p_node for share;
  if not found then
    return query select 'lost'::text, 0::bigint, 0::bigint;
    return;
  end if;
  v_head := coalesce((select s.next_seq - 1 from market.agent_stream s where s.agent_id = p_agent), 0);
  v_after := case when p_after > v_head then v_head else p_after end;

  select * into v_cursor from market.consumer_cursor c where c.agent_id = p_agent and c.consumer = p_consumer for update;
  if not found then
    -- Those of keys that may only watch (~) must not take the places of those that work.
    if (
      select count(*) from market.consumer_cursor c
      where c.agent_id = p_agent and starts_with(c.consumer, '~') = starts_with(p_consumer, '~')
    ) >= p_consumers_max then
      -- A name that nobody has used for a month makes room.
      delete from market.consumer_cursor c
      where c.agent_id = p_agent and starts_with(c.consumer, '~') = starts_with(p_consumer, '~') and c.updated_at < v_now - interval '30 days'
        and not exists (select 1 from market.consumer_socket s where s.agent_id = p_agent and s.consumer = c.consumer);
      if not found then
        return query select 'too_many'::text, v_head, 0::bigint;
        return;
      end if;
    end if;
    v_after := coalesce(v_after, market.pending_begin(p_agent, v_head, v_now));
    delete from market.consumer_claim c where c.agent_id = p_agent and c.consumer = p_consumer;
    insert into market.consumer_cursor (agent_id, consumer, acked_seq, taken_seq, types, updated_at)
    values (p_agent, p_consumer, v_after, v_after, p_types, v_now)
    on conflict do nothing;
    select * into strict v_cursor from market.consumer_cursor c where c.agent_id = p_agent and c.consumer = p_consumer for update;
  end if;

  if not exists (
    select 1
    from market.consumer_socket s
    join market.gateway_node n on n.node = s.node
    where s.agent_id = p_agent and s.consumer = p_consumer and not market.node_is_gone(n.seen_at, v_now)
  ) then
    update market.consumer_claim c set due_at = v_now, session = null
    where c.agent_id = p_agent and c.consumer = p_consumer and c.session is not null;
    if v_after < v_cursor.acked_seq or v_after > v_cursor.taken_seq then
      delete from market.consumer_claim c where c.agent_id = p_agent and c.consumer = p_consumer;
      v_cursor.taken_seq := v_after;
    elsif v_after is not null then
      delete from market.consumer_claim c where c.agent_id = p_agent and c.consumer = p_consumer and c.seq <= v_after;
    end if;
    if p_types is not null then
      -- What the types leave out counts as read, also what was handed out under others and not acknowledged.
      delete from market.consumer_claim c using market.agent_event e
      where c.agent_id = p_agent and c.consumer = p_consumer
        and e.agent_id = any (array [c.agent_id]) and e.seq = any (array [c.seq]) and not e.type = any (p_types);
    end if;
  elsif (p_types is null) <> (v_cursor.types is null) or not (p_types @> v_cursor.types and p_types <@ v_cursor.types) then
    return query select 'other_types'::text, v_head, 0::bigint;
    return;
  end if;
  v_cursor.acked_seq := market.consumer_low_water(p_agent, p_consumer, v_cursor.taken_seq);
  update market.consumer_cursor c
  set acked_seq = v_cursor.acked_seq, taken_seq = v_cursor.taken_seq, types = p_types, updated_at = v_now
  where c.agent_id = p_agent and c.consumer = p_consumer;
  insert into market.consumer_socket (session, node, agent_id, consumer) values (p_session, p_node, p_agent, p_consumer);
  return query select 'entered'::text, v_head, v_cursor.acked_seq;
end
$$;

-- How many sockets of the consumer are open, at whatever process.
create or replace function market.consumer_sockets(p_agent bigint, p_consumer text) returns bigint
language sql
stable
set search_path = ''
as $$
  select count(*)
  from market.consumer_socket s
  join market.gateway_node n on n.node = s.node
  where s.agent_id = p_agent and s.consumer = p_consumer and not market.node_is_gone(n.seen_at, platform.clock())
$$;

-- The agent has no such consumer any more. Returns 'forgotten', 'unknown', or 'open' while one of its sockets is: who says hello at the
-- same time waits for the cursor's lock, and is the first of a new consumer or has this one stay.
create or replace function market.consumer_forget(p_agent bigint, p_consumer text) returns text
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform 1 from market.consumer_cursor c where c.agent_id = p_agent and c.consumer = p_consumer for update;
  if not found then
    return 'unknown';
  end if;
  if market.consumer_sockets(p_agent, p_consumer) > 0 then
    return 'open';
  end if;
  delete from market.consumer_claim c where c.agent_id = p_agent and c.consumer = p_consumer;
  delete from market.consumer_socket s where s.agent_id = p_agent and s.consumer = p_consumer;
  delete from market.consumer_cursor c where c.agent_id = p_agent and c.consumer = p_consumer;
  return 'forgotten';
end
$$;

-- The number before the announcement of the agent's oldest pending invocation; the head when nothing is pending. What is pending is
-- little, and its events are among the agent's last.
create or replace function market.pending_begin(p_agent bigint, p_head bigint, p_now timestamptz) returns bigint
language sql
stable
set search_path = ''
as $$
  with pending as materialized (
    select i.id, i.created_at from market.invocation i
    where i.provider_agent_id = p_agent and i.status = 'pending' and i.deadline_at > p_now
  )
  select coalesce(min(e.seq) - 1, p_head)
  from pending i
  join market.agent_event e on e.agent_id = p_agent and e.invocation_id = i.id and e.type = 'invocation.invoked'
    and e.seq > coalesce(
      (select b.seq from market.agent_event b
      where b.agent_id = p_agent and b.created_at < (select min(created_at) - interval '1 minute' from pending)
      order by b.seq desc
      limit 1), 0)
    and e.seq <= p_head
$$;

-- Up to where everything is acknowledged: the number before the first that is not.
create or replace function market.consumer_low_water(p_agent bigint, p_consumer text, p_taken bigint) returns bigint
language sql
stable
set search_path = ''
as $$
  select coalesce(
    (select c.seq - 1 from market.consumer_claim c where c.agent_id = p_agent and c.consumer = p_consumer order by c.seq limit 1),
    p_taken)
$$;

-- Hands a session up to `p_limit` events for so long: first what is due again, then what is new. Rows of kind 'event'; 'gap' from
-- `seq` to `to_seq` where retention has passed; and last, one 'end' with the number taken and the head, or one 'lost' when the
-- session is not known any more.
create or replace function market.consumer_take(
  p_agent bigint,
  p_consumer text,
  p_session uuid,
  p_limit integer,
  p_lease_ms integer
) returns table (
  kind text, seq bigint, to_seq bigint, attempt integer, event_id uuid, type text, invocation_id bigint, created_at timestamptz
)
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_now timestamptz := platform.clock();
  v_due timestamptz := v_now + p_lease_ms * interval '1 millisecond';
  v_cursor market.consumer_cursor;
  v_head bigint;
  v_again bigint[];
  v_gone bigint[];
  v_events market.agent_event[];
  v_taken bigint;
begin
  perform set_config('synchronous_commit', 'off', true);
  select * into v_cursor from market.consumer_cursor where agent_id = p_agent and consumer = p_consumer for update;
  perform 1 from market.consumer_socket where session = p_session;
  if not found or v_cursor.agent_id is null then
    return query select 'lost'::text, 0::bigint, 0::bigint, 0, null::uuid, null::text, null::bigint, null::timestamptz;
    return;
  end if;
  -- First: whatever has a number up to here is committed and seen by the next statement.
  v_head := coalesce((select next_seq - 1 from market.agent_stream where agent_id = p_agent), 0);
  v_taken := v_cursor.taken_seq;

  v_again := array(
    select c.seq from market.consumer_claim c
    where c.agent_id = p_agent and c.consumer = p_consumer and c.due_at <= v_now
    order by c.seq
    limit p_limit);
  if cardinality(v_again) > 0 then
    update market.consumer_claim c set attempt = c.attempt + 1, session = p_session, due_at = v_due
    where c.agent_id = p_agent and c.consumer = p_consumer and c.seq = any (v_again);
    v_events := array(select e from market.agent_event e where e.agent_id = p_agent and e.seq = any (v_again) order by e.seq);
    v_gone := array(select a from unnest(v_again) as a where a not in (select (v).seq from unnest(v_events) as v));
    if cardinality(v_gone) > 0 then
      delete from market.consumer_claim c where c.agent_id = p_agent and c.consumer = p_consumer and c.seq = any (v_gone);
      return query
      select 'gap'::text, g, g, 0, null::uuid, null::text, null::bigint, null::timestamptz from unnest(v_gone) as g order by g;
    end if;
    return query
    select 'event'::text, e.seq, e.seq, c.attempt, e.event_id, e.type, e.invocation_id, e.created_at
    from unnest(v_events) as e
    join market.consumer_claim c on c.agent_id = p_agent and c.consumer = p_consumer and c.seq = e.seq
    order by e.seq;
  end if;

  if cardinality(v_again) < p_limit and v_taken < v_head then
    v_events := array(
      select e from market.agent_event e
      where e.agent_id = p_agent and e.seq > v_cursor.taken_seq and e.seq <= v_head
      order by e.seq
      limit p_limit - cardinality(v_again));
    if cardinality(v_events) = 0 or (v_events[1]).seq > v_taken + 1 then
      return query
      select 'gap'::text, v_cursor.taken_seq + 1, coalesce((v_events[1]).seq - 1, v_head), 0, null::uuid, null::text, null::bigint,
        null::timestamptz;
    end if;
    v_taken := coalesce((v_events[cardinality(v_events)]).seq, v_head);
    return query
    with claimed as (
      insert into market.consumer_claim (agent_id, consumer, seq, attempt, session, due_at)
      select p_agent, p_consumer, e.seq, 1, p_session, v_due
      from unnest(v_events) as e
      where v_cursor.types is null or e.type = any (v_cursor.types)
      returning seq
    )
    select 'event'::text, e.seq, e.seq, 1, e.event_id, e.type, e.invocation_id, e.created_at
    from unnest(v_events) as e
    join claimed c on c.seq = e.seq
    order by e.seq;
  end if;

  if v_taken > v_cursor.taken_seq or cardinality(v_gone) > 0 then
    update market.consumer_cursor c
    set taken_seq = v_taken, acked_seq = market.consumer_low_water(p_agent, p_consumer, v_taken), updated_at = v_now
    where c.agent_id = p_agent and c.consumer = p_consumer;
  end if;
  return query select 'end'::text, v_taken, v_head, 0, null::uuid, null::text, null::bigint, null::timestamptz;
end
$$;

-- The same for many sessions in one commit; parallel arrays, one element a session. One row a session, in order: the rows that
-- `consumer_take` returns for it, as parallel arrays. What is usual (a session that is known, nothing due again, one session of its
-- consumer) is done for all of them by one statement, which reads streams and events as of one instant: a number below the head
-- is then there. The others follow one by one.
create or replace function market.consumer_take_many(
  p_agents bigint[],
  p_consumers text[],
  p_sessions uuid[],
  p_limits integer[],
  p_lease_ms integer
) returns table (
  kinds text[], seqs bigint[], to_seqs bigint[], attempts integer[], event_ids uuid[], types text[], invocation_ids bigint[],
  created_at timestamptz[]
)
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  v_now timestamptz := platform.clock();
  v_due timestamptz := v_now + p_lease_ms * interval '1 millisecond';
  v_one record;
begin
  perform set_config('synchronous_commit', 'off', true);
  -- Here and below each row is looked up by its key (a cursor that is locked, by its place), whatever size of table the plan was made on.
  perform 1
  from (select distinct agent_id, consumer from unnest(p_agents, p_consumers) as a (agent_id, consumer) order by agent_id, consumer) a
  cross join lateral (
    select 1 from market.consumer_cursor c where c.agent_id = a.agent_id and c.consumer = a.consumer for update
  ) c;

  for v_one in
    with asked as materialized (
      select a.n, a.agent_id, a.consumer, a.session, a.most, c.place, c.taken_seq, c.types as wanted, k.first_seq,
        coalesce((select t.next_seq - 1 from market.agent_stream t where t.agent_id = a.agent_id), 0) as head,
        c.place is not null and a.most > 0 and not k.is_due
          and (select s.session from market.consumer_socket s where s.session = a.session) is not null
          and count(*) over (partition by a.agent_id, a.consumer) = 1 as is_usual
      from unnest(p_agents, p_consumers, p_sessions, p_limits) with ordinality as a (agent_id, consumer, session, most, n)
      left join lateral (
        select c.ctid as place, c.taken_seq, c.types
        from market.consumer_cursor c
        where c.agent_id = a.agent_id and c.consumer = a.consumer
        limit 1
      ) c on true
      cross join lateral (
        select min(k.seq) as first_seq, coalesce(bool_or(k.due_at <= v_now), false) as is_due
        from market.consumer_claim k
        where k.agent_id = a.agent_id and k.consumer = a.consumer
      ) k
    ), read as materialized (
      select a.n, a.agent_id, a.consumer, a.session, a.place, a.first_seq, coalesce(e.last_read, a.head) as taken, e.*,
        case when coalesce(e.first_read, a.head + 1) > a.taken_seq + 1 then a.taken_seq + 1 end as gap_from,
        coalesce(e.first_read - 1, a.head) as gap_to
      from asked a
      cross join lateral (
        select min(e.seq) as first_read, max(e.seq) as last_read,
          coalesce(array_agg(e.seq order by e.seq) filter (where e.is_wanted), '{}') as seqs,
          array_agg(e.event_id order by e.seq) filter (where e.is_wanted) as event_ids,
          array_agg(e.type order by e.seq) filter (where e.is_wanted) as types,
          array_agg(e.invocation_id order by e.seq) filter (where e.is_wanted) as invocation_ids,
          array_agg(e.created_at order by e.seq) filter (where e.is_wanted) as created_at
        from (
          select e.seq, e.event_id, e.type, e.invocation_id, e.created_at, a.wanted is null or e.type = any (a.wanted) as is_wanted
          from market.agent_event e
          where e.agent_id = a.agent_id and e.seq > a.taken_seq and e.seq <= a.head
          order by e.seq
          limit a.most
        ) e
      ) e
      where a.is_usual and a.taken_seq < a.head
    ), claimed as (
      insert into market.consumer_claim (agent_id, consumer, seq, attempt, session, due_at)
      select r.agent_id, r.consumer, s.seq, 1, r.session, v_due
      from read r
      cross join lateral unnest(r.seqs) as s (seq)
    ), moved as (
      -- Every claim that there was is below what is new.
      update market.consumer_cursor c
      set taken_seq = r.taken, acked_seq = coalesce(least(r.first_seq, r.seqs[1]) - 1, r.taken), updated_at = v_now
      from read r
      where c.ctid = r.place
    )
    select a.n, a.is_usual, coalesce(r.taken, a.taken_seq) as taken, a.head, r.gap_from, r.gap_to, r.seqs, r.event_ids, r.types,
      r.invocation_ids, r.created_at, coalesce(cardinality(r.seqs), 0) as events
    from asked a
    left join read r on r.n = a.n
    order by a.n
  loop
    if not v_one.is_usual then
      return query
      select array_agg(t.kind), array_agg(t.seq), array_agg(t.to_seq), array_agg(t.attempt), array_agg(t.event_id), array_agg(t.type),
        array_agg(t.invocation_id), array_agg(t.created_at)
      from market.consumer_take(p_agents[v_one.n], p_consumers[v_one.n], p_sessions[v_one.n], p_limits[v_one.n], p_lease_ms) t;
      continue;
    end if;
    kinds := array_fill('event'::text, array [v_one.events]) || 'end'::text;
    seqs := v_one.seqs || v_one.taken;
    to_seqs := v_one.seqs || v_one.head;
    attempts := array_fill(1, array [v_one.events]) || 0;
    event_ids := v_one.event_ids || null::uuid;
    types := v_one.types || null::text;
    invocation_ids := v_one.invocation_ids || null::bigint;
    created_at := v_one.created_at || null::timestamptz;
    if v_one.gap_from is not null then
      kinds := 'gap'::text || kinds;
      seqs := v_one.gap_from || seqs;
      to_seqs := v_one.gap_to || to_seqs;
      attempts := 0 || attempts;
      event_ids := null::uuid || event_ids;
      types := null::text || types;
      invocation_ids := null::bigint || invocation_ids;
      created_at := null::timestamptz || created_at;
    end if;
    return next;
  end loop;
end
$$;

-- Acknowledged: each by the session that holds it, for the attempt that it was handed. What does not fit any more is left alone.
-- Parallel arrays, one element an event.
create or replace function market.consumer_settle(
  p_agents bigint[],
  p_consumers text[],
  p_sessions uuid[],
  p_seqs bigint[],
  p_attempts integer[]
) returns void
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  perform 1
  from market.consumer_cursor c
  join (select distinct agent_id, consumer from unnest(p_agents, p_consumers) as a (agent_id, consumer)) a
    on a.agent_id = c.agent_id and a.consumer = c.consumer
  order by c.agent_id, c.consumer
  for update of c;
  delete from market.consumer_claim c
  using unnest(p_agents, p_consumers, p_sessions, p_seqs, p_attempts) as a (agent_id, consumer, session, seq, attempt)
  where c.agent_id = a.agent_id and c.consumer = a.consumer and c.seq = a.seq and c.attempt = a.attempt and c.session = a.session;
  update market.consumer_cursor c
  set acked_seq = market.consumer_low_water(c.agent_id, c.consumer, c.taken_seq), updated_at = platform.clock()
  from (select distinct agent_id, consumer from unnest(p_agents, p_consumers) as a (agent_id, consumer)) a
  where c.agent_id = a.agent_id and c.consumer = a.consumer;
end
$$;

-- Gives one back, for somebody to take after so long. What was never sent does not count as an attempt.
create or replace function market.consumer_put_back(
  p_agent bigint,
  p_consumer text,
  p_session uuid,
  p_seqs bigint[],
  p_delay_ms integer,
  p_is_unsent boolean
) returns void
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  perform 1 from market.consumer_cursor c where c.agent_id = p_agent and c.consumer = p_consumer for update;
  update market.consumer_claim c
  set due_at = platform.clock() + p_delay_ms * interval '1 millisecond', session = null,
    attempt = c.attempt - case when p_is_unsent then 1 else 0 end
  where c.agent_id = p_agent and c.consumer = p_consumer and c.seq = any (p_seqs) and c.session = p_session;
end
$$;

-- The session is still at work on it: the time for its acknowledgement begins anew.
create or replace function market.consumer_renew(
  p_agent bigint,
  p_consumer text,
  p_session uuid,
  p_seq bigint,
  p_lease_ms integer
) returns void
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  perform 1 from market.consumer_cursor c where c.agent_id = p_agent and c.consumer = p_consumer for update;
  update market.consumer_claim c set due_at = platform.clock() + p_lease_ms * interval '1 millisecond'
  where c.agent_id = p_agent and c.consumer = p_consumer and c.seq = p_seq and c.session = p_session;
end
$$;

-- These sockets are gone: what they hold is due at once.
create or replace function market.consumer_leave(p_sessions uuid[]) returns void
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  perform 1
  from market.consumer_cursor c
  -- An array of one: a plan that was made while the table was empty must not read all of it later.
  join (select distinct agent_id, consumer from market.consumer_socket where session = any (p_sessions)) s
    on c.agent_id = any (array [s.agent_id]) and c.consumer = any (array [s.consumer])
  order by c.agent_id, c.consumer
  for update of c;
  with gone as (
    delete from market.consumer_socket where session = any (p_sessions) returning session, agent_id, consumer
  )
  update market.consumer_claim c set due_at = platform.clock(), session = null
  from gone g
  where c.agent_id = any (array [g.agent_id]) and c.consumer = any (array [g.consumer]) and c.session = g.session;
end
$$;

-- The node is there; false when it was taken for gone: its sockets hold nothing any more. A node that was itself seen just now
-- clears away those that were not: after a pause of the database all get the time to say so first.
create or replace function market.gateway_beat(p_node uuid, p_is_new boolean) returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := platform.clock();
  v_seen_at timestamptz;
  v_gone uuid[];
begin
  perform set_config('synchronous_commit', 'off', true);
  if p_is_new then
    insert into market.gateway_node (node, seen_at) values (p_node, v_now) on conflict (node) do nothing;
    return true;
  end if;
  select seen_at into v_seen_at from market.gateway_node where node = p_node for update;
  if not found then
    return false;
  end if;
  update market.gateway_node set seen_at = v_now where node = p_node;
  if v_seen_at > v_now - interval '5 seconds' then
    v_gone := array(
      select node from market.gateway_node where market.node_is_gone(seen_at, v_now) order by node for update skip locked);
    perform market.consumer_leave(array(select session from market.consumer_socket where node = any (v_gone)));
    delete from market.agent_presence where node = any (v_gone);
    delete from market.gateway_node where node = any (v_gone);
  end if;
  return true;
end
$$;

-- A node stops and has no sockets left.
create or replace function market.gateway_stop(p_node uuid) returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  -- Locked first: whatever this process is just telling is done before it is taken away.
  perform 1 from market.gateway_node where node = p_node for update;
  perform market.consumer_leave(array(select session from market.consumer_socket where node = p_node));
  delete from market.agent_presence where node = p_node;
  delete from market.gateway_node where node = p_node;
end
$$;
