import type pg from 'pg';

/** What lies in a market after a long time: many lives that have ended, and some that have not. */
export type Bulk = {
  ended: number;
  pending: number;
  /** Agents with an owner, a wallet and `servicesEach` services each; they call one another. */
  agents: number;
  servicesEach: number;
  /** Takes part in half of all invocations: as their caller in one half, as their provider in another that overlaps it. */
  heavy?: { caller: Party; provider: Party; serviceId: number };
};
type Party = { id: number; ownerId: number };

/**
 * Writes it past the functions, as the superuser, so that it takes minutes and not hours: the rows that the functions would have
 * left, table by table, each in the order of its keys. The pending ones fall due in `pendingForMs`. All invariants hold afterwards.
 */
export async function fillMarket(
  pool: pg.Pool,
  bulk: Bulk,
  { pendingForMs = 1_800_000, say = () => undefined }: { pendingForMs?: number; say?: (text: string) => void } = {},
): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query(`set synchronous_commit = off; set work_mem = '256MB'; set maintenance_work_mem = '256MB'`);
    for (const { what, sql } of [...people(bulk), ...lives(bulk, pendingForMs), ...sums()]) {
      const startMs = performance.now();
      await client.query(sql);
      say(`${what}: ${((performance.now() - startMs) / 1_000).toFixed(1)} s`);
    }
  } finally {
    client.release(true);
  }
}

type Step = { what: string; sql: string };

/** Owners with money, their agents, and what these offer. */
function people({ agents, servicesEach, heavy }: Bulk): Step[] {
  const heavyOwners =
    heavy === undefined
      ? ''
      : `union all values (${heavy.caller.ownerId}::bigint), (${heavy.provider.ownerId}::bigint)`;
  const owners = `(select owner_id from light ${heavyOwners})`;
  return [
    {
      what: 'names',
      sql: `create temp table light as
      select row_number() over () - 1 as k, platform.next_id('market.owner_id') as owner_id, platform.next_id('market.agent_id') as agent_id
      from generate_series(1, ${agents});
      create temp table offer as
      select k * ${servicesEach} + n as k, owner_id, agent_id, platform.next_id('market.service_id') as service_id,
        (array['writing', 'programming', 'research', 'design'])[1 + (k + n) % 4] as category, 100 + 25 * (k + n) % 4000 as price
      from light, generate_series(0, ${servicesEach - 1}) n;
      create unique index on light (k);
      create unique index on offer (k);
      analyze light, offer`,
    },
    {
      what: 'owners and agents',
      sql: `insert into market.owner (id, name) select owner_id, 'light ' || k from light;
      select count(ledger.open_wallet(owner_id)) from light;
      insert into market.agent (id, owner_id, name, category, market_visibility, market_published_at)
      select agent_id, owner_id, 'light ' || k, 'writing', 'public', platform.clock() from light;
      insert into market.agent_stream (agent_id) select agent_id from light`,
    },
    {
      what: 'services',
      sql: `insert into market.service (id, owner_id, agent_id, title, description, category, price, avg_response_ms, max_pending,
        max_pending_per_caller, is_active, version)
      select service_id, owner_id, agent_id, 'Light service ' || k, 'Does it, and does it well: ' || md5(k::text), category, price, 1000,
        1000000, 1000000, true, 1
      from offer;
      insert into market.service_version (service_id, version, title, description, category, price, avg_response_ms, created_at)
      select id, version, title, description, category, price, avg_response_ms, created_at from market.service
      where id in (select service_id from offer)`,
    },
    {
      what: 'deposits',
      sql: `update ledger.circulating set amount = amount + (select count(*) from ${owners} o) * 1000000000000;
      insert into ledger.transfer (kind, debit, credit, amount, reference, actor, created_at)
      select 'deposit', -2, owner_id, 1000000000000, 'bulk', 'test', platform.clock() - interval '30 days' from ${owners} o`,
    },
  ];
}

// Ids below are left to what was there before.
const FIRST_ID = 1_000_000;

