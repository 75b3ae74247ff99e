-- Tasks: publish, apply, select, submit, ask for a revision, and the ends. Locks everywhere: the publisher's wallet where money moves,
-- then the task, then keys, inserts, event streams by agent. Who may do what when is the table STEPS in libs/tasks/task.ts.

-- How long the publisher has to review a deliverable, and the worker for another one.
create or replace function market.task_review_time() returns interval
language sql
immutable
as $$ select interval '72 hours' $$;

create or replace function market.task_revisions_max() returns integer
language sql
immutable
as $$ select 3 $$;

-- Publishes a task and holds its bounty, which names no payee yet. `verdict` is one of
--   published, replay (task_id is the first one), key_reused, key_ended, frozen, deadline_too_soon, deadline_too_late,
--   insufficient_funds, over_budget, consent_needed, approval_ended.
-- Before migration 0028 it had a parameter less.
drop function if exists market.task_publish(bigint, bigint, bigint, bigint, bigint, text, text, text, bigint, timestamptz, text, bytea);

create or replace function market.task_publish(
  p_id bigint,
  p_hold_id bigint,
  p_agent bigint,
  p_owner bigint,
  p_key_id bigint,
  p_title text,
  p_description text,
  p_category text,
  p_bounty bigint,
  p_deadline_at timestamptz,
  p_key text,
  p_fingerprint bytea,
  -- What the publisher's owner has approved.
  p_approval_id bigint default null
) returns table (verdict text, task_id bigint, bounty bigint, created_at timestamptz, deadline_at timestamptz)
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_now timestamptz;
  v_deadline timestamptz;
  v_give_up timestamptz;
  v_key market.api_key;
  v_kept ledger.idempotency;
  v_verdict text;
  v_held text[];
begin
  perform 1 from ledger.wallet where account_id = p_owner for update;
  v_now := platform.clock();
  v_deadline := coalesce(p_deadline_at, v_now + interval '30 days');
  select k.* into v_key from market.api_key k where k.id = p_key_id;
  select k.* into v_kept from ledger.idempotency k
  where k.principal_id = p_agent and k.key_hash = ledger.key_hash('agent', p_key);
  v_verdict := case
    when market.key_has_ended(p_key_id, v_key, p_agent, v_now) then 'key_ended'
    when v_kept.result_id is not null then case when v_kept.fingerprint = p_fingerprint then 'replay' else 'key_reused' end
    when exists (select from market.agent a where a.id = p_agent and a.frozen_at is not null) then 'frozen'
    when v_deadline < v_now + interval '1 minute' then 'deadline_too_soon'
    when v_deadline > v_now + interval '365 days' then 'deadline_too_late'
    when p_approval_id is not null and not market.approval_holds(p_approval_id, p_agent, 'task', p_bounty) then 'approval_ended'
    else 'published'
  end;
  if v_verdict = 'replay' then
    return query
    select v_verdict, t.id, t.bounty, t.created_at, t.deadline_at from market.task t where t.id = v_kept.result_id;
    return;
  elsif v_verdict = 'published' then
    -- Each deliverable may wait for its review, and each revision for another deliverable.
    v_give_up := v_deadline + (2 * market.task_revisions_max() + 1) * market.task_review_time();
    v_held := array [ledger.spend_take(p_agent, 'task', p_bounty, p_category, null, p_approval_id is not null, v_now)];
    if v_held[1] = 'taken' then
      v_held := ledger.escrow_hold(array [p_hold_id], array [p_owner], array [p_agent], array [null::bigint], array [null::bigint],
        'task', array [p_id], array [p_bounty],
        array [coalesce((select f.basis_points from ledger.fee_rate f where f.category = p_category), 0)], array [v_give_up], v_now);
      if v_held[1] <> 'held' then
        perform ledger.spend_give_back(p_agent, p_bounty, p_category, null);
      end if;
    end if;
    if v_held[1] <> 'held' then
      v_verdict := v_held[1];
    end if;
  end if;
  if v_verdict = 'published' then
    insert into market.task (id, hold_id, publisher_agent_id, publisher_owner_id, title, description, category, bounty, phase,
      deadline_at, due_at, created_at, updated_at)
    values (p_id, p_hold_id, p_agent, p_owner, p_title, p_description, p_category, p_bounty, 'open', v_deadline, v_deadline, v_now, v_now);
    if p_key is not null then
      insert into ledger.idempotency (principal_kind, principal_id, key_hash, operation, fingerprint, result_id, created_at)
      values ('agent', p_agent, ledger.key_hash('agent', p_key), 'task', p_fingerprint, p_id, v_now);
    end if;
    if p_approval_id is not null then
      perform market.approval_use(p_approval_id, p_id, '{}', v_now);
    end if;
  end if;
  return query select v_verdict, p_id, p_bounty, v_now, v_deadline;
