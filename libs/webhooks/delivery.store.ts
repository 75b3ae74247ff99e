import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EventClass } from '#events';
import { Database, type EgressTimings, type Tx } from '#platform';

/** A delivery whose time has come, with what decides about its next try. Times are relative, by the database's clock. */
export type DueDelivery = {
  id: bigint;
  endpointId: bigint;
  agentId: bigint;
  seq: bigint;
  eventId: string;
  eventCreatedAt: Date;
  type: string;
  invocationId: bigint | null;
  class: EventClass;
  attempt: number;
  body: Buffer | null;
  /** To the deadline of work. */
  leftMs: number | null;
  expiresAt: Date | null;
  /** Work that its provider has from elsewhere, or that has ended. */
  isSuperseded: boolean;
  url: string;
  state: 'unverified' | 'active' | 'paused' | 'failing' | 'disabled';
  isDeleted: boolean;
  ratePerSecond: number;
  /** How long the endpoint's breaker is still open, 0 when it is not. */
  breakerMs: number;
  /** It has failed since the breaker last opened: one try at a time. */
  isHalfOpen: boolean;
  /** Its last try failed. */
  hasFailed: boolean;
  /** How long it has been due. */
  lateMs: number;
};

export type EndStatus = 'delivered' | 'failed' | 'expired' | 'superseded' | 'cancelled';

/** What becomes of a due delivery: it is tried now, left for later, or at its end. */
export type Decision =
  { do: 'send'; body: Buffer; leaseMs: number } | { do: 'wait'; inMs: number } | { do: 'end'; status: EndStatus };

/** What a try came to. */
export type TriedDelivery = {
  id: bigint;
  claimId: string;
  /** When it began, so many milliseconds ago. */
  agoMs: number;
  statusCode: number | null;
  reason: string | null;
  detail: string | null;
  timings: EgressTimings;
  response: string | null;
  next: { status: 'pending'; inMs: number } | { status: Exclude<EndStatus, 'superseded' | 'cancelled'> };
};

const DUE = `d.id, d.endpoint_id as "endpointId", d.agent_id as "agentId", d.seq, 'evt_' || d.event_id as "eventId",
  d.event_created_at as "eventCreatedAt", d.type, d.invocation_id as "invocationId", d.class, d.attempt, d.body,
  d.expires_at as "expiresAt", (extract(epoch from d.expires_at - now.at) * 1000)::float8 as "leftMs",
  w.url, w.state, w.deleted_at is not null as "isDeleted", w.rate_per_second as "ratePerSecond",
  greatest(0, coalesce(extract(epoch from w.breaker_until - now.at) * 1000, 0))::float8 as "breakerMs", w.breaker_opened > 0 as "isHalfOpen",
  w.consecutive_failures > 0 as "hasFailed", (extract(epoch from now.at - d.run_at) * 1000)::float8 as "lateMs"`;

// A crash of the server may take its last instant with it. Then a delivery is sent twice rather than never, so nobody waits for the disk.
const NOW = `(select platform.clock() as at, set_config('synchronous_commit', 'off', true)) now`;

const FAN_OUT_AGENTS = 100;
/** So many events of an agent are read in one call. */
export const FAN_OUT_EVENTS = 50;

/** What one call read and made. When nothing was read, `nextMs` is when the next delivery is due, null when none is pending. */
export type FannedOut = { read: number; made: number; nextMs: number | null };

/** The deliveries, which are the queue. Whoever has a claim that has ended finds no row to complete. */
@Injectable()
export class DeliveryStore {
  constructor(private readonly database: Database) {}

  /** Makes deliveries from the log, of these agents or, with null, of any. */
  async fanOut(agentIds: readonly bigint[] | null, workTypes: readonly string[]): Promise<FannedOut> {
    const [row] = await this.database.query<FannedOut>(
      'select read, made, next_ms as "nextMs" from market.webhook_fan_out_v2($1, $2, $3, $4)',
      [agentIds, workTypes, FAN_OUT_AGENTS, FAN_OUT_EVENTS],
      'webhook-fan-out-v2',
    );
    return row ?? { read: 0, made: 0, nextMs: null };
  }

