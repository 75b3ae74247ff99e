-- Appends events to their agents' streams. Called last in a transaction: the streams' row locks, taken in order of agent
-- id, are what makes "seq follows commit" true, and they should be short. Parallel arrays, one element an event.
create or replace function market.event_append(
  p_agent_ids bigint[],
  p_types text[],
  p_invocation_ids bigint[],
  p_now timestamptz
) returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_seq bigint;
begin
  if cardinality(p_agent_ids) = 1 then
    update market.agent_stream set next_seq = next_seq + 1 where agent_id = p_agent_ids[1] returning next_seq - 1 into strict v_seq;
    insert into market.agent_event (agent_id, seq, type, invocation_id, created_at)
    values (p_agent_ids[1], v_seq, p_types[1], p_invocation_ids[1], p_now);
    return;
  end if;

  perform 1 from market.agent_stream where agent_id = any (p_agent_ids) order by agent_id for update;
  with bumped as (
    update market.agent_stream s set next_seq = s.next_seq + c.events
    from (select agent_id, count(*) as events from unnest(p_agent_ids) as a (agent_id) group by agent_id) c
    -- An array of one, so that every agent's own row is looked up, whatever the plan was made on.
    where s.agent_id = any (array [c.agent_id])
    returning s.agent_id, s.next_seq - c.events as first_seq
  )
  insert into market.agent_event (agent_id, seq, type, invocation_id, created_at)
  select e.agent_id, b.first_seq + row_number() over (partition by e.agent_id order by e.n) - 1, e.type, e.invocation_id, p_now
  from unnest(p_agent_ids, p_types, p_invocation_ids) with ordinality as e (agent_id, type, invocation_id, n)
  join bumped b on b.agent_id = e.agent_id
  order by e.n;
end
$$;

-- Appends events that keep what they say (`data`) beside them, since what they are about may change. Like `event_append`: parallel
-- arrays, called last in a transaction. An agent's notices go when their events have gone.
create or replace function market.notice_append(
  p_agent_ids bigint[],
  p_types text[],
  p_data json[],
  p_now timestamptz
) returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform market.event_append(p_agent_ids, p_types, array_fill(null::bigint, array [cardinality(p_agent_ids)]), p_now);
  -- The numbers were taken under the streams' row locks, which this transaction has.
  insert into market.agent_notice (agent_id, seq, data)
  select e.agent_id,
    s.next_seq - count(*) over (partition by e.agent_id) + row_number() over (partition by e.agent_id order by e.n) - 1, e.data
  from unnest(p_agent_ids, p_data) with ordinality as e (agent_id, data, n)
  join market.agent_stream s on s.agent_id = any (array [e.agent_id]);
  delete from market.agent_notice n
  where n.agent_id = any (p_agent_ids)
    and n.seq < (select min(v.seq) from market.agent_event v where v.agent_id = n.agent_id);
end
$$;

-- Money as the wire shows it: shells without trailing zeros.
create or replace function market.shells_text(p_amount bigint) returns text
language sql
immutable
as $$ select trim_scale(p_amount::numeric / 100)::text $$;

-- A time as the wire shows it: RFC 3339, UTC, milliseconds.
create or replace function market.time_text(p_at timestamptz) returns text
language sql
immutable
as $$ select to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') $$;