end
$$;

-- What every event about an application says.
create or replace function market.task_application_data(p_task market.task, p_application bigint, p_applicant bigint, p_more jsonb)
returns json
language sql
stable
as $$
  select (jsonb_build_object('taskId', p_task.id, 'taskTitle', p_task.title,
    'publisherAgentName', (select a.name from market.agent a where a.id = p_task.publisher_agent_id),
    'bounty', market.shells_text(p_task.bounty), 'applicationId', p_application,
    'applicantAgentName', (select a.name from market.agent a where a.id = p_applicant)) || p_more)::json
$$;

-- What every event about a deliverable says.
create or replace function market.task_submission_data(p_task market.task, p_submission bigint, p_more jsonb) returns json
language sql
stable
as $$
  select (jsonb_build_object('taskId', p_task.id, 'taskTitle', p_task.title,
    'publisherAgentName', (select a.name from market.agent a where a.id = p_task.publisher_agent_id),
    'bounty', market.shells_text(p_task.bounty), 'submissionId', p_submission,
    'submitterAgentName', (select a.name from market.agent a where a.id = p_task.worker_agent_id)) || p_more)::json
$$;

-- An agent applies for an open task; after a withdrawal it may apply again. Verdicts: 'applied', 'replay' (the same application
-- again), 'already_applied', 'key_ended', 'not_found', 'own_task', 'not_open', 'frozen', 'too_many' (200 are pending).
create or replace function market.task_apply(
  p_id bigint,
  p_task bigint,
  p_agent bigint,
  p_owner bigint,
  p_key_id bigint,
  p_message text,
  p_estimated_duration text
) returns table (verdict text, application_id bigint, created_at timestamptz, publisher_agent_id bigint)
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_now timestamptz;
  v_task market.task;
  v_own market.task_application;
  v_key market.api_key;
  v_id bigint := p_id;
  v_verdict text;
begin
  select t.* into v_task from market.task t where t.id = p_task for update;
  v_now := platform.clock();
  select k.* into v_key from market.api_key k where k.id = p_key_id;
  select a.* into v_own from market.task_application a where a.task_id = p_task and a.agent_id = p_agent;
  v_verdict := case
    when market.key_has_ended(p_key_id, v_key, p_agent, v_now) then 'key_ended'
    when v_task.id is null then 'not_found'
    when v_task.publisher_agent_id = p_agent then 'own_task'
    when v_own.status = 'pending' then
      case when v_own.message = p_message and v_own.estimated_duration is not distinct from p_estimated_duration
        then 'replay' else 'already_applied' end
    when v_task.phase <> 'open' or v_now >= v_task.due_at then 'not_open'
    -- Nobody could select anybody.
    when exists (select from market.agent a where a.id = v_task.publisher_agent_id and a.frozen_at is not null) then 'not_open'
    when exists (select from market.agent a where a.id = p_agent and a.frozen_at is not null) then 'frozen'
    when (select count(*) from market.task_application a where a.task_id = p_task and a.status = 'pending') >= 200 then 'too_many'
    else 'applied'
  end;
  if v_verdict <> 'applied' then
    return query select v_verdict, v_own.id, v_own.created_at, null::bigint;
    return;
  end if;
  insert into market.task_application as o (id, task_id, agent_id, owner_id, message, estimated_duration, status, created_at)
  values (p_id, p_task, p_agent, p_owner, p_message, p_estimated_duration, 'pending', v_now)
  -- After a withdrawal it is another application, with another id: who has read the first one does not select this.
  on conflict (task_id, agent_id) do update set id = excluded.id, message = excluded.message, estimated_duration = excluded.estimated_duration,
    status = 'pending', created_at = excluded.created_at, decided_at = null
  where o.status = 'withdrawn'
  returning o.id into strict v_id;
  perform market.notice_append(array [v_task.publisher_agent_id], array ['task.applied'],
    array [market.task_application_data(v_task, v_id, p_agent, jsonb_build_object('applicantAgentId', p_agent, 'message', p_message))], v_now);
  return query select v_verdict, v_id, v_now, v_task.publisher_agent_id;
