-- Whether the key that the item came with has ended since it was looked up: processes remember keys for a moment. An item without
-- one is the platform's own. Inlined where it is used.
create or replace function market.key_has_ended(p_key_id bigint, p_key market.api_key, p_agent_id bigint, p_now timestamptz) returns boolean
language sql
immutable
as $$
  select p_key_id is not null
    and (p_key.agent_id is distinct from p_agent_id or p_key.revoked_at is not null or coalesce(p_key.expires_at <= p_now, false))
$$;

-- Whether an item may be opened, load and money aside: the rule of every open. Inlined where it is used.
create or replace function market.opening_verdict(
  p_key_has_ended boolean,
  p_kept ledger.idempotency,
  p_caller market.agent,
  p_service market.service,
  p_provider market.agent,
  p_caller_owner bigint,
  p_version integer,
  p_max_price bigint,
  p_fingerprint bytea
) returns text
language sql
immutable
as $$
  select case
    when p_key_has_ended then 'key_ended'
    when p_kept.result_id is not null then case when p_kept.fingerprint = p_fingerprint then 'replay' else 'key_reused' end
    when p_caller.frozen_at is not null then 'caller_frozen'
    when p_service.id is null then 'service_not_found'
    when p_service.agent_id = p_caller.id then 'own_service'
    when not p_service.is_active then 'service_inactive'
    when p_provider.frozen_at is not null then 'provider_frozen'
    when p_service.version <> p_version then 'stale_version'
    when p_service.owner_id <> p_caller_owner and p_service.price > p_max_price then 'price_above_maximum'
    else 'opened'
  end
$$;

-- Opens invocations: idempotency, state of the service, load, escrow, the row, the event; one call, one transaction.
-- Parallel arrays, one element an item; one row an item, in order. `verdict` is one of
--   opened, replay (invocation_id is the first one), key_reused, key_ended (the API key was revoked or has expired), service_not_found, service_inactive, provider_frozen, caller_frozen,
--   own_service, stale_version (the caller's copy of the service is out of date: look again), price_above_maximum (price is
--   the current one), insufficient_funds, over_budget, consent_needed, approval_ended (the approval that it came with does not stand
--   for this), busy, busy_with_caller,
--   again (this item depends on a neighbour in the same call: send it alone).
-- Locks: the callers' wallets by id, then load rows, then keys, then event streams by agent.
-- Before migration 0028 it had a parameter less.
drop function if exists market.invocation_open(bigint[], bigint[], bigint[], bigint[], bigint[], integer[], bigint[], json[], text[],
  bytea[], integer, bigint[], text[]);

create or replace function market.invocation_open(
  p_ids bigint[],
  p_hold_ids bigint[],
  p_caller_agents bigint[],
  p_caller_owners bigint[],
  p_service_ids bigint[],
  p_versions integer[],
  p_max_prices bigint[],
  p_inputs json[],
  p_keys text[],
  p_fingerprints bytea[],
  p_timeout_min_ms integer,
  -- The API keys that the callers came with.
  p_key_ids bigint[] default null,
  -- The callers' trace contexts; null, as a process of the version before has it, when there is none.
  p_traceparents text[] default null,
  -- What the caller's owner has approved; only with a call of one item.
  p_approval_id bigint default null
) returns table (item integer, verdict text, invocation_id bigint, price bigint, created_at timestamptz, deadline_at timestamptz, provider_agent_id bigint)
language plpgsql
security definer
set search_path = ''
-- One plan for every call, on the indexes, whatever the statistics say: planning anew costs more than all the rest, and a
-- plan made while a table was small must still do when it is large.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
-- And `= any (array [x])` for `= x` wherever a list meets a table: that cannot be hashed or merged, so every item looks up its own
-- row. Of a small or empty table a plan would read the whole index and hash it, and would go on when the table has grown.
as $$
#variable_conflict use_column
declare
  v_now timestamptz;
  v_verdict text;
  v_verdicts text[];
  v_held text[];
  v_items integer[];
  v_item integer;
  v_prices bigint[];
  v_fees integer[];
  v_deadlines timestamptz[];
  v_providers bigint[];
  v_provider_owners bigint[];
  v_results bigint[];
  v_limits integer[];
  v_caller_limits integer[];
  v_categories text[];
  v_is_counted boolean[];
  v_judged text[];
  v_is_first boolean;
  v_has_refused boolean;
  v_one record;
