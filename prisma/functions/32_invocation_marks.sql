-- What happens to a pending invocation besides its end. Each is one guarded statement on the invocation's row alone.
-- Marks in batches do not wait for the disk: one that is lost with the server's last instant costs an entry of the timeline or a later
-- acknowledgement, no money. Whoever changes money on the row flushes whatever was written before.

-- The notification went out over a channel, so many milliseconds ago; the first hand-over counts. It is recorded in batches
-- a moment later, so also for invocations that have ended since. Returns how many were marked.
create or replace function market.invocation_handed_over(p_ids bigint[], p_ago_ms integer[], p_channel text) returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_marked integer;
begin
  perform set_config('synchronous_commit', 'off', true);
  perform 1 from market.invocation where id = any (p_ids) and handed_over_at is null order by id for update;
  update market.invocation i
  set handed_over_at = greatest(i.created_at, least(i.settled_at, platform.clock() - h.ago_ms * interval '1 millisecond')),
    hand_over_channel = p_channel
  from unnest(p_ids, p_ago_ms) as h (id, ago_ms)
  where i.id = h.id and i.handed_over_at is null;
  get diagnostics v_marked = row_count;
  return v_marked;
end
$$;

-- The provider has it: the caller may no longer cancel. Verdicts: 'acknowledged' (now or before), 'already_settled',
-- 'deadline_passed', 'not_found'.
create or replace function market.invocation_acknowledge(p_id bigint, p_provider_agent bigint)
returns table (verdict text, acknowledged_at timestamptz)
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_row market.invocation;
begin
  update market.invocation
  set acknowledged_at = coalesce(acknowledged_at, platform.clock()),
    handed_over_at = coalesce(handed_over_at, platform.clock()),
    hand_over_channel = coalesce(hand_over_channel, 'poll')
  where id = p_id and provider_agent_id = p_provider_agent and status = 'pending' and deadline_at > platform.clock()
  returning * into v_row;
  if not found then
    select * into v_row from market.invocation where id = p_id and provider_agent_id = p_provider_agent;
    return query select case when v_row.id is null then 'not_found' when v_row.status in ('pending', 'timeout') then 'deadline_passed' else 'already_settled' end,
      v_row.acknowledged_at;
    return;
  end if;
  return query select 'acknowledged'::text, v_row.acknowledged_at;
end
$$;

-- The same for many at once, without verdicts: a socket that answers pings has them. Returns how many were new.
create or replace function market.invocations_acknowledge(p_ids bigint[]) returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_marked integer;
begin
  perform set_config('synchronous_commit', 'off', true);
  perform 1 from market.invocation where id = any (p_ids) and status = 'pending' and acknowledged_at is null order by id for update;
  update market.invocation set acknowledged_at = platform.clock()
  where id = any (p_ids) and status = 'pending' and acknowledged_at is null;
  get diagnostics v_marked = row_count;
  return v_marked;
end
$$;

-- Both at once, of what was handed over so many milliseconds ago and is acknowledged by now: one new version of the row instead of
-- two. Each counts for itself as above. Returns how many were marked.
create or replace function market.invocations_taken(p_ids bigint[], p_ago_ms integer[], p_channel text) returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := platform.clock();
  v_marked integer;
begin
  perform set_config('synchronous_commit', 'off', true);
  perform 1
  from market.invocation
  where id = any (p_ids) and (handed_over_at is null or status = 'pending' and acknowledged_at is null)
  order by id
  for update;
  update market.invocation i
  set handed_over_at = coalesce(
      i.handed_over_at, greatest(i.created_at, least(i.settled_at, v_now - t.ago_ms * interval '1 millisecond'))),
    hand_over_channel = case when i.handed_over_at is null then p_channel else i.hand_over_channel end,
    acknowledged_at = case when i.status = 'pending' then coalesce(i.acknowledged_at, v_now) else i.acknowledged_at end
  from unnest(p_ids, p_ago_ms) as t (id, ago_ms)
  where i.id = t.id and (i.handed_over_at is null or i.status = 'pending' and i.acknowledged_at is null);
  get diagnostics v_marked = row_count;
  return v_marked;
end
$$;

-- A note of progress, which also acknowledges. Verdicts as above, and 'too_many' after 1,000 notes.
create or replace function market.invocation_progress(p_id bigint, p_provider_agent bigint, p_percent integer, p_note text)
returns table (verdict text, at timestamptz)
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_verdict text;
  v_n integer;
  v_now timestamptz;
begin
  -- The row lock of the acknowledgement puts two notes one after the other.
  select a.verdict into v_verdict from market.invocation_acknowledge(p_id, p_provider_agent) a;
  if v_verdict <> 'acknowledged' then
    return query select v_verdict, null::timestamptz;
    return;
  end if;
  select coalesce(max(g.n), 0) + 1 into v_n from market.invocation_progress g where g.invocation_id = p_id;
  if v_n > 1000 then
    return query select 'too_many'::text, null::timestamptz;
    return;
  end if;
  v_now := platform.clock();
  insert into market.invocation_progress (invocation_id, n, percent, note, at) values (p_id, v_n, p_percent, p_note, v_now);
  return query select 'acknowledged'::text, v_now;
end
$$;

-- The caller's review of a completed invocation, once. Verdicts: 'reviewed', 'not_found', 'not_completed', 'already_reviewed'.
create or replace function market.invocation_review(p_id bigint, p_caller_agent bigint, p_rating integer, p_review text)
returns table (verdict text, provider_agent_id bigint)
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_now timestamptz;
  v_row market.invocation;
  v_outcome bigint;
begin
  select * into v_row from market.invocation where id = p_id and caller_agent_id = p_caller_agent;
  if not found then
    return query select 'not_found'::text, null::bigint;
    return;
  elsif v_row.status <> 'completed' then
    return query select 'not_completed'::text, null::bigint;
    return;
  end if;
  v_now := platform.clock();
  insert into market.review (invocation_id, rating, review, created_at) values (p_id, p_rating, p_review, v_now)
  on conflict (invocation_id) do nothing;
  if not found then
    return query select 'already_reviewed'::text, null::bigint;
    return;
  end if;
  if v_row.hold_id is not null then
    insert into ledger.outcome (subject_kind, subject_id, kind, service_id, payer_owner, payer_agent, payee_owner, payee_agent,
      price, earned, opened_at, at, stars)
    values ('invocation', p_id, 'review', v_row.service_id, v_row.caller_owner_id, v_row.caller_agent_id, v_row.provider_owner_id,
      v_row.provider_agent_id, v_row.price, 0, v_row.settled_at, v_now, p_rating)
    returning id into v_outcome;
    insert into ledger.outcome_queue (outcome_id) values (v_outcome);
  end if;
  perform market.event_append(array [v_row.provider_agent_id], array ['review.created'], array [p_id], v_now);
  return query select 'reviewed'::text, v_row.provider_agent_id;
end
$$;
