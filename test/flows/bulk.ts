import type pg from 'pg';
import type { FleetAgent } from '../support/fleet.js';

/** What lies in a market after a long time: many lives that have ended, and some that have not. */
export type Bulk = { ended: number; pending: number; lightAgents: number };

/**
 * Writes it past the functions, as the superuser, so that it takes minutes and not hours. Half of all invocations have the
 * heavy caller, half the heavy provider; the others spread over the light agents. The pending ones fall due in half an hour.
 */
export async function fillMarket(
  pool: pg.Pool,
  heavy: { provider: FleetAgent; caller: FleetAgent; serviceId: number },
  { ended, pending, lightAgents }: Bulk,
): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query(`set synchronous_commit = off; set work_mem = '256MB'; set maintenance_work_mem = '256MB'`);
    for (const sql of steps(heavy, { ended, pending, lightAgents })) await client.query(sql);
  } finally {
    client.release(true);
  }
}

function steps(
  { provider, caller, serviceId }: { provider: FleetAgent; caller: FleetAgent; serviceId: number },
  { ended, pending, lightAgents }: Bulk,
): string[] {
  return [
    `create temp table light as
    select row_number() over () - 1 as k, platform.next_id('market.owner_id') as owner_id, platform.next_id('market.agent_id') as agent_id,
      platform.next_id('market.service_id') as service_id
    from generate_series(1, ${lightAgents})`,
    `insert into market.owner (id, name) select owner_id, 'light ' || k from light`,
    `select ledger.open_wallet(owner_id) from light`,
    `insert into market.agent (id, owner_id, name, category, market_visibility, market_published_at)
    select agent_id, owner_id, 'light ' || k, 'writing', 'public', platform.clock() from light`,
    `insert into market.agent_stream (agent_id) select agent_id from light`,
    `insert into market.service (id, owner_id, agent_id, title, description, category, price, avg_response_ms, max_pending,
      max_pending_per_caller, is_active, version)
    select service_id, owner_id, agent_id, 'Light service ' || k, 'Does it.', 'writing', 100, 1000, 1000000, 1000000, true, 1 from light`,
    `insert into market.service_version (service_id, version, title, description, category, price, avg_response_ms, created_at)
    select service_id, 1, 'Light service ' || k, 'Does it.', 'writing', 100, 1000, platform.clock() from light`,
    `update ledger.circulating set amount = amount + (select count(*) + 2 from light) * 1000000000;
    insert into ledger.transfer (kind, debit, credit, amount, reference, actor, created_at)
    select 'deposit', -2, owner_id, 1000000000, 'bulk', 'test', platform.clock() - interval '30 days'
    from (select owner_id from light union all values (${caller.ownerId}::bigint), (${provider.ownerId}::bigint)) o`,

    `create temp table life as
    select n + 1000000 as id, c.agent_id as caller, c.owner_id as caller_owner, p.agent_id as provider, p.owner_id as provider_owner, p.service_id,
      case when n > ${ended} then 'pending' when n % 10 = 0 then 'timeout' when n % 10 = 1 then 'failed' else 'completed' end as status,
      t.at as created_at,
      case when n > ${ended} then platform.clock() + interval '30 minutes' else t.at + interval '2 seconds' end as deadline_at,
      case when n <= ${ended} then t.at + case when n % 10 = 0 then interval '2300 ms' else interval '500 ms' end end as settled_at
    from generate_series(1, ${ended + pending}) as g (n),
      lateral (select platform.clock() - interval '5 seconds' - (${ended + pending} - n) * interval '100 ms' as at) t,
      lateral (select case when n % 2 = 0 then ${caller.id}::bigint else l.agent_id end as agent_id,
        case when n % 2 = 0 then ${caller.ownerId}::bigint else l.owner_id end as owner_id from light l where l.k = n / 2 % ${lightAgents}) c,
      lateral (select case when n % 4 < 2 then ${provider.id}::bigint else l.agent_id end as agent_id,
        case when n % 4 < 2 then ${provider.ownerId}::bigint else l.owner_id end as owner_id,
        case when n % 4 < 2 then ${serviceId}::bigint else l.service_id end as service_id
        from light l where l.k = (n / 2 + ${lightAgents} / 2) % ${lightAgents}) p`,
    `analyze life`,
    `select setval('market.invocation_id', (select max(id) from life)), setval('ledger.hold_id', (select max(id) from life))`,
    `insert into ledger.hold (id, payer_account, payer_agent, payee_account, payee_agent, subject_kind, subject_id, amount, fee_bps, give_up_at, created_at)
    select id, caller_owner, caller, provider_owner, provider, 'invocation', id, 100, 0, deadline_at, created_at from life order by id`,
    `insert into ledger.settlement (hold_id, outcome, payer_account, payee_account, payee_agent, amount, to_payee, to_fee, to_payer, actor, settled_at)
    select id, case status when 'completed' then 'released' when 'timeout' then 'timed_out' else 'refunded' end, caller_owner, provider_owner, provider,
      100, case status when 'completed' then 100 else 0 end, 0, case status when 'completed' then 0 else 100 end, 'test', settled_at
    from life where status <> 'pending' order by id`,
    `insert into market.invocation (id, hold_id, service_id, version, caller_agent_id, caller_owner_id, provider_agent_id, provider_owner_id, price,
      status, input, output, error, created_at, deadline_at, settled_at)
    select id, id, service_id, 1, caller, caller_owner, provider, provider_owner, 100, status, '{"text":"some words to count"}',
      case status when 'completed' then '{"words":4}'::json end, case status when 'failed' then 'no' end, created_at, deadline_at, settled_at
    from life order by id`,
    `insert into ledger.idempotency (principal_id, principal_kind, key, operation, fingerprint, result_id, created_at)
    select caller, 'agent', 'bulk ' || id, 'invoke', decode(repeat('00', 32), 'hex'), id, created_at from life where id % 2 = 0`,
    `insert into ledger.outcome (subject_kind, subject_id, kind, service_id, payer_owner, payer_agent, payee_owner, payee_agent, price, earned,
      promised_ms, opened_at, at)
    select 'invocation', id, status, service_id, caller_owner, caller, provider_owner, provider, 100, case status when 'completed' then 100 else 0 end,
      1000, created_at, settled_at
    from life where status <> 'pending' order by id`,
    ...['service', 'agent'].map(
      (whose) => `insert into market.${whose}_stats (${whose}_id, completed, failed, timed_out, earned, response_ms)
      select ${whose === 'service' ? 'service_id' : 'payee_agent'}, count(*) filter (where kind = 'completed'), count(*) filter (where kind = 'failed'),
        count(*) filter (where kind = 'timeout'), sum(earned), 500 * count(*) filter (where kind = 'completed')
      from ledger.outcome group by 1
      on conflict (${whose}_id) do update set completed = excluded.completed, failed = excluded.failed, timed_out = excluded.timed_out,
        earned = excluded.earned, response_ms = excluded.response_ms`,
    ),
    `insert into market.service_load (service_id, caller_agent_id, pending)
    select service_id, 0, 0 from light`,
    `insert into market.service_load as l (service_id, caller_agent_id, pending)
    select service_id, 0, count(*) from life where status = 'pending' group by service_id
    union all
    select service_id, caller, count(*) from life where status = 'pending' group by service_id, caller
    on conflict (service_id, caller_agent_id) do update set pending = excluded.pending`,
    `insert into market.agent_event (agent_id, seq, type, invocation_id, created_at)
    select agent_id, row_number() over (partition by agent_id order by at, id), type, id, at
    from (
      select provider as agent_id, id, 'invocation.invoked' as type, created_at as at from life
      union all
      select caller, id, 'invocation.' || status, settled_at from life where status <> 'pending'
      union all
      select provider, id, 'invocation.timeout', settled_at from life where status = 'timeout'
    ) e
    order by at`,
    `update market.agent_stream s set next_seq = e.n + 1
    from (select agent_id, count(*) as n from market.agent_event group by agent_id) e
    where e.agent_id = s.agent_id`,
    `update ledger.wallet w set available = e.amount, held = coalesce(h.amount, 0)
    from (select account_id, sum(amount) as amount from ledger.entry group by account_id) e
    left join (select caller_owner, count(*) * 100 as amount from life where status = 'pending' group by caller_owner) h on h.caller_owner = e.account_id
    where e.account_id = w.account_id`,
    `delete from ledger.credit`,
    `analyze`,
  ];
}
