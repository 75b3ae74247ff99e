import { Injectable } from '@nestjs/common';
import { Database } from '#platform';
import type { AgentEventType } from './catalogue.js';

/** One entry of an agent's numbered stream. It names what happened; what it looks like is read when it is shown. */
export type AgentEvent = {
  agentId: bigint;
  seq: bigint;
  /** `evt_` and a UUID version 7; the same wherever the event is shown. */
  eventId: string;
  type: AgentEventType;
  /** Null for what is about something else. */
  invocationId: bigint | null;
  createdAt: Date;
};

export type StreamCursor = { agentId: bigint; afterSeq: bigint };

type EventRow = {
  agentId: bigint;
  seq: bigint;
  uuid: string;
  type: AgentEventType;
  invocationId: bigint | null;
  createdAt: Date;
};

const EVENT = `e.agent_id as "agentId", e.seq, e.event_id as uuid, e.type, e.invocation_id as "invocationId", e.created_at as "createdAt"`;

/**
 * The event log, read. It is written only by `market.event_append`, inside the transaction that changes state, under the
 * stream's row lock: who has read up to a number has missed nothing below it.
 */
@Injectable()
export class EventLog {
  constructor(private readonly database: Database) {}

  /** What follows each cursor, at most `limit` a stream, by stream and number. */
  async readAfter(cursors: readonly StreamCursor[], limit: number): Promise<AgentEvent[]> {
    if (cursors.length === 0) return [];
    const rows = await this.database.query<EventRow>(
      `select e.*
      from unnest($1::bigint[], $2::bigint[]) as c (agent_id, after_seq),
        lateral (
          select ${EVENT} from market.agent_event e
          where e.agent_id = c.agent_id and e.seq > c.after_seq
          order by e.seq
          limit $3
        ) e`,
      [cursors.map(({ agentId }) => agentId), cursors.map(({ afterSeq }) => afterSeq), limit],
      'events-read-after',
    );
    return rows.map(eventOf);
  }

  /** The number of the newest event of each stream, 0 where there is none. */
  async heads(agentIds: readonly bigint[]): Promise<Map<bigint, bigint>> {
    const rows = await this.database.query<{ agentId: bigint; head: bigint }>(
      'select agent_id as "agentId", next_seq - 1 as head from market.agent_stream where agent_id = any ($1::bigint[])',
      [agentIds],
      'events-heads',
    );
    return new Map(rows.map(({ agentId, head }) => [agentId, head]));
  }
}

function eventOf({ uuid, ...event }: EventRow): AgentEvent {
  return { ...event, eventId: `evt_${uuid}` };
}