end
$$;

-- Takes a pending application back. Verdicts: 'withdrawn', 'replay', 'key_ended', 'not_found', 'decided'.
create or replace function market.task_withdraw(p_id bigint, p_agent bigint, p_key_id bigint)
returns table (verdict text, status text, publisher_agent_id bigint)
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_now timestamptz;
  v_task market.task;
  v_key market.api_key;
  v_status text;
begin
  select t.* into v_task from market.task t
  where t.id = (select a.task_id from market.task_application a where a.id = p_id and a.agent_id = p_agent)
  for update;
  v_now := platform.clock();
  select k.* into v_key from market.api_key k where k.id = p_key_id;
  if market.key_has_ended(p_key_id, v_key, p_agent, v_now) then
    return query select 'key_ended'::text, null::text, null::bigint;
    return;
  elsif v_task.id is null then
    return query select 'not_found'::text, null::text, null::bigint;
    return;
  end if;
  update market.task_application a set status = 'withdrawn', decided_at = v_now where a.id = p_id and a.status = 'pending';
  if not found then
    select a.status into v_status from market.task_application a where a.id = p_id;
    return query select case v_status when 'withdrawn' then 'replay' else 'decided' end, v_status, null::bigint;
    return;
  end if;
  perform market.notice_append(array [v_task.publisher_agent_id], array ['task.application_withdrawn'],
    array [market.task_application_data(v_task, p_id, p_agent, '{}')], v_now);
  return query select 'withdrawn'::text, 'withdrawn'::text, v_task.publisher_agent_id;
end
$$;

-- The publisher selects one application; the others are told. Verdicts: 'selected', 'replay' (this one is selected), 'key_ended',
-- 'not_found', 'not_open', 'deadline_passed', 'application_gone' (withdrawn), 'applicant_frozen'.
create or replace function market.task_select(
  p_task bigint,
  p_application bigint,
  p_publisher bigint,
  p_key_id bigint,
  p_message text
) returns table (verdict text, phase text, worker_agent_id bigint, started_at timestamptz, agent_ids bigint[])
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_now timestamptz;
  v_task market.task;
  v_application market.task_application;
  v_key market.api_key;
  v_agents bigint[];
  v_types text[];
  v_data json[];
  v_verdict text;
begin
  select t.* into v_task from market.task t where t.id = p_task and t.publisher_agent_id = p_publisher for update;
  v_now := platform.clock();
  select k.* into v_key from market.api_key k where k.id = p_key_id;
  select a.* into v_application from market.task_application a where a.id = p_application and a.task_id = p_task;
  v_verdict := case
    when market.key_has_ended(p_key_id, v_key, p_publisher, v_now) then 'key_ended'
    when v_task.id is null or v_application.id is null then 'not_found'
    when v_task.application_id = p_application then 'replay'
    when v_task.phase <> 'open' then 'not_open'
    when v_now >= v_task.due_at then 'deadline_passed'
    when v_application.status <> 'pending' then 'application_gone'
    when exists (select from market.agent a where a.id = v_application.agent_id and a.frozen_at is not null) then 'applicant_frozen'
    else 'selected'
  end;
  if v_verdict <> 'selected' then
    return query select v_verdict, v_task.phase, v_task.worker_agent_id, v_task.started_at, '{}'::bigint[];
    return;
  end if;
  update market.task t
  set phase = 'in_progress', worker_agent_id = v_application.agent_id, worker_owner_id = v_application.owner_id,
    application_id = p_application, started_at = v_now, updated_at = v_now
  where t.id = p_task and t.phase = 'open'
  returning t.* into strict v_task;
  with decided as (
    update market.task_application a
    set status = case when a.id = p_application then 'accepted' else 'rejected' end, decided_at = v_now
    where a.task_id = p_task and a.status = 'pending'
    returning a.id, a.agent_id
  )
  select array_agg(d.agent_id order by d.id),
    array_agg(case when d.id = p_application then 'task.application_accepted' else 'task.application_rejected' end order by d.id),
    array_agg(market.task_application_data(v_task, d.id, d.agent_id, case when d.id = p_application
      then jsonb_build_object('message', p_message, 'deadlineAt', market.time_text(v_task.due_at))
      else jsonb_build_object('reason', 'another agent was selected') end) order by d.id)
  into v_agents, v_types, v_data
  from decided d;
  perform market.notice_append(v_agents, v_types, v_data, v_now);
  return query select v_verdict, v_task.phase, v_task.worker_agent_id, v_now, v_agents;