  /**
   * Takes up to `limit` due deliveries, whoever skips what others have; asks what becomes of each and writes that down, in one
   * transaction. Answers all of them with the claim they are sent under.
   */
  async claim(
    limit: number,
    decide: (due: readonly DueDelivery[]) => Promise<Decision[]>,
  ): Promise<{ claimId: string; claimed: { due: DueDelivery; body: Buffer }[]; read: number }> {
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
      if (due.length === 0) return { claimId, claimed: [], read: 0 };
      const decisions = await decide(due);
      const pairs = due.flatMap((one, n) => {
        const decision = decisions[n];
        return decision === undefined ? [] : [{ due: one, decision }];
      });
      await this.write(tx, claimId, pairs);
      const claimed = pairs.flatMap(({ due: one, decision }) =>
        decision.do === 'send' ? [{ due: one, body: decision.body }] : [],
      );
      return { claimId, claimed, read: due.length };
    });
  }

  /** Writes down what tries came to, each only while its claim holds. Answers the ids of those that did. */
  async complete(tried: readonly TriedDelivery[]): Promise<bigint[]> {
    const column = <T>(value: (one: TriedDelivery) => T): T[] => tried.map(value);
    const rows = await this.database.query<{ deliveryId: bigint }>(
      `with r as (
        select * from unnest($1::bigint[], $2::uuid[], $3::text[], $4::float8[], $5::float8[], $6::smallint[], $7::text[], $8::text[],
          $9::real[], $10::real[], $11::real[], $12::real[], $13::real[], $14::text[])
          as r (id, claim_id, status, in_ms, ago_ms, status_code, reason, detail, dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms, response)
      ),
      mine as (
        update market.delivery d set
          status = r.status,
          claim_id = null,
          run_at = now.at + coalesce(r.in_ms, 0) * interval '1 millisecond',
          body = case when r.status = 'pending' then d.body end,
          ended_at = case when r.status <> 'pending' then now.at end
        from r, ${NOW}
        where d.id = r.id and d.claim_id = r.claim_id and d.status = 'pending'
        returning d.id, d.attempt, now.at
      )
      insert into market.delivery_attempt (delivery_id, attempt, at, status_code, reason, detail, dns_ms, connect_ms, tls_ms,
        first_byte_ms, total_ms, response)
      select mine.id, mine.attempt, mine.at - r.ago_ms * interval '1 millisecond', r.status_code, r.reason, r.detail, r.dns_ms,
        r.connect_ms, r.tls_ms, r.first_byte_ms, r.total_ms, r.response
      from mine join r on r.id = mine.id
      returning delivery_id as "deliveryId"`,
      [
        column(({ id }) => id),
        column(({ claimId }) => claimId),
        column(({ next }) => next.status),
        column(({ next }) => (next.status === 'pending' ? next.inMs : null)),
        column(({ agoMs }) => agoMs),
        column(({ statusCode }) => statusCode),
        column(({ reason }) => reason),
        column(({ detail }) => detail),
        column(({ timings }) => timings.dnsMs),
        column(({ timings }) => timings.connectMs),
        column(({ timings }) => timings.tlsMs),
        column(({ timings }) => timings.firstByteMs),
        column(({ timings }) => timings.totalMs),
        column(({ response }) => response),
      ],
      'delivery-complete',
    );
    return rows.map(({ deliveryId }) => deliveryId);
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

  private async write(
    tx: Tx,
    claimId: string,
    pairs: readonly { due: DueDelivery; decision: Decision }[],
  ): Promise<void> {
    await tx.query({
      name: 'delivery-decide',
      text: `update market.delivery d set
        status = coalesce(r.status, 'pending'),
        ended_at = case when r.status is not null then now.at end,
        claim_id = r.claim_id,
        attempt = d.attempt + case when r.claim_id is null then 0 else 1 end,
        body = case when r.status is null then coalesce(r.body, d.body) end,
        run_at = now.at + r.in_ms * interval '1 millisecond'
      from unnest($1::bigint[], $2::text[], $3::uuid[], $4::bytea[], $5::float8[]) as r (id, status, claim_id, body, in_ms),
        (select platform.clock() as at) now
      where d.id = r.id`,
      values: [
        pairs.map(({ due }) => due.id),
        pairs.map(({ decision }) => (decision.do === 'end' ? decision.status : null)),
        pairs.map(({ decision }) => (decision.do === 'send' ? claimId : null)),
        pairs.map(({ decision }) => (decision.do === 'send' ? decision.body : null)),
        pairs.map(({ decision }) =>
          decision.do === 'send' ? decision.leaseMs : decision.do === 'wait' ? decision.inMs : 0,
        ),
      ],
    });
  }
}
