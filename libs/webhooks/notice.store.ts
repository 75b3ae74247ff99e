import { Injectable } from '@nestjs/common';
import type { AgentEvent } from '#events';
import { Database } from '#platform';

/** What an event tells of an endpoint, as it was then. */
export type Notice = {
  agentId: bigint;
  seq: bigint;
  endpointId: bigint;
  reason: string;
  url: string;
  /** Null, as the time, in notices that are older than these columns. */
  consecutiveFailures: number | null;
  failingSince: Date | null;
};

/** The notices of endpoints, read. They are written by `market.webhook_endpoint_tried` only. */
@Injectable()
export class NoticeStore {
  constructor(private readonly database: Database) {}

  /** Those of these events. */
  async findAll(events: readonly Pick<AgentEvent, 'agentId' | 'seq'>[]): Promise<Notice[]> {
    return this.database.query<Notice>(
      `select n.agent_id as "agentId", n.seq, n.endpoint_id as "endpointId", n.reason,
        coalesce(n.url, split_part(w.url, '?', 1), '') as url, n.consecutive_failures as "consecutiveFailures",
        n.failing_since as "failingSince"
      from unnest($1::bigint[], $2::bigint[]) as e (agent_id, seq)
      join market.webhook_notice n on n.agent_id = e.agent_id and n.seq = e.seq
      left join market.webhook_endpoint w on w.id = n.endpoint_id`,
      [events.map(({ agentId }) => agentId), events.map(({ seq }) => seq)],
      'webhook-notices',
    );
  }
}