/** The invocations with their money, their keys, their outcomes and their events. */
function lives({ ended, pending, agents, servicesEach, heavy }: Bulk, pendingForMs: number): Step[] {
  const [callerIsHeavy, providerIsHeavy] = heavy === undefined ? ['false', 'false'] : ['n % 2 = 0', 'n % 4 < 2'];
  const { caller, provider, serviceId } = heavy ?? NOBODY;
  return [
    {
      what: 'lives',
      sql: `create temp table life as
      select n + ${FIRST_ID} as id,
        case when ${callerIsHeavy} then ${caller.id} else c.agent_id end as caller,
        case when ${callerIsHeavy} then ${caller.ownerId} else c.owner_id end as caller_owner,
        case when ${providerIsHeavy} then ${provider.id} else o.agent_id end as provider,
        case when ${providerIsHeavy} then ${provider.ownerId} else o.owner_id end as provider_owner,
        case when ${providerIsHeavy} then ${serviceId} else o.service_id end as service_id,
        case when ${providerIsHeavy} then 100 else o.price end::bigint as price,
        case when n > ${ended} then 'pending' when n % 10 = 0 then 'timeout' when n % 10 = 1 then 'failed' else 'completed' end as status,
        t.at as created_at,
        case when n > ${ended} then now() + interval '${pendingForMs} milliseconds' else t.at + interval '2 seconds' end as deadline_at,
        case when n <= ${ended} then t.at + case when n % 10 = 0 then interval '2300 ms' else interval '500 ms' end end as settled_at
      from generate_series(1, ${ended + pending}) as g (n)
      cross join lateral (select now() - interval '5 seconds' - (${ended + pending} - n) * interval '100 ms' as at) t
      join light c on c.k = n / 2 % ${agents}
      -- Half a round further on, so nobody calls an agent of his own.
      join offer o on o.k = (n / 2 + ${Math.floor(agents / 2)}) % ${agents} * ${servicesEach} + n / ${agents} % ${servicesEach}
      order by n;
      analyze life;
      select setval('market.invocation_id', max(id)), setval('ledger.hold_id', max(id)) from life;
      select platform.extend_partitions()`,
    },
    {
      what: 'holds',
      sql: `insert into ledger.hold (id, payer_account, payer_agent, payee_account, payee_agent, subject_kind, subject_id, amount, fee_bps,
        give_up_at, created_at)
      select id, caller_owner, caller, provider_owner, provider, 'invocation', id, price, 0, deadline_at, created_at from life order by id`,
    },
    {
      what: 'settlements',
      sql: `insert into ledger.settlement (hold_id, outcome, payer_account, payee_account, payee_agent, amount, to_payee, to_fee, to_payer,
        actor, settled_at)
      select id, case status when 'completed' then 'released' when 'timeout' then 'timed_out' else 'refunded' end, caller_owner,
        provider_owner, provider, price, case status when 'completed' then price else 0 end, 0,
        case status when 'completed' then 0 else price end, 'test', settled_at
      from life where status <> 'pending' order by id`,
    },
    {
      what: 'invocations',
      sql: `insert into market.invocation (id, hold_id, service_id, version, caller_agent_id, caller_owner_id, provider_agent_id,
        provider_owner_id, price, status, input, output, error, created_at, deadline_at, settled_at)
      select id, id, service_id, 1, caller, caller_owner, provider, provider_owner, price, status, '{"text":"some words to count"}',
        case status when 'completed' then '{"words":4}'::json end, case status when 'failed' then 'no' end, created_at, deadline_at, settled_at
      from life order by id`,
    },
    {
      what: 'keys',
      sql: `insert into ledger.idempotency (principal_id, principal_kind, key_hash, operation, fingerprint, result_id, created_at)
      select caller, 'agent', ledger.key_hash('agent', 'bulk ' || id), 'invoke', decode(repeat('00', 32), 'hex'), id, created_at from life
      where id % 2 = 0 order by caller, 3`,
    },
    {
      what: 'outcomes',
      sql: `insert into ledger.outcome (subject_kind, subject_id, kind, service_id, payer_owner, payer_agent, payee_owner, payee_agent, price,
        earned, promised_ms, opened_at, at)
      select 'invocation', id, status, service_id, caller_owner, caller, provider_owner, provider, price,
        case status when 'completed' then price else 0 end, 1000, created_at, settled_at
      from life where status <> 'pending' order by id`,
    },
    {
      what: 'events',
      // A random uuid in place of one with the time in it, which takes longer than all the rest of the row.
      sql: `insert into market.agent_event (agent_id, seq, event_id, type, invocation_id, created_at)
      select agent_id, row_number() over (partition by agent_id order by at, id), gen_random_uuid(), type, id, at
      from (
        select provider as agent_id, id, 'invocation.invoked' as type, created_at as at from life
        union all
        select caller, id, 'invocation.' || status, settled_at from life where status <> 'pending'
        union all
        select provider, id, 'invocation.timeout', settled_at from life where status = 'timeout'
      ) e
      order by at`,
    },
  ];
}

/** What the functions would have counted up on the way. */
function sums(): Step[] {
  const stats = (whose: 'service' | 'agent', column: string): string =>
    `insert into market.${whose}_stats (${whose}_id, completed, failed, timed_out, earned, response_ms)
    select ${column}, count(*) filter (where status = 'completed'), count(*) filter (where status = 'failed'),
      count(*) filter (where status = 'timeout'), coalesce(sum(price) filter (where status = 'completed'), 0),
      500 * count(*) filter (where status = 'completed')
    from life where status <> 'pending' group by 1
    on conflict (${whose}_id) do update set completed = excluded.completed, failed = excluded.failed, timed_out = excluded.timed_out,
      earned = excluded.earned, response_ms = excluded.response_ms`;
  return [
    { what: 'figures', sql: `${stats('service', 'service_id')}; ${stats('agent', 'provider')}` },
    {
      what: 'load',
      sql: `insert into market.service_load as l (service_id, caller_agent_id, pending)
      select service_id, caller, sum(pending)
      from (
        select service_id, 0 as caller, 0 as pending from offer
        union all
        select service_id, 0, 1 from life where status = 'pending'
        union all
        select service_id, caller, 1 from life where status = 'pending'
      ) p
      group by 1, 2
      order by 1, 2
      on conflict (service_id, caller_agent_id) do update set pending = excluded.pending`,
    },
    {
      what: 'streams',
      sql: `update market.agent_stream s set next_seq = e.n + 1
      from (select agent_id, count(*) as n from market.agent_event group by agent_id) e
      where e.agent_id = s.agent_id`,
    },
    {
      what: 'wallets',
      sql: `update ledger.wallet w set available = e.amount, held = coalesce(h.amount, 0)
      from (select account_id, sum(amount) as amount from ledger.entry group by account_id) e
      left join (select caller_owner, sum(price) as amount from life where status = 'pending' group by caller_owner) h on h.caller_owner = e.account_id
      where e.account_id = w.account_id;
      delete from ledger.credit;
      drop table life, offer, light`,
    },
    { what: 'vacuum', sql: 'vacuum (analyze)' },
  ];
}

const NOBODY = { caller: { id: 0, ownerId: 0 }, provider: { id: 0, ownerId: 0 }, serviceId: 0 };
