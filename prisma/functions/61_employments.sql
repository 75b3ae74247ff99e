-- Employments: one agent hires another by the hour. Each write is one call; `libs/employments/employment.ts` has the process.
-- Lock order: the employer's owner's wallet, then the employment's row, then keys, inserts, event streams.

-- What every event of an employment says.
create or replace function market.employment_said(p_row market.employment) returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_strip_nulls(jsonb_build_object(
    'employmentId', p_row.id,
    'employerAgentId', p_row.employer_agent_id,
    'employerAgentName', r.name,
    'employeeAgentId', p_row.employee_agent_id,
    'employeeAgentName', e.name,
    'salary', market.shells_text(p_row.salary),
    'stakedAmount', market.shells_text(case when p_row.hold_id is null then 0 else p_row.stake end),
    'duration', p_row.duration_hours))
  from market.agent r, market.agent e
  where r.id = p_row.employer_agent_id and e.id = p_row.employee_agent_id
$$;

-- How the money of an employment that has ended was divided, as its last event says it.
create or replace function market.employment_bill_said(p_row market.employment) returns jsonb
language sql
immutable
set search_path = ''
as $$
  select jsonb_build_object(
    'totalDuration', coalesce(floor(extract(epoch from p_row.ended_at - p_row.started_at))::bigint, 0),
    'billedHours', p_row.billed_hours,
    'totalPayment', market.shells_text(p_row.payment),
    'refundAmount', market.shells_text(case when p_row.hold_id is null then 0 else p_row.stake - p_row.payment end),
    'endTime', market.time_text(p_row.ended_at))
$$;

-- Offers an employment: key, both agents, the hold of the stake, the row, the event. `verdict` is one of
--   offered, replay (employment_id is the first one), key_reused, key_ended (the API key was revoked or has expired), employer_frozen,
--   own_agent, employee_not_found, employee_frozen, too_many (the employer has `p_pending_max` offers waiting),
--   insufficient_funds, over_budget, consent_needed, approval_ended.
-- It lasts as long as was agreed, and no longer than the stake pays for whole hours; `p_hours_max` where no duration was agreed.
-- Before migration 0028 it had a parameter less.
drop function if exists market.employment_offer(bigint, bigint, bigint, bigint, bigint, bigint, integer, text, bytea, integer, integer, integer);

create or replace function market.employment_offer(
  p_employer_agent bigint,
  p_employer_owner bigint,
  p_key_id bigint,
  p_employee_agent bigint,
  p_salary bigint,
  p_stake bigint,
  p_duration_hours integer,
  p_key text,
  p_fingerprint bytea,
  p_offer_hours integer,
  p_hours_max integer,
  p_pending_max integer,
  -- What the employer's owner has approved.
  p_approval_id bigint default null
) returns table (verdict text, employment_id bigint, staked bigint, created_at timestamptz, due_at timestamptz)
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_now timestamptz;
  v_api_key market.api_key;
  v_kept ledger.idempotency;
  v_employer market.agent;
  v_employee market.agent;
  v_verdict text;
  v_row market.employment;
