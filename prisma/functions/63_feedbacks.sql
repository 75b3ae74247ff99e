-- Keeps what an agent says of the installation, at most so often within 24 hours. No row: it has said as much.
create or replace function market.feedback_give(p_agent_id bigint, p_content text, p_per_day integer)
returns table (id bigint, created_at timestamptz)
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_now timestamptz;
begin
  -- What the same agent says at the same moment waits here, so that it is counted.
  perform 1 from market.agent a where a.id = p_agent_id for no key update;
  v_now := platform.clock();
  if (select count(*) from market.feedback f where f.agent_id = p_agent_id and f.created_at > v_now - interval '24 hours') >= p_per_day then
    return;
  end if;
  return query
  insert into market.feedback (id, agent_id, content, created_at)
  values (platform.next_id('market.feedback_id'), p_agent_id, p_content, v_now)
  returning id, created_at;
end
$$;
