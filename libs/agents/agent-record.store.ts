import { Injectable } from '@nestjs/common';
import { Database } from '#platform';

/** What the last 30 days say of an agent: in how many of how many five minutes it was there, and what it completed on each day. */
export type AgentRecord = { agentId: bigint; seen: bigint; parts: bigint; days: number[] | null };

const PRUNED_MAX = 10_000;

/** What agents leave behind by being there (prisma/functions/23_agent_hours.sql). */
@Injectable()
export class AgentRecordStore {
  constructor(private readonly database: Database) {}

  async of(agentIds: readonly bigint[]): Promise<Map<bigint, AgentRecord>> {
    if (agentIds.length === 0) return new Map();
    const records = await this.database.query<AgentRecord>(
      'select agent_id as "agentId", seen, parts, days from market.agents_record($1::bigint[])',
      [agentIds],
      'agents-record',
    );
    return new Map(records.map((record) => [record.agentId, record]));
  }

  async noteWhoIsThere(): Promise<void> {
    await this.database.query('select market.note_agents_there($1)', [PRUNED_MAX], 'note-agents-there');
  }
}
