import { Injectable } from '@nestjs/common';
import type { JsonObject } from '#kernel';
import { Database } from '#platform';
import type { InvocationStatus, Role } from './invocation.js';

export type InvocationRow = {
  id: bigint;
  serviceId: bigint;
  version: number;
  serviceTitle: string;
  callerAgentId: bigint;
  callerAgentName: string;
  providerAgentId: bigint;
  providerAgentName: string;
  price: bigint;
  status: InvocationStatus;
  cancelled: boolean;
  createdAt: Date;
  deadlineAt: Date;
  handedOverAt: Date | null;
  handOverChannel: string | null;
  acknowledgedAt: Date | null;
  settledAt: Date | null;
  error: string | null;
};

export type InvocationDetail = InvocationRow & {
  holdId: bigint | null;
  traceparent: string | null;
  input: JsonObject | null;
  output: JsonObject | null;
  attachments: string[] | null;
  payloadErasedAt: Date | null;
  rating: number | null;
  review: string | null;
  reviewedAt: Date | null;
};

export type ListFilter = {
  role?: Role | undefined;
  status?: InvocationStatus | undefined;
  before?: bigint | undefined;
};

/** A pending invocation, and the event under which its provider was told of it. */
export type Announced = { id: bigint; eventId: string; announcedAt: Date };

export type ProgressNote = { at: Date; percent: number; note: string };
export type SettlementRow = { outcome: string; toPayee: bigint; toFee: bigint; toPayer: bigint; settledAt: Date };

const ROW = `i.id, i.service_id as "serviceId", i.version, v.title as "serviceTitle", i.caller_agent_id as "callerAgentId", c.name as "callerAgentName",
  i.provider_agent_id as "providerAgentId", p.name as "providerAgentName", i.price, i.status, i.cancelled, i.created_at as "createdAt",
  i.deadline_at as "deadlineAt", i.handed_over_at as "handedOverAt", i.hand_over_channel as "handOverChannel",
  i.acknowledged_at as "acknowledgedAt", i.settled_at as "settledAt", i.error`;
const DETAIL = `${ROW}, i.hold_id as "holdId", i.traceparent, i.input, i.output, i.attachments, i.payload_erased_at as "payloadErasedAt", r.rating, r.review, r.created_at as "reviewedAt"`;
const JOINS = `join market.service_version v on v.service_id = i.service_id and v.version = i.version
  join market.agent c on c.id = i.caller_agent_id
  join market.agent p on p.id = i.provider_agent_id`;

/** Lists count so far and no further, and page no deeper. */
const COUNT_MAX = 10_000;

/** Invocations, read. They are written by the functions in prisma/functions/3*.sql only. */
@Injectable()
export class InvocationStore {
  constructor(private readonly database: Database) {}

  /** The invocation, if the agent is a party of it. */
  async findFor(agentId: bigint, id: bigint): Promise<InvocationDetail | undefined> {
    const [found] = await this.database.query<InvocationDetail>(
      `select ${DETAIL}
      from market.invocation i
      ${JOINS}
      left join market.review r on r.invocation_id = i.id
      where i.id = $1 and $2 in (i.caller_agent_id, i.provider_agent_id)`,
      [id, agentId],
      'invocation-find',
    );
    return found;
  }

  /** What notifications of these invocations show. */
  async findAll(ids: readonly bigint[]): Promise<InvocationDetail[]> {
    return this.database.query<InvocationDetail>(
      `select ${DETAIL}
      from market.invocation i
      ${JOINS}
      left join market.review r on r.invocation_id = i.id
      where i.id = any ($1::bigint[])`,
      [ids],
      'invocation-find-all',
    );
  }

  async statusOf(id: bigint): Promise<InvocationStatus | undefined> {
    const [row] = await this.database.query<{ status: InvocationStatus }>(
      'select status from market.invocation where id = $1',
      [id],
      'invocation-status',
    );
    return row?.status;
  }

  /** The agent's invocations as caller, as provider or both, newest first. */
  async list(
    agentId: bigint,
    { role, status, before }: ListFilter,
    page: number,
    limit: number,
  ): Promise<{ rows: InvocationRow[]; total: number }> {
    const sides = role === undefined ? ['caller', 'provider'] : [role];
    const side = (column: string, columns: string, bound: string): string =>
      `(select ${columns} from market.invocation where ${column} = $1 and ($2::text is null or status = $2) and ($3::bigint is null or id < $3) ${bound})`;
    const ids = sides.map((one) => side(`${one}_agent_id`, 'id', 'order by id desc limit $4')).join(' union all ');
    const offset = (page - 1) * limit;
    if (offset >= COUNT_MAX) return { rows: [], total: await this.count(agentId, sides, status, before) };
    const rows = await this.database.query<InvocationRow>(
      `select ${ROW}
      from (select id from (${ids}) s order by id desc limit $5 offset $6) page
      join market.invocation i on i.id = page.id
      ${JOINS}
      order by i.id desc`,
      [agentId, status, before, offset + limit, limit, offset],
    );
    return { rows, total: await this.count(agentId, sides, status, before) };
  }

  async progressOf(id: bigint): Promise<ProgressNote[]> {
    return this.database.prisma.invocationProgress.findMany({
      where: { invocationId: id },
      orderBy: { n: 'asc' },
      select: { at: true, percent: true, note: true },
    });
  }

  async settlementOf(holdId: bigint): Promise<SettlementRow | null> {
    return this.database.prisma.settlement.findUnique({
      where: { holdId },
      select: { outcome: true, toPayee: true, toFee: true, toPayer: true, settledAt: true },
    });
  }

  /** An agent's pending invocations as provider with a higher id, by id, and the event that announced each. All that are pending are read. */
  async pendingOf(providerAgentId: bigint, afterId: bigint, limit: number): Promise<Announced[]> {
    // What is pending is little beside what has ended: it is found by the index of what falls due. And its events are among the
    // agent's last: a stream follows the clock but for what one transaction may take. The stream's end is a bound that says nothing
    // new, but with two of them the planner expects a small part of the stream and not a third, for which it would read all events.
    return this.database.query(
      `with pending as materialized (
        select id, created_at from market.invocation
        where provider_agent_id = $1 and status = 'pending' and deadline_at > (select platform.clock())
      ),
      page as materialized (select id, created_at from pending where id > $2 order by id limit $3)
      select i.id, 'evt_' || e.event_id as "eventId", e.created_at as "announcedAt"
      from page i
      join market.agent_event e on e.agent_id = $1 and e.invocation_id = i.id and e.type = 'invocation.invoked'
        and e.seq > coalesce(
          (select seq from market.agent_event
          where agent_id = $1 and created_at < (select min(created_at) - interval '1 minute' from page)
          order by seq desc
          limit 1), 0)
        and e.seq < (select next_seq from market.agent_stream where agent_id = $1)
      order by i.id`,
      [providerAgentId, afterId, limit],
      'invocation-pending-of',
    );
  }

  private async count(
    agentId: bigint,
    sides: readonly string[],
    status: string | undefined,
    before: bigint | undefined,
  ): Promise<number> {
    const parts = sides.map(
      (one) =>
        `(select 1 from market.invocation where ${one}_agent_id = $1 and ($2::text is null or status = $2) and ($3::bigint is null or id < $3) limit ${COUNT_MAX})`,
    );
    const [row] = await this.database.query<{ total: bigint }>(
      `select least(count(*), ${COUNT_MAX}) as total from (${parts.join(' union all ')}) c`,
      [agentId, status, before],
    );
    return Number(row?.total ?? 0);
  }
}