begin
  perform 1 from ledger.wallet where account_id = any (p_caller_owners) order by account_id for update;
  v_now := platform.clock();

  -- Everything but load and money, seen after the wallets are locked: a duplicate of the same caller that committed
  -- while this call waited is visible here.
  if cardinality(p_ids) = 1 then
    select market.opening_verdict(market.key_has_ended(p_key_ids[1], a, p_caller_agents[1], v_now),
        k, c, s, p, p_caller_owners[1], p_versions[1], p_max_prices[1], p_fingerprints[1]) as verdict,
      case when s.owner_id = p_caller_owners[1] then 0 else s.price end as price, coalesce(f.basis_points, 0) as fee,
      v_now + greatest(2 * s.avg_response_ms, p_timeout_min_ms) * interval '1 millisecond' as deadline,
      s.agent_id as provider, s.owner_id as provider_owner, k.result_id as result, s.max_pending, s.max_pending_per_caller,
      s.category, exists (select from ledger.spender r where r.agent_id = p_caller_agents[1]) as is_counted
    into v_one
    from (select) i
    left join market.api_key a on a.id = p_key_ids[1]
    left join market.agent c on c.id = p_caller_agents[1]
    left join market.service s on s.id = p_service_ids[1]
    left join market.agent p on p.id = s.agent_id
    left join ledger.fee_rate f on f.category = s.category
    left join ledger.idempotency k on k.principal_id = p_caller_agents[1] and k.key_hash = ledger.key_hash('agent', p_keys[1]);
    v_verdict := v_one.verdict;
    v_prices := array [v_one.price];
    v_fees := array [v_one.fee];
    v_deadlines := array [v_one.deadline];
    v_providers := array [v_one.provider];
    v_provider_owners := array [v_one.provider_owner];
    v_results := array [v_one.result];
    if v_verdict = 'opened' and p_approval_id is not null
      and not market.approval_holds(p_approval_id, p_caller_agents[1], 'invoke', v_prices[1]) then
      v_verdict := 'approval_ended';
    end if;
    if v_verdict = 'opened' then
      -- The service's row is always there; the caller's is made on its first call.
      update market.service_load set pending = pending + 1
      where service_id = p_service_ids[1] and caller_agent_id = 0 and pending < v_one.max_pending;
      if not found then
        v_verdict := 'busy';
      else
        insert into market.service_load as l (service_id, caller_agent_id, pending) values (p_service_ids[1], p_caller_agents[1], 1)
        on conflict (service_id, caller_agent_id) do update set pending = l.pending + 1 where l.pending < v_one.max_pending_per_caller;
        if not found then
          v_verdict := 'busy_with_caller';
        elsif v_prices[1] > 0 then
          if v_one.is_counted then
            v_held := array [ledger.spend_take(p_caller_agents[1], 'invoke', v_prices[1], v_one.category, v_one.provider,
              p_approval_id is not null, v_now)];
          end if;
          if not v_one.is_counted or v_held[1] = 'taken' then
            v_held := ledger.escrow_hold(p_hold_ids, p_caller_owners, p_caller_agents, v_provider_owners, v_providers,
              'invocation', p_ids, v_prices, v_fees, v_deadlines, v_now);
            if v_one.is_counted and v_held[1] <> 'held' then
              perform ledger.spend_give_back(p_caller_agents[1], v_prices[1], v_one.category, v_one.provider);
            end if;
          end if;
          if v_held[1] <> 'held' then
            v_verdict := v_held[1];
            update market.service_load set pending = pending - 1
            where service_id = p_service_ids[1] and caller_agent_id = p_caller_agents[1];
          end if;
        end if;
        if v_verdict <> 'opened' then
          update market.service_load set pending = pending - 1 where service_id = p_service_ids[1] and caller_agent_id = 0;
        end if;
      end if;
    end if;
    if v_verdict = 'opened' then
      insert into market.invocation (id, hold_id, service_id, version, caller_agent_id, caller_owner_id, provider_agent_id,
        provider_owner_id, price, status, input, created_at, deadline_at, traceparent)
      values (p_ids[1], case when v_prices[1] > 0 then p_hold_ids[1] end, p_service_ids[1], p_versions[1], p_caller_agents[1], p_caller_owners[1],
        v_providers[1], v_provider_owners[1], v_prices[1], 'pending', p_inputs[1], v_now, v_deadlines[1], p_traceparents[1]);
      if p_keys[1] is not null then
        insert into ledger.idempotency (principal_kind, principal_id, key_hash, operation, fingerprint, result_id, created_at)
        values ('agent', p_caller_agents[1], ledger.key_hash('agent', p_keys[1]), 'invoke', p_fingerprints[1], p_ids[1], v_now);
      end if;
      if p_approval_id is not null then
        perform market.approval_use(p_approval_id, p_ids[1], v_providers, v_now);
      end if;
      perform market.event_append(v_providers, array ['invocation.invoked'], p_ids, v_now);
    end if;
    if v_verdict <> 'replay' then
      return query select 1, v_verdict, coalesce(v_one.result, p_ids[1]), v_one.price, v_now, v_one.deadline, v_one.provider;
      return;
    end if;
    v_verdicts := array [v_verdict];
  else
    select
      array_agg(case when i.turn > 1 and k.result_id is null then 'again'
        else market.opening_verdict(market.key_has_ended(i.key_id, a, i.caller_agent, v_now),
          k, c, s, p, i.caller_owner, i.version, i.max_price, i.fingerprint) end order by i.item),
      array_agg(case when s.owner_id = i.caller_owner then 0 else s.price end order by i.item),
      array_agg(coalesce(f.basis_points, 0) order by i.item),
      array_agg(v_now + greatest(2 * s.avg_response_ms, p_timeout_min_ms) * interval '1 millisecond' order by i.item),
      array_agg(s.agent_id order by i.item),
      array_agg(s.owner_id order by i.item),
      array_agg(k.result_id order by i.item),
      array_agg(s.max_pending order by i.item),
      array_agg(s.max_pending_per_caller order by i.item),
      array_agg(s.category order by i.item),
      -- Of a table that was empty when the plan was made a join would read the whole index.
      array_agg((select r.agent_id from ledger.spender r where r.agent_id = i.caller_agent) is not null order by i.item)
    into v_verdicts, v_prices, v_fees, v_deadlines, v_providers, v_provider_owners, v_results, v_limits, v_caller_limits, v_categories,
      v_is_counted
    from (
      select u.*, case when u.key is null then 1 else row_number() over (partition by u.caller_agent, u.key order by u.item) end as turn
      from unnest(p_caller_agents, p_caller_owners, p_service_ids, p_versions, p_max_prices, p_keys, p_fingerprints, p_key_ids)
        with ordinality as u (caller_agent, caller_owner, service_id, version, max_price, key, fingerprint, key_id, item)
    ) i
    left join market.api_key a on a.id = any (array [i.key_id])
    left join market.agent c on c.id = any (array [i.caller_agent])
    left join market.service s on s.id = any (array [i.service_id])
    left join market.agent p on p.id = any (array [s.agent_id])
    left join ledger.fee_rate f on f.category = any (array [s.category])
    left join ledger.idempotency k
      on k.principal_id = any (array [i.caller_agent]) and k.key_hash = any (array [ledger.key_hash('agent', i.key)]);

    -- Load: first the caller's limit, then the service's among what is left. Rows are locked by service and caller; the service's own
    -- has caller 0, so it comes first and keeps others from making the caller's row, which is made on its first call.
    loop
      with item as (
        select i.item, i.service_id, i.caller_agent, i.verdict, i.max_pending, i.max_pending_per_caller
        from unnest(p_service_ids, p_caller_agents, v_verdicts, v_limits, v_caller_limits)
          with ordinality as i (service_id, caller_agent, verdict, max_pending, max_pending_per_caller, item)
      ), load as materialized (
        select l.service_id, l.caller_agent_id, l.pending
        from (
          select distinct i.service_id, c.caller_agent
          from item i, lateral (values (0::bigint), (i.caller_agent)) as c (caller_agent)
          where i.verdict = 'opened'
        ) n
        join market.service_load l on l.service_id = any (array [n.service_id]) and l.caller_agent_id = any (array [n.caller_agent])
        order by n.service_id, n.caller_agent
        for update of l
      )
      select
        array_agg(
          case
            when j.verdict <> 'opened' then j.verdict
            when not j.fits_caller then 'busy_with_caller'
            when j.pending + j.place > j.max_pending then 'busy'
            else 'opened'
          end order by j.item),
        coalesce(bool_or(j.is_first), false)
      into v_judged, v_is_first
      from (
        select c.*, row_number() over (partition by c.service_id, c.verdict, c.fits_caller order by c.item) as place
        from (
          select i.*, t.pending, i.verdict = 'opened' and l.service_id is null as is_first,
            coalesce(l.pending, 0) + row_number() over (partition by i.service_id, i.caller_agent, i.verdict order by i.item)
              <= i.max_pending_per_caller as fits_caller
          from item i
          left join load t on t.service_id = i.service_id and t.caller_agent_id = 0
          left join load l on l.service_id = i.service_id and l.caller_agent_id = i.caller_agent
        ) c
      ) j;
      exit when not v_is_first;
      insert into market.service_load (service_id, caller_agent_id, pending)
      select distinct i.service_id, i.caller_agent, 0
      from unnest(p_service_ids, p_caller_agents, v_verdicts) as i (service_id, caller_agent, verdict)
      where i.verdict = 'opened'
      order by i.service_id, i.caller_agent
      on conflict (service_id, caller_agent_id) do nothing;
    end loop;
    v_verdicts := v_judged;

    -- What owners allow, one after another: each is counted before the next is judged.
    if true = any (v_is_counted) then
      for v_n in 1 .. cardinality(v_verdicts) loop
        if v_is_counted[v_n] and v_verdicts[v_n] = 'opened' and v_prices[v_n] > 0 then
          v_verdict := ledger.spend_take(p_caller_agents[v_n], 'invoke', v_prices[v_n], v_categories[v_n], v_providers[v_n], false, v_now);
          if v_verdict <> 'taken' then
            v_verdicts[v_n] := v_verdict;
            v_has_refused := true;
          end if;
        end if;
      end loop;
    end if;

    -- Money, for the items that cost some; mostly that is all of them.
    if 'opened' = all (v_verdicts) and 0 < all (v_prices) then
      v_held := ledger.escrow_hold(p_hold_ids, p_caller_owners, p_caller_agents, v_provider_owners, v_providers,
        'invocation', p_ids, v_prices, v_fees, v_deadlines, v_now);
    else
      select array_agg(i.item::integer order by i.item) into v_items
      from unnest(v_verdicts, v_prices) with ordinality as i (verdict, price, item)
      where i.verdict = 'opened' and i.price > 0;
      if cardinality(v_items) > 0 then
        v_held := ledger.escrow_hold(
          array(select p_hold_ids[n] from unnest(v_items) with ordinality as u (n, o) order by o),
          array(select p_caller_owners[n] from unnest(v_items) with ordinality as u (n, o) order by o),
          array(select p_caller_agents[n] from unnest(v_items) with ordinality as u (n, o) order by o),
          array(select v_provider_owners[n] from unnest(v_items) with ordinality as u (n, o) order by o),
          array(select v_providers[n] from unnest(v_items) with ordinality as u (n, o) order by o),
          'invocation',
          array(select p_ids[n] from unnest(v_items) with ordinality as u (n, o) order by o),
          array(select v_prices[n] from unnest(v_items) with ordinality as u (n, o) order by o),
          array(select v_fees[n] from unnest(v_items) with ordinality as u (n, o) order by o),
          array(select v_deadlines[n] from unnest(v_items) with ordinality as u (n, o) order by o),
          v_now);
      end if;
    end if;
    if 'insufficient_funds' = any (v_held) then
      for v_n in 1 .. cardinality(v_held) loop
        if v_held[v_n] <> 'held' then
          v_item := coalesce(v_items[v_n], v_n);
          v_verdicts[v_item] := v_held[v_n];
          if v_is_counted[v_item] then
            perform ledger.spend_give_back(p_caller_agents[v_item], v_prices[v_item], v_categories[v_item], v_providers[v_item]);
          end if;
        end if;
      end loop;
      v_has_refused := true;
    end if;
    if v_has_refused then
      -- Who was found busy beside an item that then was not paid for may find room: it is judged alone.
      select array_agg(
        case when i.verdict in ('busy', 'busy_with_caller') and exists (
          select 1 from unnest(p_service_ids, v_verdicts) as o (service_id, verdict)
          where o.service_id = i.service_id and o.verdict in ('insufficient_funds', 'over_budget', 'consent_needed'))
        then 'again' else i.verdict end order by i.item)
      into v_verdicts
      from unnest(p_service_ids, v_verdicts) with ordinality as i (service_id, verdict, item);
    end if;

    update market.service_load l set pending = l.pending + n.opened
    from (
      select i.service_id, c.caller_agent, count(*) as opened
      from unnest(p_service_ids, p_caller_agents, v_verdicts) as i (service_id, caller_agent, verdict),
        lateral (values (0::bigint), (i.caller_agent)) as c (caller_agent)
      where i.verdict = 'opened'
      group by i.service_id, c.caller_agent
    ) n
    where l.service_id = any (array [n.service_id]) and l.caller_agent_id = any (array [n.caller_agent]);

    insert into market.invocation (id, hold_id, service_id, version, caller_agent_id, caller_owner_id, provider_agent_id,
      provider_owner_id, price, status, input, created_at, deadline_at, traceparent)
    select i.id, case when i.price > 0 then i.hold_id end, i.service_id, i.version, i.caller_agent, i.caller_owner,
      i.provider, i.provider_owner, i.price, 'pending', i.input, v_now, i.deadline_at, i.traceparent
    from unnest(p_ids, p_hold_ids, p_service_ids, p_versions, p_caller_agents, p_caller_owners, v_providers, v_provider_owners,
      v_prices, p_inputs, v_deadlines, v_verdicts, p_traceparents)
      as i (id, hold_id, service_id, version, caller_agent, caller_owner, provider, provider_owner, price, input, deadline_at, verdict,
        traceparent)
    where i.verdict = 'opened';

    insert into ledger.idempotency (principal_kind, principal_id, key_hash, operation, fingerprint, result_id, created_at)
    select 'agent', i.caller_agent, ledger.key_hash('agent', i.key), 'invoke', i.fingerprint, i.id, v_now
    from unnest(p_ids, p_caller_agents, p_keys, p_fingerprints, v_verdicts) as i (id, caller_agent, key, fingerprint, verdict)
    where i.verdict = 'opened' and i.key is not null
    order by i.caller_agent, ledger.key_hash('agent', i.key);

    if 'opened' = all (v_verdicts) then
      perform market.event_append(v_providers, array_fill('invocation.invoked'::text, array [cardinality(p_ids)]), p_ids, v_now);
      return query
      select i.item::integer, 'opened', i.id, i.price, v_now, i.deadline, i.provider
      from unnest(p_ids, v_prices, v_deadlines, v_providers) with ordinality as i (id, price, deadline, provider, item)
      order by i.item;
      return;
    end if;
    select array_agg(i.item::integer order by i.item) into v_items
    from unnest(v_verdicts) with ordinality as i (verdict, item)
    where i.verdict = 'opened';
    if cardinality(v_items) > 0 then
      perform market.event_append(
        array(select v_providers[n] from unnest(v_items) with ordinality as u (n, o) order by o),
        array_fill('invocation.invoked'::text, array [cardinality(v_items)]),
        array(select p_ids[n] from unnest(v_items) with ordinality as u (n, o) order by o),
        v_now);
    end if;
  end if;

  return query
  select i.item::integer, i.verdict, coalesce(i.result, i.id),
    -- What the first answer said: the price of then, which the invocation keeps.
    case when i.verdict = 'replay' then r.price else i.price end,
    case when i.verdict = 'replay' then r.created_at else v_now end,
    case when i.verdict = 'replay' then r.deadline_at else i.deadline end,
    i.provider
  from unnest(p_ids, v_verdicts, v_prices, v_deadlines, v_results, v_providers) with ordinality
    as i (id, verdict, price, deadline, result, provider, item)
  left join market.invocation r on i.verdict = 'replay' and r.id = any (array [i.result])
  order by i.item;
end
$$;
