import { Injectable } from '@nestjs/common';
import { Database } from '#platform';
import type { AgentEvent } from './event-log.store.js';
import type { EventData } from './envelope.js';

type NoticeRow = { agentId: bigint; seq: bigint; data: EventData };

/** What events say, kept beside them. Written by `market.notice_append` only. */
@Injectable()
export class NoticeStore {
  constructor(private readonly database: Database) {}

  /** The notices of these events, in no order. */
  async findAll(events: readonly Pick<AgentEvent, 'agentId' | 'seq'>[]): Promise<NoticeRow[]> {
    return this.database.query<NoticeRow>(
      `select n.agent_id as "agentId", n.seq, n.data
      from unnest($1::bigint[], $2::bigint[]) as e (agent_id, seq)
      join market.agent_notice n on n.agent_id = e.agent_id and n.seq = e.seq`,
      [events.map(({ agentId }) => agentId), events.map(({ seq }) => seq)],
      'notices',
    );
  }
}
