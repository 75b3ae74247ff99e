-- Adds queued outcomes to the statistics of their services and agents, each exactly once: the queue's row goes in the
-- same transaction. Rows that another tally holds are skipped. What was earned in all stops at 9 x 10^18: money that goes in circles
-- may earn more than there is. Returns how many were added.
create or replace function market.tally_outcomes(p_limit integer) returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_ids bigint[];
begin
  with gone as (
    delete from ledger.outcome_queue
    where ctid = any (array(select ctid from ledger.outcome_queue limit p_limit for update skip locked))
    returning outcome_id
  )
  select array_agg(outcome_id) into v_ids from gone;
  if v_ids is null then
    return 0;
  end if;

  insert into market.service_stats as t (service_id, completed, failed, timed_out, cancelled, earned, response_ms, stars, reviews)
  select o.service_id,
    count(*) filter (where o.kind = 'completed'), count(*) filter (where o.kind = 'failed'),
    count(*) filter (where o.kind = 'timeout'), count(*) filter (where o.kind = 'cancelled'), least(sum(o.earned), 9000000000000000000)::bigint,
    coalesce(sum((extract(epoch from o.at - o.opened_at) * 1000)::bigint) filter (where o.kind = 'completed'), 0),
    coalesce(sum(o.stars), 0), count(o.stars)
  from ledger.outcome o
  where o.id = any (v_ids) and o.service_id is not null
  group by o.service_id
  order by o.service_id
  on conflict (service_id) do update set completed = t.completed + excluded.completed, failed = t.failed + excluded.failed,
    timed_out = t.timed_out + excluded.timed_out, cancelled = t.cancelled + excluded.cancelled, earned = least(t.earned::numeric + excluded.earned, 9000000000000000000)::bigint,
    response_ms = t.response_ms + excluded.response_ms, stars = t.stars + excluded.stars, reviews = t.reviews + excluded.reviews;

  insert into market.agent_stats as t (agent_id, completed, failed, timed_out, cancelled, earned, response_ms, responses, stars, reviews)
  select o.payee_agent,
    count(*) filter (where o.kind = 'completed'), count(*) filter (where o.kind = 'failed'),
    count(*) filter (where o.kind = 'timeout'), count(*) filter (where o.kind = 'cancelled'), least(sum(o.earned), 9000000000000000000)::bigint,
    -- Only an invocation is an answer to somebody who waits.
    coalesce(sum((extract(epoch from o.at - o.opened_at) * 1000)::bigint)
      filter (where o.kind = 'completed' and o.subject_kind = 'invocation'), 0),
    count(*) filter (where o.kind = 'completed' and o.subject_kind = 'invocation'),
    coalesce(sum(o.stars), 0), count(o.stars)
  from ledger.outcome o
  where o.id = any (v_ids)
  group by o.payee_agent
  order by o.payee_agent
  on conflict (agent_id) do update set completed = t.completed + excluded.completed, failed = t.failed + excluded.failed,
    timed_out = t.timed_out + excluded.timed_out, cancelled = t.cancelled + excluded.cancelled, earned = least(t.earned::numeric + excluded.earned, 9000000000000000000)::bigint,
    response_ms = t.response_ms + excluded.response_ms, responses = t.responses + excluded.responses, stars = t.stars + excluded.stars, reviews = t.reviews + excluded.reviews;

  insert into market.agent_day as t (agent_id, day, completed)
  select o.payee_agent, (o.at at time zone 'UTC')::date, count(*)
  from ledger.outcome o
  where o.id = any (v_ids) and o.kind = 'completed'
  group by 1, 2
  order by 1, 2
  on conflict (agent_id, day) do update set completed = t.completed + excluded.completed;
  return cardinality(v_ids);
end
$$;