begin
  -- Whatever this owner's agents offer at the same moment waits here: duplicates of a key, and offers that are counted.
  perform 1 from ledger.wallet w where w.account_id = p_employer_owner for update;
  v_now := platform.clock();
  select k.* into v_api_key from market.api_key k where k.id = p_key_id;
  if p_key is not null then
    select i.* into v_kept from ledger.idempotency i
    where i.principal_id = p_employer_agent and i.key_hash = ledger.key_hash('agent', p_key);
  end if;
  select a.* into v_employer from market.agent a where a.id = p_employer_agent;
  select a.* into v_employee from market.agent a where a.id = p_employee_agent;
  v_verdict := case
    when market.key_has_ended(p_key_id, v_api_key, p_employer_agent, v_now) then 'key_ended'
    when v_kept.result_id is not null then case when v_kept.fingerprint = p_fingerprint then 'replay' else 'key_reused' end
    when v_employer.frozen_at is not null then 'employer_frozen'
    when p_employee_agent = p_employer_agent then 'own_agent'
    when v_employee.id is null then 'employee_not_found'
    when v_employee.frozen_at is not null then 'employee_frozen'
    when p_pending_max <= (
      select count(*)
      from (
        select
        from market.employment m
        where m.employer_agent_id = p_employer_agent and m.phase = 'pending'
        limit p_pending_max) waiting)
      then 'too_many'
    when p_approval_id is not null and not market.approval_holds(p_approval_id, p_employer_agent, 'hire', p_stake) then 'approval_ended'
    else 'offered'
  end;
  if v_verdict = 'replay' then
    return query
    select v_verdict, m.id, case when m.hold_id is null then 0 else m.stake end, m.created_at,
      m.offer_ends_at
    from market.employment m
    where m.id = v_kept.result_id;
    return;
  elsif v_verdict <> 'offered' then
    return query select v_verdict, null::bigint, p_stake, v_now, null::timestamptz;
    return;
  end if;

  v_row.id := platform.next_id('market.employment_id');
  v_row.employer_agent_id := p_employer_agent;
  v_row.employer_owner_id := p_employer_owner;
  v_row.employee_agent_id := p_employee_agent;
  v_row.employee_owner_id := v_employee.owner_id;
  v_row.salary := p_salary;
  v_row.stake := p_stake;
  v_row.duration_hours := p_duration_hours;
  v_row.hours := least(coalesce(p_duration_hours, p_hours_max), p_stake / p_salary);
  v_row.uses_up := p_stake / p_salary < coalesce(p_duration_hours, p_hours_max);
  v_row.phase := 'pending';
  v_row.created_at := v_now;
  v_row.offer_ends_at := v_now + p_offer_hours * interval '1 hour';
  v_row.due_at := v_row.offer_ends_at;

  -- Between agents of one owner nothing is charged.
  if v_employee.owner_id <> p_employer_owner then
    v_row.hold_id := platform.next_id('ledger.hold_id');
    v_verdict := ledger.spend_take(p_employer_agent, 'hire', p_stake, null, p_employee_agent, p_approval_id is not null, v_now);
    if v_verdict = 'taken' then
      v_verdict := (ledger.escrow_hold(array [v_row.hold_id], array [p_employer_owner], array [p_employer_agent],
        array [v_employee.owner_id], array [p_employee_agent], 'employment', array [v_row.id], array [p_stake],
        array [coalesce((select f.basis_points from ledger.fee_rate f where f.category = v_employee.category), 0)],
        -- Accepted at the last moment, it lasts so long from then.
        array [v_row.offer_ends_at + v_row.hours * interval '1 hour'], v_now))[1];
      if v_verdict <> 'held' then
        perform ledger.spend_give_back(p_employer_agent, p_stake, null, p_employee_agent);
      end if;
    end if;
    if v_verdict <> 'held' then
      return query select v_verdict, null::bigint, p_stake, v_now, null::timestamptz;
      return;
    end if;
  end if;
  insert into market.employment (id, hold_id, employer_agent_id, employer_owner_id, employee_agent_id, employee_owner_id, salary, stake,
    duration_hours, hours, uses_up, phase, created_at, offer_ends_at, due_at)
  values (v_row.id, v_row.hold_id, p_employer_agent, p_employer_owner, p_employee_agent, v_row.employee_owner_id, p_salary, p_stake,
    p_duration_hours, v_row.hours, v_row.uses_up, v_row.phase, v_now, v_row.offer_ends_at, v_row.due_at);
  if p_key is not null
    and not ledger.keep_key('agent', p_employer_agent, p_key, 'employ', p_fingerprint, v_row.id, v_now) then
    raise exception 'the key of employment % was taken although its wallet is locked', v_row.id using errcode = 'unique_violation';
  end if;
  if p_approval_id is not null then
    perform market.approval_use(p_approval_id, v_row.id, array [p_employee_agent], v_now);
  end if;
  perform market.notice_append(array [p_employee_agent], array ['employment.offered'],
    array [(market.employment_said(v_row) || jsonb_build_object('expiresAt', market.time_text(v_row.due_at)))::json], v_now);
  return query select 'offered', v_row.id, case when v_row.hold_id is null then 0 else p_stake end, v_now, v_row.due_at;
end
$$;

-- What an action may do to the employment as it stands, by the clock of the call. Inlined where it is used.
create or replace function market.employment_verdict(
  p_row market.employment,
  p_action text,
  p_actor_agent bigint,
  p_is_frozen boolean,
  p_now timestamptz
) returns text
language sql
immutable
as $$
  select case
    when p_row.id is null then 'not_found'
    when p_action in ('accept', 'reject') and p_row.employee_agent_id is distinct from p_actor_agent then 'not_found'
    when p_action = 'terminate' and coalesce(p_actor_agent not in (p_row.employer_agent_id, p_row.employee_agent_id), true) then 'not_found'
    when p_action = 'end' and p_actor_agent is not null then 'not_found'
    -- The second click gets the first answer.
    when p_action = 'accept' and p_row.phase = 'active' then 'replay'
    when p_action = 'reject' and p_row.phase = 'rejected' then 'replay'
    when p_action = 'terminate' and p_row.phase in ('terminated', 'withdrawn') and p_row.ended_by = p_actor_agent then 'replay'
    when p_row.ended_at is not null then case p_row.phase when 'expired' then 'offer_expired' else 'ended' end
    when p_action = 'end' then case when p_now >= p_row.due_at then 'done' else 'not_due' end
    when p_now >= p_row.due_at then case p_row.phase when 'pending' then 'offer_expired' else 'ended' end
    when p_action = 'accept' and p_is_frozen then 'employee_frozen'
    when p_action = 'reject' and p_row.phase = 'active' then 'is_active'
    when p_action = 'terminate' and p_row.phase = 'pending' and p_row.employee_agent_id = p_actor_agent then 'is_pending'
    else 'done'
  end
