import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Database, type Tx } from '#platform';
import type { Decision, DueDelivery, Refusal, TriedDelivery } from './delivery.js';
import { LEASE_AFTER_TRY_MS, TRY_MAX_MS } from './schedule.js';

const DUE = `d.id, d.endpoint_id as "endpointId", d.agent_id as "agentId", d.seq, 'evt_' || d.event_id as "eventId",
  d.event_created_at as "eventCreatedAt", d.type, d.invocation_id as "invocationId", d.class, d.attempt, d.body,
  d.expires_at as "expiresAt", (extract(epoch from d.expires_at - now.at) * 1000)::float8 as "leftMs",
  w.url, w.state, w.deleted_at is not null as "isDeleted", w.rate_per_second as "ratePerSecond",
  greatest(0, coalesce(extract(epoch from w.breaker_until - now.at) * 1000, 0))::float8 as "breakerMs", w.breaker_opened > 0 as "isHalfOpen",
  w.consecutive_failures > 0 as "hasFailed", (extract(epoch from now.at - d.run_at) * 1000)::float8 as "lateMs"`;

// A crash of the server may take its last instant with it. Then a delivery is sent twice rather than never, so nobody waits for the disk.
const NOW = `(select platform.clock() as at, set_config('synchronous_commit', 'off', true)) now`;

const NEW = `read, agents, made, next_ms as "nextMs", unread, id, endpoint_id as "endpointId", agent_id as "agentId", seq,
  'evt_' || event_id as "eventId", event_created_at as "eventCreatedAt", type, invocation_id as "invocationId", class,
  expires_at as "expiresAt", left_ms as "leftMs", url, rate_per_second as "ratePerSecond", has_failed as "hasFailed"`;

/** What is true of every delivery that is claimed as it is made. */
const AS_MADE = {
  attempt: 0,
  body: null,
  isSuperseded: false,
  state: 'active',
  isDeleted: false,
  breakerMs: 0,
  isHalfOpen: false,
  lateMs: 0,
} as const satisfies Partial<DueDelivery>;

/** How many new deliveries may be claimed, in all and of one endpoint. */
export type Room = { all: number; each: number };

/** What one call read and made. */
export type FannedOut = {
  /** Events, and the agents whose they are. */
  read: number;
  agents: number;
  made: number;
  /** When the next of those is due that were made and not claimed, null when there is none. */
  nextMs: number | null;
  /** The agents that have more events. */
  unread: bigint[];
  claimId: string;
  claimed: DueDelivery[];
};

/** The deliveries, which are the queue. Whoever has a claim that has ended finds no row to complete. */
@Injectable()
export class DeliveryStore {
  constructor(private readonly database: Database) {}