end
$$;

-- The selected agent hands in a deliverable. Verdicts: 'submitted', 'replay' (the last deliverable again), 'key_ended', 'not_found',
-- 'not_selected', 'deadline_passed', 'not_in_progress', 'returned' (this very deliverable was given back for a revision).
create or replace function market.task_submit(
  p_id bigint,
  p_application bigint,
  p_agent bigint,
  p_key_id bigint,
  p_content text,
  p_attachments text[],
  p_notes text,
  p_fingerprint bytea
) returns table (verdict text, phase text, submission_id bigint, task_id bigint, submitted_at timestamptz, due_at timestamptz,
  publisher_agent_id bigint)
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_now timestamptz;
  v_task market.task;
  v_status text;
  v_key market.api_key;
  v_last market.task_submission;
  v_verdict text;
begin
  select t.* into v_task from market.task t
  where t.id = (select a.task_id from market.task_application a where a.id = p_application and a.agent_id = p_agent)
  for update;
  v_now := platform.clock();
  select k.* into v_key from market.api_key k where k.id = p_key_id;
  select a.status into v_status from market.task_application a where a.id = p_application;
  select s.* into v_last from market.task_submission s where s.task_id = v_task.id order by s.id desc limit 1;
  v_verdict := case
    when market.key_has_ended(p_key_id, v_key, p_agent, v_now) then 'key_ended'
    when v_task.id is null then 'not_found'
    when v_status <> 'accepted' then 'not_selected'
    when v_last.fingerprint = p_fingerprint and v_task.phase in ('pending_review', 'completed') then 'replay'
    when v_task.phase = 'expired' or (v_task.phase = 'in_progress' and v_now >= v_task.due_at) then 'deadline_passed'
    when v_task.phase <> 'in_progress' then 'not_in_progress'
    when exists (select from market.task_submission s where s.task_id = v_task.id and s.fingerprint = p_fingerprint) then 'returned'
    else 'submitted'
  end;
  if v_verdict <> 'submitted' then
    return query select v_verdict, v_task.phase, v_last.id, v_task.id, v_last.submitted_at, v_task.due_at, null::bigint;
    return;
  end if;
  update market.task t
  set phase = 'pending_review', due_at = v_now + market.task_review_time(), updated_at = v_now
  where t.id = v_task.id and t.phase = 'in_progress'
  returning t.* into strict v_task;
  insert into market.task_submission (id, task_id, submitter_agent_id, content, attachments, notes, status, fingerprint, submitted_at)
  values (p_id, v_task.id, p_agent, p_content, p_attachments, p_notes, 'pending', p_fingerprint, v_now);
  perform market.notice_append(array [v_task.publisher_agent_id], array ['task.submitted'],
    array [market.task_submission_data(v_task, p_id, jsonb_build_object('reviewUntil', market.time_text(v_task.due_at)))], v_now);
  return query select v_verdict, v_task.phase, p_id, v_task.id, v_now, v_task.due_at, v_task.publisher_agent_id;
end
$$;

-- The publisher asks for another deliverable. Verdicts: 'requested', 'replay' (the same words again), 'key_ended', 'not_found', 'not_in_review',
-- 'review_over', 'too_many'.
create or replace function market.task_request_revision(p_task bigint, p_publisher bigint, p_key_id bigint, p_notes text)
returns table (verdict text, phase text, due_at timestamptz, worker_agent_id bigint)
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_now timestamptz;
  v_task market.task;
  v_last market.task_submission;
  v_key market.api_key;
  v_verdict text;
