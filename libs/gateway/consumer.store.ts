import { Injectable } from '@nestjs/common';
import type { AgentEvent, AgentEventType } from '#events';
import { Database } from '#platform';

/** A consumer of an agent's stream: several sockets, also of several processes, may share it. */
export type ConsumerName = { readonly agentId: bigint; readonly consumer: string };
/** One socket that has said hello as this consumer. */
export type SessionName = ConsumerName & { readonly session: string };
export type Acknowledged = SessionName & { readonly seq: bigint; readonly attempt: number };

export type Entered = { verdict: 'entered' | 'too_many' | 'lost'; head: bigint; acked: bigint };
export type TakenEvent = AgentEvent & { attempt: number };
export type Taken =
  | { isLost: true }
  | { isLost: false; events: TakenEvent[]; gaps: { from: bigint; to: bigint }[]; takenSeq: bigint; head: bigint };

type TakenRow = {
  kind: 'event' | 'gap' | 'end' | 'lost';
  seq: bigint;
  toSeq: bigint;
  attempt: number;
  uuid: string;
  type: AgentEventType;
  invocationId: bigint;
  createdAt: Date;
};

/** Who holds which event of a stream (prisma/functions/21_consumers.sql). */
@Injectable()
export class ConsumerStore {
  constructor(private readonly database: Database) {}

  async enter(
    { agentId, consumer, session }: SessionName,
    node: string,
    { after, types }: { after: bigint | undefined; types: readonly string[] | undefined },
    consumersMax: number,
  ): Promise<Entered> {
    const [row] = await this.database.query<Entered>(
      'select verdict, head, acked from market.consumer_enter($1, $2, $3, $4, $5, $6, $7)',
      [agentId, consumer, session, node, after, types, consumersMax],
      'consumer-enter',
    );
    if (row === undefined) throw new Error('the statement returned no row');
    return row;
  }

  /** Up to `limit` events for this session, which holds them for so long. */
  async take({ agentId, consumer, session }: SessionName, limit: number, leaseMs: number): Promise<Taken> {
    const rows = await this.database.query<TakenRow>(
      `select kind, seq, to_seq as "toSeq", attempt, event_id as uuid, type, invocation_id as "invocationId", created_at as "createdAt"
      from market.consumer_take($1, $2, $3, $4, $5)`,
      [agentId, consumer, session, limit, leaseMs],
      'consumer-take',
    );
    const end = rows.at(-1);
    if (end?.kind !== 'end') return { isLost: true };
    return {
      isLost: false,
      events: rows.flatMap(({ kind, toSeq: _toSeq, uuid, ...event }) =>
        kind === 'event' ? [{ ...event, agentId, eventId: `evt_${uuid}` }] : [],
      ),
      gaps: rows.flatMap(({ kind, seq, toSeq }) => (kind === 'gap' ? [{ from: seq, to: toSeq }] : [])),
      takenSeq: end.seq,
      head: end.toSeq,
    };
  }

  /** What the session holds in the database beyond these numbers. */
  async heldBeyond({ agentId, consumer, session }: SessionName, seqs: readonly bigint[]): Promise<bigint[]> {
    const rows = await this.database.query<{ seq: bigint }>(
      `select seq from market.consumer_claim
      where agent_id = $1 and consumer = $2 and session = $3 and seq <> all ($4::bigint[])`,
      [agentId, consumer, session, seqs],
    );
    return rows.map(({ seq }) => seq);
  }

  async settle(acknowledged: readonly Acknowledged[]): Promise<void> {
    await this.database.query(
      'select market.consumer_settle($1::bigint[], $2::text[], $3::uuid[], $4::bigint[], $5::integer[])',
      [
        acknowledged.map(({ agentId }) => agentId),
        acknowledged.map(({ consumer }) => consumer),
        acknowledged.map(({ session }) => session),
        acknowledged.map(({ seq }) => seq),
        acknowledged.map(({ attempt }) => attempt),
      ],
      'consumer-settle',
    );
  }

  async putBack(
    { agentId, consumer, session }: SessionName,
    seqs: readonly bigint[],
    { delayMs, isUnsent }: { delayMs: number; isUnsent: boolean },
  ): Promise<void> {
    await this.database.query('select market.consumer_put_back($1, $2, $3, $4::bigint[], $5, $6)', [
      agentId,
      consumer,
      session,
      seqs,
      delayMs,
      isUnsent,
    ]);
  }

  async renew({ agentId, consumer, session }: SessionName, seq: bigint, leaseMs: number): Promise<void> {
    await this.database.query('select market.consumer_renew($1, $2, $3, $4, $5)', [
      agentId,
      consumer,
      session,
      seq,
      leaseMs,
    ]);
  }

  async leave(sessions: readonly string[]): Promise<void> {
    await this.database.query('select market.consumer_leave($1::uuid[])', [sessions], 'consumer-leave');
  }

  /** Consumers of these agents for whom something is due to be handed out again. */
  async due(agentIds: readonly bigint[]): Promise<ConsumerName[]> {
    return this.database.query<ConsumerName>(
      `select distinct agent_id as "agentId", consumer from market.consumer_claim
      where agent_id = any ($1::bigint[]) and due_at <= (select platform.clock())`,
      [agentIds],
      'consumer-due',
    );
  }

  /** Says that the node is there; false when it has been taken for gone. */
  async beat(node: string, isNew: boolean): Promise<boolean> {
    const [row] = await this.database.query<{ isThere: boolean }>(
      'select market.gateway_beat($1, $2) as "isThere"',
      [node, isNew],
      'gateway-beat',
    );
    return row?.isThere === true;
  }

  async stop(node: string): Promise<void> {
    await this.database.query('select market.gateway_stop($1)', [node]);
  }
}
