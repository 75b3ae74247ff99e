-- Who can be reached with work. What is written here may be lost with the server's last instant, so nothing waits for the disk: every
-- process says all of it again every few seconds, and until then a webhook goes sooner than it had to.

-- What a process says of the agents whose sockets it holds: the state of those who have one for work, and who has none any more; with
-- `p_is_all` nobody else has. Returns the agents whose webhooks waited for a socket and go now, since none of theirs answers; null when
-- the process is taken for gone.
create or replace function market.presence_tell(
  p_node uuid,
  p_agents bigint[],
  p_states text[],
  p_gone bigint[],
  p_is_all boolean
) returns bigint[]
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
as $$
declare
  v_now timestamptz := platform.clock();
  v_gone bigint[] := p_gone;
begin
  perform set_config('synchronous_commit', 'off', true);
  -- Whoever clears this process away waits for this, or comes first.
  perform 1 from market.gateway_node where node = p_node for key share;
  if not found then
    return null;
  end if;
  insert into market.agent_presence as p (agent_id, node, state)
  select a.agent_id, p_node, a.state from unnest(p_agents, p_states) as a (agent_id, state)
  on conflict (agent_id, node) do update set state = excluded.state where p.state <> excluded.state;
  if p_is_all then
    v_gone := v_gone || array(
      select p.agent_id from market.agent_presence p
      where p.node = p_node and not exists (select from unnest(p_agents) as a (agent_id) where a.agent_id = p.agent_id));
  end if;
  delete from market.agent_presence p
  using unnest(v_gone) as g (agent_id)
  where p.agent_id = any (array [g.agent_id]) and p.node = p_node;
  return market.webhook_hurry(array(
    select u.agent_id
    from (
      select g.agent_id from unnest(v_gone) as g (agent_id)
      union
      select a.agent_id from unnest(p_agents, p_states) as a (agent_id, state) where a.state = 'silent'
    ) u
    where not exists (
      select from market.agent_presence o
      join market.gateway_node n on n.node = o.node
      where o.agent_id = u.agent_id and o.state <> 'silent' and not market.node_is_gone(n.seen_at, v_now))));
end
$$;

-- Agents asked for what they have to do, so many milliseconds ago. Rows are locked in order of agent.
create or replace function market.agents_polled(p_agents bigint[], p_ago_ms integer[]) returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  insert into market.agent_poll as p (agent_id, polled_at)
  select a.agent_id, platform.clock() - a.ago_ms * interval '1 millisecond'
  from unnest(p_agents, p_ago_ms) as a (agent_id, ago_ms)
  order by a.agent_id
  on conflict (agent_id) do update set polled_at = greatest(p.polled_at, excluded.polled_at);
end
$$;

-- Which of these agents work can reach now: over a socket for work, over a webhook that is sent to, or because they asked for it within a
-- minute. An endpoint whose breaker has been open and may be tried again counts: otherwise whoever asks to be refused would keep it closed.
create or replace function market.agents_reachable(p_agents bigint[]) returns setof bigint
language sql
stable
as $$
  select a.agent_id
  from (select distinct u.agent_id from unnest(p_agents) as u (agent_id)) a
  where exists (
      select from market.agent_presence p
      join market.gateway_node n on n.node = p.node
      where p.agent_id = a.agent_id and not market.node_is_gone(n.seen_at, (select platform.clock())))
    or exists (
      select from market.webhook_endpoint w
      where w.agent_id = a.agent_id and w.deleted_at is null and w.state in ('active', 'failing')
        and coalesce(w.breaker_until <= (select platform.clock()), true)
        and (w.event_types is null or 'invocation.invoked' = any (w.event_types)))
    or exists (
      select from market.agent_poll l
      where l.agent_id = a.agent_id and l.polled_at > (select platform.clock()) - interval '60 seconds')
$$;
