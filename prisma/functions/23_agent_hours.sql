-- When agents were there, by five minutes. What is written here may be lost with the server's last instant, so nothing waits for the disk.

-- These agents are there now. One that was seen in these five minutes already is not written again; rows are locked in order of agent.
create or replace function market.agents_seen(p_agents bigint[]) returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := platform.clock();
  v_hour timestamptz := date_trunc('hour', v_now, 'UTC');
  v_bit integer := 1 << (extract(minute from v_now at time zone 'UTC')::integer / 5);
begin
  perform set_config('synchronous_commit', 'off', true);
  insert into market.agent_hour as h (agent_id, hour, seen)
  select a.agent_id, v_hour, v_bit
  from (select distinct u.agent_id from unnest(p_agents) as u (agent_id) where u.agent_id is not null) a
  where not exists (
    select from market.agent_hour o
    where o.agent_id = a.agent_id and o.hour = v_hour and o.seen & v_bit <> 0)
  order by a.agent_id
  on conflict (agent_id, hour) do update set seen = h.seen | v_bit where h.seen & v_bit = 0;
end
$$;

-- Whoever has a socket for work, or asked for work within the last minute, is there. Throws away what is older than 30 days, so many rows
-- at most; the first hour of an agent stays, since from then on it is counted.
create or replace function market.note_agents_there(p_max integer) returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := platform.clock();
begin
  perform market.agents_seen(array(
    select p.agent_id from market.agent_presence p
    join market.gateway_node n on n.node = p.node
    where p.state <> 'silent' and not market.node_is_gone(n.seen_at, v_now)
    union
    select l.agent_id from market.agent_poll l where l.polled_at > v_now - interval '1 minute'));
  delete from market.agent_hour h
  where (h.agent_id, h.hour) in (
    select o.agent_id, o.hour from market.agent_hour o
    where o.hour < v_now - interval '31 days'
      and exists (select from market.agent_hour f where f.agent_id = o.agent_id and f.hour < o.hour)
    order by o.hour
    limit p_max);
  delete from market.agent_day d
  where (d.agent_id, d.day) in (
    select o.agent_id, o.day from market.agent_day o
    where o.day < (v_now at time zone 'UTC')::date - 31
    order by o.day
    limit p_max);
end
$$;

-- Of these agents: in how many of how many whole five minutes of the last 30 days, from the first in which it was seen, it was there; and
-- the trades completed on each of the last 30 days, the oldest first, where there are any.
create or replace function market.agents_record(p_agents bigint[])
returns table (agent_id bigint, seen bigint, parts bigint, days integer[])
language sql
stable
as $$
  with clock as (
    select now, floor(extract(epoch from now) / 300)::bigint as part, (now at time zone 'UTC')::date as today
    from (select platform.clock() as now) c
  )
  select a.agent_id, coalesce(s.seen, 0), coalesce(least(c.part - f.part, 8640), 0), d.days
  from unnest(p_agents) as a (agent_id)
  cross join clock c
  left join lateral (
    -- In its first hour an agent was first seen where the lowest bit stands.
    select floor(extract(epoch from h.hour) / 300)::bigint + log(2, (h.seen & -h.seen)::numeric)::bigint as part
    from market.agent_hour h
    where h.agent_id = a.agent_id
    order by h.hour
    limit 1
  ) f on true
  left join lateral (
    select sum(bit_count(case
      when h.hour = date_trunc('hour', c.now, 'UTC') then (h.seen & ((1 << (c.part % 12)::integer) - 1))::bit(12)
      -- Of the hour in which the 30 days begin, what comes before them does not count.
      when floor(extract(epoch from h.hour) / 300)::bigint < c.part - 8640
        then (h.seen & (4095 << (c.part % 12)::integer))::bit(12)
      else h.seen::bit(12) end)) as seen
    from market.agent_hour h
    where h.agent_id = a.agent_id and h.hour >= date_trunc('hour', c.now - interval '30 days', 'UTC')
  ) s on true
  left join lateral (
    select array_agg(coalesce(t.completed, 0) order by g.n desc) as days
    from generate_series(0, 29) as g (n)
    left join market.agent_day t on t.agent_id = a.agent_id and t.day = c.today - g.n
    having count(t.completed) > 0
  ) d on true
$$;