  /** Makes deliveries of the next events of these agents, so many of each, and claims of them what may be tried at once. */
  async fanOut(
    agentIds: readonly bigint[],
    workTypes: readonly string[],
    events: number,
    room: Room = { all: 0, each: 0 },
  ): Promise<FannedOut> {
    const claimId = randomUUID();
    // The sums stand in the first row, the claimed deliveries in the others.
    type Row = Omit<FannedOut, 'claimId' | 'claimed'> & DueDelivery;
    const rows = await this.database.query<Row>(
      `select ${NEW} from market.webhook_fan_out_v3($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [agentIds, workTypes, events, claimId, room.all, room.each, TRY_MAX_MS.work, TRY_MAX_MS.info, LEASE_AFTER_TRY_MS],
      'webhook-fan-out-v3',
    );
    const [sums, ...claimed] = rows;
    if (sums === undefined) throw new Error('the log was not looked at');
    const { read, agents, made, nextMs, unread } = sums;
    return { read, agents, made, nextMs, unread, claimId, claimed: claimed.map((row) => Object.assign(row, AS_MADE)) };
  }

  /** Agents with a higher id that have events nobody has made deliveries of. */
  async behind(after: bigint, limit: number): Promise<bigint[]> {
    const rows = await this.database.query<{ id: bigint }>(
      'select id from market.webhook_behind($1, $2) b (id)',
      [after, limit],
      'webhook-behind',
    );
    return rows.map(({ id }) => id);
  }

  /** In how many milliseconds the next one is due, null when none is pending. */
  async nextDueMs(): Promise<number | null> {
    const [row] = await this.database.query<{ ms: number }>(
      `select extract(epoch from run_at - platform.clock())::float8 * 1000 as ms
      from market.delivery where status = 'pending' order by run_at limit 1`,
      [],
      'delivery-next-due',
    );
    return row?.ms ?? null;
  }

  /**
   * Takes up to `limit` due deliveries, whoever skips what others have; asks what becomes of each and writes that down, in one
   * transaction. Answers the claim of those that are to be sent, and how many were due.
   */
  async claim(
    limit: number,
    decide: (due: readonly DueDelivery[]) => Promise<Decision[]>,
  ): Promise<{ claimId: string; read: number }> {
    const claimId = randomUUID();
    return this.database.inTransaction(async (tx) => {
      const { rows: due } = await tx.query<DueDelivery>({
        name: 'delivery-due',
        text: `select ${DUE},
          coalesce(i.status <> 'pending' or (i.acknowledged_at is not null and i.hand_over_channel is distinct from 'webhook'), false) as "isSuperseded"
        from ${NOW},
          lateral (
            select * from market.delivery
            where status = 'pending' and run_at <= (select platform.clock())
            order by run_at
            limit $1
            for update skip locked
          ) d
        join market.webhook_endpoint w on w.id = d.endpoint_id
        left join market.invocation i on d.class = 'work' and i.id = d.invocation_id`,
        values: [limit],
      });
      if (due.length > 0) await write(tx, claimId, due, await decide(due));
      return { claimId, read: due.length };
    });
  }

  /** Gives back what was claimed as it was made and is not tried now, while the claim holds: as if there had been no try. */
  async release(claimId: string, refused: readonly { due: DueDelivery; refusal: Refusal }[]): Promise<void> {
    await this.database.query(
      `update market.delivery d set
        status = coalesce(r.status, 'pending'),
        ended_at = case when r.status is not null then now.at end,
        claim_id = null,
        attempt = d.attempt - 1,
        run_at = now.at + r.in_ms * interval '1 millisecond'
      from unnest($2::bigint[], $3::text[], $4::float8[]) as r (id, status, in_ms), ${NOW}
      where d.id = r.id and d.claim_id = $1 and d.status = 'pending'`,
      [
        claimId,
        refused.map(({ due }) => due.id),
        refused.map(({ refusal }) => (refusal.do === 'end' ? refusal.status : null)),
        refused.map(({ refusal }) => (refusal.do === 'wait' ? refusal.inMs : 0)),
      ],
      'delivery-release',
    );
  }

  /** Writes down what tries came to, each only while its claim holds. Answers the ids of those that did. */
  async complete(tried: readonly TriedDelivery[]): Promise<bigint[]> {
    const column = <T>(value: (one: TriedDelivery) => T): T[] => tried.map(value);
    const figures = (value: (one: TriedDelivery) => bigint | number | string | null): string => arrayOf(tried, value);
    const rows = await this.database.query<{ id: bigint }>(
      'select id from market.webhook_tried($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) t (id)',
      [
        figures(({ id }) => id),
        figures(({ claimId }) => claimId),
        figures(({ next }) => next.status),
        figures(({ next }) => (next.status === 'pending' ? next.inMs : null)),
        column(({ body }) => body),
        figures(({ agoMs }) => agoMs),
        figures(({ statusCode }) => statusCode),
        figures(({ reason }) => reason),
        column(({ detail }) => detail),
        figures(({ timings }) => timings.dnsMs),
        figures(({ timings }) => timings.connectMs),
        figures(({ timings }) => timings.tlsMs),
        figures(({ timings }) => timings.firstByteMs),
        figures(({ timings }) => timings.totalMs),
        column(({ response }) => response),
      ],
      'webhook-tried',
    );
    return rows.map(({ id }) => id);
  }

  /** Has what waits for an endpoint fall due now, as when it goes on after a pause. */
  async wake(endpointId: bigint): Promise<void> {
    await this.database.query(
      `update market.delivery set run_at = platform.clock() where endpoint_id = $1 and status = 'pending' and claim_id is null`,
      [endpointId],
    );
  }

  /** How many have not ended; counts up to `most`. */
  async countPending(most: number): Promise<number> {
    const [row] = await this.database.query<{ count: number }>(
      `select count(*)::integer as count from (select from market.delivery where status = 'pending' limit $1) d`,
      [most],
    );
    return row?.count ?? 0;
  }

  /** For how many seconds the one that is due the longest has been due, 0 when none is. */
  async oldestDueS(): Promise<number> {
    const [row] = await this.database.query<{ seconds: number }>(
      `select greatest(0, extract(epoch from platform.clock() - run_at))::float8 as seconds
      from market.delivery where status = 'pending' order by run_at limit 1`,
    );
    return row?.seconds ?? 0;
  }
}

async function write(
  tx: Tx,
  claimId: string,
  due: readonly DueDelivery[],
  decisions: readonly Decision[],
): Promise<void> {
  await tx.query({
    name: 'delivery-decide',
    text: `update market.delivery d set
      status = coalesce(r.status, 'pending'),
      ended_at = case when r.status is not null then now.at end,
      claim_id = r.claim_id,
      attempt = d.attempt + case when r.claim_id is null then 0 else 1 end,
      body = case when r.status is null then d.body end,
      run_at = now.at + r.in_ms * interval '1 millisecond'
    from unnest($1::bigint[], $2::text[], $3::uuid[], $4::float8[]) as r (id, status, claim_id, in_ms),
      (select platform.clock() as at) now
    where d.id = r.id`,
    values: [
      due.map(({ id }) => id),
      decisions.map((decision) => (decision.do === 'end' ? decision.status : null)),
      decisions.map((decision) => (decision.do === 'send' ? claimId : null)),
      decisions.map((decision) =>
        decision.do === 'send' ? decision.leaseMs : decision.do === 'wait' ? decision.inMs : 0,
      ),
    ],
  });
}

/** An array as PostgreSQL reads it, of values without a sign that means something there: the driver looks at each for that. */
function arrayOf<T>(items: readonly T[], value: (item: T) => bigint | number | string | null): string {
  return `{${items.map((item) => String(value(item) ?? 'null')).join(',')}}`;
}
