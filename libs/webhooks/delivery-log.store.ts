import { Injectable } from '@nestjs/common';
import { Database } from '#platform';
import type { EndStatus } from './delivery.js';

export type DeliveryStatus = 'pending' | EndStatus;

export type DeliveryRow = {
  id: bigint;
  endpointId: bigint;
  eventId: string;
  seq: bigint;
  eventType: string;
  invocationId: bigint | null;
  class: 'work' | 'info';
  status: DeliveryStatus;
  attempts: number;
  /** Null while it is being sent, and when it has ended. */
  nextTryAt: Date | null;
  expiresAt: Date | null;
  replayOf: bigint | null;
  replayId: bigint | null;
  createdAt: Date;
  endedAt: Date | null;
};

export type AttemptRow = {
  attempt: number;
  at: Date;
  statusCode: number | null;
  reason: string | null;
  detail: string | null;
  dnsMs: number | null;
  connectMs: number | null;
  tlsMs: number | null;
  firstByteMs: number | null;
  totalMs: number;
  response: string | null;
};

export type DeliveryFilter = {
  status?: DeliveryStatus | undefined;
  eventType?: string | undefined;
  since?: Date | undefined;
  replayId?: bigint | undefined;
  before?: bigint | undefined;
};

// A page looks at so many rows and no more; who reads on comes to the others.
const LOOKED_MAX = 10_000;

const DELIVERY = `d.id, d.endpoint_id as "endpointId", 'evt_' || d.event_id as "eventId", d.seq, d.type as "eventType",
  d.invocation_id as "invocationId", d.class, d.status, d.attempt as attempts,
  case when d.status = 'pending' and d.claim_id is null then d.run_at end as "nextTryAt", d.expires_at as "expiresAt",
  d.replay_of as "replayOf", d.replay_id as "replayId", d.created_at as "createdAt", d.ended_at as "endedAt"`;

/** Deliveries and their attempts as their agent reads them. */
@Injectable()
export class DeliveryLog {
  constructor(private readonly database: Database) {}

  /** The newest first, below `before`. `nextBefore` is where to read on, null at the end. */
  async list(
    endpointId: bigint,
    { status, eventType, since, replayId, before }: DeliveryFilter,
    limit: number,
  ): Promise<{ rows: DeliveryRow[]; nextBefore: bigint | null }> {
    const [looked] = await this.database.query<{ rows: bigint; last: bigint | null; isOld: boolean }>(
      `select count(*) as rows, min(id) as last, coalesce(min(created_at) < $4::timestamptz, false) as "isOld" from (
        select id, created_at from market.delivery where endpoint_id = $1 and ($2::bigint is null or id < $2) order by id desc limit $3
      ) d`,
      [endpointId, before, LOOKED_MAX, since],
      'delivery-looked',
    );
    const last = looked?.last ?? null;
    if (looked === undefined || last === null) return { rows: [], nextBefore: null };
    const rows = await this.database.query<DeliveryRow>(
      `select ${DELIVERY}
      from market.delivery d
      where d.endpoint_id = $1 and d.id >= $2 and ($3::bigint is null or d.id < $3) and ($4::text is null or d.status = $4)
        and ($5::text is null or d.type = $5) and ($6::timestamptz is null or d.created_at >= $6)
        and ($7::bigint is null or d.replay_id = $7)
      order by d.id desc
      limit $8`,
      [endpointId, last, before, status, eventType, since, replayId, limit],
    );
    const isFull = rows.length === limit;
    // Further down there are only older ones.
    const isMore = Number(looked.rows) === LOOKED_MAX && !looked.isOld;
    return { rows, nextBefore: isFull ? (rows.at(-1)?.id ?? null) : isMore ? last : null };
  }

  async find(endpointId: bigint, id: bigint): Promise<DeliveryRow | undefined> {
    const [row] = await this.database.query<DeliveryRow>(
      `select ${DELIVERY} from market.delivery d where d.id = $2 and d.endpoint_id = $1`,
      [endpointId, id],
    );
    return row;
  }

  /** The tries of a delivery, the first one first; the newest thousand. */
  async attemptsOf(id: bigint): Promise<AttemptRow[]> {
    const rows = await this.database.query<AttemptRow>(
      `select attempt, at, status_code as "statusCode", reason, detail, dns_ms as "dnsMs", connect_ms as "connectMs", tls_ms as "tlsMs",
        first_byte_ms as "firstByteMs", total_ms as "totalMs", response
      from market.delivery_attempt where delivery_id = $1 order by attempt desc limit 1000`,
      [id],
    );
    return rows.reverse();
  }
}
