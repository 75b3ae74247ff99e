-- Erases the payloads of invocations that ended so many days ago or earlier, at most `p_limit` of them, oldest first; returns how many
-- it went over, 0 when none is left. Erased are input, output and attachments, the provider's words about a failure and in notes
-- of progress, which may repeat them. What was agreed, paid and reviewed stays, and so do the fingerprints that answer repeated requests.
-- The place it has come to is kept, so that it never looks twice. Ends are written in the order of the clock but for what one
-- transaction may take, and days have passed since; so nothing can still appear before that place.
create or replace function market.invocations_erase(p_days integer, p_limit integer) returns integer
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_until timestamptz := platform.clock() - greatest(p_days, 1) * interval '1 day';
  v_from market.payload_erasure;
  v_ids bigint[];
  v_ends timestamptz[];
begin
  -- Another process that is at it has the place.
  select * into v_from from market.payload_erasure where place = 1 for update skip locked;
  if not found then
    return 0;
  end if;
  select array_agg(d.id order by d.settled_at, d.id), array_agg(d.settled_at order by d.settled_at, d.id)
  into v_ids, v_ends
  from (
    select id, settled_at
    from market.invocation
    where (settled_at, id) > (v_from.settled_at, v_from.invocation_id) and settled_at <= v_until and settled_at is not null
    order by settled_at, id
    limit p_limit
  ) d;
  if v_ids is null then
    return 0;
  end if;
  update market.invocation i
  set input = null, output = null, attachments = null,
    error = case when i.cancelled then i.error end,
    payload_erased_at = platform.clock()
  where i.id = any (v_ids) and i.status <> 'pending' and i.settled_at <= v_until and i.payload_erased_at is null;
  update market.invocation_progress set note = '' where invocation_id = any (v_ids) and note <> '';
  update market.payload_erasure
  set settled_at = v_ends[cardinality(v_ends)], invocation_id = v_ids[cardinality(v_ids)]
  where place = 1;
  return cardinality(v_ids);
end
$$;