$$;

-- One step of an employment: accept, reject (by the employee), terminate (by either party; a pending offer by its employer only), end
-- (by the platform: actor agent null). `verdict` is one of
--   done, replay (the same step by the same agent again), key_ended, employee_frozen, not_found (unknown, or not this agent's to do),
--   offer_expired, ended (it had ended before, or was due: then this call has ended it as the platform would), is_active (too late to
--   reject), is_pending (nothing to terminate yet), not_due (end before its time).
-- `has_changed`: whether this call changed it, whatever the verdict. The first to come decides, under the wallet's and the row's lock.
create or replace function market.employment_step(
  p_id bigint,
  p_action text,
  p_actor_agent bigint,
  p_key_id bigint,
  p_words text
) returns table (
  verdict text,
  has_changed boolean,
  phase text,
  employer_agent_id bigint,
  employee_agent_id bigint,
  staked bigint,
  payment bigint,
  billed_hours bigint,
  due_at timestamptz,
  started_at timestamptz,
  ended_at timestamptz
)
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_now timestamptz;
  v_api_key market.api_key;
  v_row market.employment;
  v_verdict text;
  v_is_overdue boolean;
  v_settled text[];
  v_outcome bigint;
begin
  perform 1
  from ledger.wallet w
  where w.account_id = (select m.employer_owner_id from market.employment m where m.id = p_id and m.ended_at is null and m.hold_id is not null)
  for update;
  select m.* into v_row from market.employment m where m.id = p_id for update;
  v_now := platform.clock();
  if p_key_id is not null then
    select k.* into v_api_key from market.api_key k where k.id = p_key_id;
  end if;
  v_verdict := case
    when market.key_has_ended(p_key_id, v_api_key, p_actor_agent, v_now) then 'key_ended'
    else market.employment_verdict(v_row, p_action, p_actor_agent,
      exists (select from market.agent a where a.id = p_actor_agent and a.frozen_at is not null), v_now)
  end;
  -- A party that comes too late finds it ended: by this call, if the platform has not come yet.
  v_is_overdue := v_verdict in ('offer_expired', 'ended') and v_row.ended_at is null;
  if v_verdict <> 'done' and not v_is_overdue then
    return query
    select v_verdict, false, v_row.phase, v_row.employer_agent_id, v_row.employee_agent_id,
      case when v_row.hold_id is null then 0 else v_row.stake end, v_row.payment, v_row.billed_hours, v_row.due_at, v_row.started_at,
      v_row.ended_at;
    return;
  end if;

  if p_action = 'accept' and not v_is_overdue then
    v_row.phase := 'active';
    v_row.started_at := v_now;
    v_row.due_at := v_now + v_row.hours * interval '1 hour';
  else
    v_row.phase := case
      when p_action = 'end' or v_is_overdue then case v_row.phase when 'pending' then 'expired' else 'completed' end
      when p_action = 'reject' then 'rejected'
      when v_row.phase = 'pending' then 'withdrawn'
      else 'terminated'
    end;
    -- However late somebody looks: it ended when its time was over.
    v_row.ended_at := least(v_now, v_row.due_at);
    v_row.ended_by := case when v_row.phase in ('rejected', 'withdrawn', 'terminated') then p_actor_agent end;
    v_row.reason := case when v_row.phase in ('rejected', 'withdrawn', 'terminated') then p_words end;
    v_row.billed_hours := case v_row.phase
      when 'completed' then case when v_row.uses_up then ceil(v_row.stake::numeric / v_row.salary)::bigint else v_row.hours end
      when 'terminated' then greatest(1, ceil(extract(epoch from v_row.ended_at - v_row.started_at) / 3600)::bigint)
      else 0
    end;
    v_row.payment := case when v_row.hold_id is null then 0
      else least(v_row.billed_hours::numeric * v_row.salary, v_row.stake)::bigint end;
  end if;

  if v_row.hold_id is not null and v_row.ended_at is not null then
    v_settled := ledger.escrow_settle(
      array [v_row.hold_id],
      array [case when v_row.payment > 0 then 'released' when v_row.phase = 'expired' then 'timed_out' else 'refunded' end],
      array [v_row.payment],
      array [case when v_row.ended_by is null then 'deadline' when v_row.ended_by = v_row.employer_agent_id then 'employer'
        else 'employee' end],
      array [case when v_row.ended_by is null then v_row.due_at end],
      array [case when v_row.ended_by is not null then v_row.due_at end],
      v_now);
    if v_settled[1] <> 'settled' then
      raise exception 'employment % has a hold that cannot be settled: %', p_id, v_settled;
    end if;
  end if;

  update market.employment m
  set phase = v_row.phase, due_at = v_row.due_at, started_at = v_row.started_at, ended_at = v_row.ended_at, ended_by = v_row.ended_by,
    billed_hours = v_row.billed_hours, payment = v_row.payment, reason = v_row.reason
  where m.id = p_id and m.ended_at is null;
  if not found then
    raise exception 'employment % has ended although its row is locked', p_id;
  end if;

  -- Between agents of one owner nothing is charged and nothing counts. What ran to its end is completed; an offer that came to nothing
  -- and work that was broken off speak neither for nor against the employee, but what it earned is counted.
  if v_row.hold_id is not null and v_row.ended_at is not null then
    insert into ledger.outcome (subject_kind, subject_id, kind, payer_owner, payer_agent, payee_owner, payee_agent, price, earned,
      opened_at, at)
    select 'employment', p_id, case v_row.phase when 'completed' then 'completed' else 'cancelled' end, v_row.employer_owner_id,
      v_row.employer_agent_id, v_row.employee_owner_id, v_row.employee_agent_id, v_row.stake, s.to_payee,
      coalesce(v_row.started_at, v_row.created_at), v_now
    from ledger.settlement s
    where s.hold_id = v_row.hold_id
    returning id into strict v_outcome;
    insert into ledger.outcome_queue (outcome_id) values (v_outcome);
  end if;

  perform market.notice_append(array_agg(e.agent_id order by e.agent_id), array_agg(e.type order by e.agent_id),
    array_agg(e.data order by e.agent_id), v_now)
  from (
    select a.agent_id,
      case v_row.phase
        when 'active' then 'employment.accepted'
        when 'rejected' then 'employment.rejected'
        when 'expired' then 'employment.rejected'
        when 'completed' then 'employment.completed'
        else 'employment.terminated'
      end as type,
      (market.employment_said(v_row) || case
        when v_row.phase = 'active' then jsonb_build_object('startTime', market.time_text(v_now),
          'endsAt', market.time_text(v_row.due_at), 'message', coalesce(p_words, ''))
        when v_row.phase in ('rejected', 'expired') then jsonb_build_object('phase', v_row.phase, 'reason', coalesce(v_row.reason, ''),
          'refundAmount', market.shells_text(case when v_row.hold_id is null then 0 else v_row.stake end))
        when v_row.phase = 'completed' then market.employment_bill_said(v_row)
          || jsonb_build_object('reason', case when v_row.uses_up then 'stake_used_up' else 'agreed_end' end)
        else market.employment_bill_said(v_row) || jsonb_build_object('phase', v_row.phase, 'reason', coalesce(v_row.reason, ''),
          'endedBy', case when v_row.ended_by = v_row.employer_agent_id then 'employer' else 'employee' end)
      end)::json as data
    -- Both hear of what the platform did, and of what one of them did the other.
    from (values (v_row.employer_agent_id), (v_row.employee_agent_id)) as a (agent_id)
    where a.agent_id is distinct from case when p_action = 'accept' and v_row.phase = 'active' then p_actor_agent else v_row.ended_by end
  ) e;
  return query
  select v_verdict, true, v_row.phase, v_row.employer_agent_id, v_row.employee_agent_id,
    case when v_row.hold_id is null then 0 else v_row.stake end, v_row.payment, v_row.billed_hours, v_row.due_at, v_row.started_at,
    v_row.ended_at;
end
$$;

-- Which employments are due, longest first, without locking: their end takes the locks in order.
create or replace function market.employments_due(p_limit integer) returns setof bigint
language sql
stable
security definer
set search_path = ''
as $$
  select id from market.employment where ended_at is null and due_at <= (select platform.clock()) order by due_at limit p_limit
$$;