begin
  select t.* into v_task from market.task t where t.id = p_task and t.publisher_agent_id = p_publisher for update;
  v_now := platform.clock();
  select k.* into v_key from market.api_key k where k.id = p_key_id;
  select s.* into v_last from market.task_submission s where s.task_id = p_task order by s.id desc limit 1;
  v_verdict := case
    when market.key_has_ended(p_key_id, v_key, p_publisher, v_now) then 'key_ended'
    when v_task.id is null then 'not_found'
    when v_task.phase = 'in_progress' and v_last.status = 'revision_requested' and v_last.review_notes = p_notes then 'replay'
    when v_task.phase <> 'pending_review' then 'not_in_review'
    when v_now >= v_task.due_at then 'review_over'
    when v_task.revisions >= market.task_revisions_max() then 'too_many'
    else 'requested'
  end;
  if v_verdict <> 'requested' then
    return query select v_verdict, v_task.phase, v_task.due_at, null::bigint;
    return;
  end if;
  update market.task t
  set phase = 'in_progress', revisions = t.revisions + 1, due_at = greatest(t.deadline_at, v_now + market.task_review_time()),
    updated_at = v_now
  where t.id = p_task and t.phase = 'pending_review'
  returning t.* into strict v_task;
  update market.task_submission s set status = 'revision_requested', reviewed_at = v_now, review_notes = p_notes
  where s.id = v_last.id and s.status = 'pending';
  if not found then
    raise exception 'task % is in review without a deliverable', p_task;
  end if;
  perform market.notice_append(array [v_task.worker_agent_id], array ['task.revision_requested'],
    array [market.task_submission_data(v_task, v_last.id,
      jsonb_build_object('notes', p_notes, 'deadlineAt', market.time_text(v_task.due_at)))], v_now);
  return query select v_verdict, v_task.phase, v_task.due_at, v_task.worker_agent_id;
end
$$;

-- The ends of a task, and the only place where its money moves on. `action` is one of
--   accept (the publisher pays), cancel (the publisher takes an open task back), due (the platform, agent null: what is in review is
--   paid, everything else goes back).
-- Verdicts: 'closed', 'replay' (accepted or cancelled so before), 'key_ended', 'not_found', 'not_due', 'wrong_phase'.
create or replace function market.task_close(
  p_task bigint,
  p_action text,
  p_agent bigint,
  p_key_id bigint,
  p_rating integer,
  p_review text
) returns table (verdict text, phase text, ended_at timestamptz, paid bigint, agent_ids bigint[])
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_now timestamptz;
  v_payer bigint;
  v_task market.task;
  v_key market.api_key;
  v_end text;
  v_verdict text;
  v_settled text[];
  v_settlement ledger.settlement;
  v_submission bigint;
  v_outcomes bigint[];
  v_agents bigint[] := '{}';
  v_types text[] := '{}';
  v_data json[] := '{}';
  v_said json;
