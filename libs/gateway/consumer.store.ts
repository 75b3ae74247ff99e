import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { AgentEvent, AgentEventType } from '#events';
import { Database, Lanes, type Lane } from '#platform';

/** An event that is not acknowledged so long after it was handed out is handed out again. */
export const HELD_FOR_MS = 30_000;

/** A consumer of an agent's stream: several sockets, also of several processes, may share it. */
export type ConsumerName = { readonly agentId: bigint; readonly consumer: string };
/** One socket that has said hello as this consumer. */
export type SessionName = ConsumerName & { readonly session: string };
export type Acknowledged = SessionName & { readonly seq: bigint; readonly attempt: number };

export type Entered = { verdict: 'entered' | 'too_many' | 'other_types' | 'lost'; head: bigint; acked: bigint };
export type TakenEvent = AgentEvent & { attempt: number };
export type Taken =
  | { isLost: true }
  | { isLost: false; events: TakenEvent[]; gaps: { from: bigint; to: bigint }[]; takenSeq: bigint; head: bigint };

type TakeItem = SessionName & { readonly limit: number };
/** What one session was given, an element of each array a row of `market.consumer_take`. */
type TakenRow = {
  kinds: ('event' | 'gap' | 'end' | 'lost')[];
  seqs: bigint[];
  toSeqs: bigint[];
  attempts: number[];
  uuids: (string | null)[];
  types: (AgentEventType | null)[];
  invocationIds: (bigint | null)[];
  createdAts: (Date | null)[];
};

/** Who holds which event of a stream (prisma/functions/21_consumers.sql). */
@Injectable()
export class ConsumerStore implements OnModuleDestroy {
  private readonly lane: Lane<TakeItem, TakenRow>;

  constructor(
    private readonly database: Database,
    lanes: Lanes,
  ) {
    this.lane = lanes.open<TakeItem, TakenRow>({
      name: 'consumer-take',
      text: `select kinds, seqs, to_seqs as "toSeqs", attempts, event_ids as uuids, types, invocation_ids as "invocationIds",
          created_at as "createdAts"
        from market.consumer_take_many($1::bigint[], $2::text[], $3::uuid[], $4::integer[], $5)`,
      values: (items) => [
        items.map(({ agentId }) => agentId),
        items.map(({ consumer }) => consumer),
        items.map(({ session }) => session),
        items.map(({ limit }) => limit),
        HELD_FOR_MS,
      ],
      isAgain: () => false,
      // A call of the lane that opens invocations wakes as many consumers as it had items.
      isGathered: true,
      // Whoever took knows that it may hold what it never saw, and looks.
      recover: () => Promise.reject(new Error('the answer was lost')),
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.lane.close();
  }

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

  /** Up to `limit` events for this session, which holds them for so long. Sessions that take at the same time share a commit. */
  async take({ agentId, consumer, session }: SessionName, limit: number): Promise<Taken> {
    return takenOf(agentId, await this.lane.send({ agentId, consumer, session, limit }));
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

function takenOf(agentId: bigint, row: TakenRow): Taken {
  const last = row.kinds.length - 1;
  const seqOf = (n: number): bigint => BigInt(row.seqs[n] ?? 0);
  const toSeqOf = (n: number): bigint => BigInt(row.toSeqs[n] ?? 0);
  if (row.kinds[last] !== 'end') return { isLost: true };
  return {
    isLost: false,
    events: row.kinds.flatMap((kind, n): TakenEvent[] => {
      const [uuid, type, createdAt, invocationId] = [
        row.uuids[n],
        row.types[n],
        row.createdAts[n],
        row.invocationIds[n],
      ];
      if (kind !== 'event' || uuid == null || type == null || createdAt == null) return [];
      return [
        {
          agentId,
          seq: seqOf(n),
          eventId: `evt_${uuid}`,
          type,
          invocationId: invocationId == null ? null : BigInt(invocationId),
          createdAt,
          attempt: row.attempts[n] ?? 1,
        },
      ];
    }),
    gaps: row.kinds.flatMap((kind, n) => (kind === 'gap' ? [{ from: seqOf(n), to: toSeqOf(n) }] : [])),
    takenSeq: seqOf(last),
    head: toSeqOf(last),
  };
}