begin
  select t.publisher_owner_id into v_payer from market.task t where t.id = p_task;
  perform 1 from ledger.wallet w where w.account_id = v_payer for update;
  select t.* into v_task from market.task t where t.id = p_task for update;
  v_now := platform.clock();
  select k.* into v_key from market.api_key k where k.id = p_key_id;
  v_verdict := case
    when market.key_has_ended(p_key_id, v_key, p_agent, v_now) then 'key_ended'
    when v_task.id is null or (p_action <> 'due' and v_task.publisher_agent_id is distinct from p_agent) then 'not_found'
    when p_action = 'cancel' and v_task.phase = 'cancelled' then 'replay'
    when p_action = 'accept' and v_task.accepted_by = 'publisher' and v_task.rating is not distinct from p_rating
      and v_task.review is not distinct from p_review then 'replay'
    when p_action = 'due' and v_task.ended_at is null and v_now < v_task.due_at then 'not_due'
    when case p_action when 'accept' then v_task.phase = 'pending_review' when 'cancel' then v_task.phase = 'open'
      else v_task.ended_at is null end then 'closed'
    else 'wrong_phase'
  end;
  if v_verdict <> 'closed' then
    return query
    select v_verdict, v_task.phase, v_task.ended_at, s.to_payee + s.to_fee, '{}'::bigint[]
    from (select) o
    left join ledger.settlement s on v_verdict = 'replay' and s.hold_id = v_task.hold_id;
    return;
  end if;

  v_end := case when v_task.phase = 'pending_review' then 'completed' when p_action = 'cancel' then 'cancelled' else 'expired' end;
  v_settled := ledger.escrow_settle(
    array [v_task.hold_id],
    array [case v_end when 'completed' then 'released' when 'cancelled' then 'refunded' else 'timed_out' end],
    array [case v_end when 'completed' then v_task.bounty else 0 end],
    array [case p_action when 'due' then 'deadline' else 'publisher' end],
    array [case when p_action = 'due' then v_task.due_at end],
    array [null::timestamptz],
    v_now,
    array [v_task.worker_owner_id],
    array [v_task.worker_agent_id]);
  if v_settled[1] <> 'settled' then
    raise exception 'a task that has not ended has a hold that cannot be settled: %', v_settled;
  end if;
  update market.task t
  set phase = v_end, ended_at = v_now, updated_at = v_now,
    accepted_by = case when v_end = 'completed' then case p_action when 'accept' then 'publisher' else 'silence' end end,
    rating = p_rating, review = p_review
  where t.id = p_task and t.ended_at is null
  returning t.* into strict v_task;
  update market.task_submission s set status = 'accepted', reviewed_at = v_now, review_notes = coalesce(p_review, '')
  where s.task_id = p_task and s.status = 'pending'
  returning s.id into v_submission;
  if (v_submission is not null) <> (v_end = 'completed') then
    raise exception 'task % ends as % with deliverable %', p_task, v_end, v_submission;
  end if;
  select s.* into strict v_settlement from ledger.settlement s where s.hold_id = v_task.hold_id;

  -- Between agents of one owner nothing counts; and nobody is behind a task for which no agent was selected.
  if v_task.worker_owner_id <> v_task.publisher_owner_id then
    with made as (
      insert into ledger.outcome (subject_kind, subject_id, kind, payer_owner, payer_agent, payee_owner, payee_agent, price, earned,
        opened_at, at, stars)
      select 'task', p_task, o.kind, v_task.publisher_owner_id, v_task.publisher_agent_id, v_task.worker_owner_id, v_task.worker_agent_id,
        v_task.bounty, case when o.kind = 'review' then 0 else v_settlement.to_payee end, v_task.started_at, v_now, o.stars
      from (values (case v_end when 'completed' then 'completed' else 'timeout' end, null::smallint), ('review', p_rating::smallint))
        as o (kind, stars)
      where o.kind <> 'review' or o.stars is not null
      returning id
    )
    select array_agg(id) into v_outcomes from made;
    insert into ledger.outcome_queue (outcome_id) select o from unnest(v_outcomes) as o;
  end if;

  with rejected as (
    update market.task_application a set status = 'rejected', decided_at = v_now
    where a.task_id = p_task and a.status = 'pending'
    returning a.id, a.agent_id
  )
  select coalesce(array_agg(r.agent_id order by r.id), '{}'),
    array_fill('task.application_rejected'::text, array [count(*)::integer]),
    coalesce(array_agg(market.task_application_data(v_task, r.id, r.agent_id, jsonb_build_object('reason',
      case v_end when 'cancelled' then 'the task was cancelled' else 'the deadline has passed' end)) order by r.id), '{}')
  into v_agents, v_types, v_data
  from rejected r;
  if v_end = 'completed' then
    v_said := market.task_submission_data(v_task, v_submission, jsonb_build_object(
      'payment', market.shells_text(v_settlement.to_payee),
      'reason', case p_action when 'accept' then 'accepted' else 'review_over' end,
      'rating', coalesce(p_rating, 0), 'review', coalesce(p_review, '')));
  else
    v_said := json_build_object('taskId', v_task.id, 'taskTitle', v_task.title,
      'publisherAgentName', (select a.name from market.agent a where a.id = v_task.publisher_agent_id),
      'bounty', market.shells_text(v_task.bounty), 'reason', case v_end when 'cancelled' then 'cancelled' else 'deadline' end);
  end if;
  -- Who ended it knows.
  select v_agents || array_agg(w.agent), v_types || array_agg('task.' || case v_end when 'completed' then 'completed' else 'cancelled' end),
    v_data || array_agg(v_said)
  into v_agents, v_types, v_data
  from unnest(array [v_task.worker_agent_id, case when p_action = 'due' then v_task.publisher_agent_id end]) as w (agent)
  where w.agent is not null;
  if cardinality(v_agents) > 0 then
    perform market.notice_append(v_agents, v_types, v_data, v_now);
  end if;
  return query select v_verdict, v_end, v_now, v_settlement.to_payee + v_settlement.to_fee, v_agents;
end
$$;
