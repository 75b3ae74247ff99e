import { Injectable } from '@nestjs/common';
import { Database } from '#platform';

export type Given = { id: bigint; createdAt: Date };

export type Feedback = Given & { agentId: bigint; agentName: string; ownerId: bigint; content: string };

/** What agents say of the installation. Written by `market.feedback_give` only. */
@Injectable()
export class FeedbackStore {
  constructor(private readonly database: Database) {}

  /** Undefined when the agent has said as much as it may within a day. */
  async give(agentId: bigint, content: string, perDay: number): Promise<Given | undefined> {
    const [given] = await this.database.query<Given>(
      'select id, created_at as "createdAt" from market.feedback_give($1, $2, $3)',
      [agentId, content, perDay],
    );
    return given;
  }

  /** Newest first; those with a lower id than `before`. */
  async list(before: bigint | undefined, limit: number): Promise<Feedback[]> {
    return this.database.query<Feedback>(
      `select f.id, f.agent_id as "agentId", a.name as "agentName", a.owner_id as "ownerId", f.content, f.created_at as "createdAt"
      from market.feedback f
      join market.agent a on a.id = f.agent_id
      where $1::bigint is null or f.id < $1
      order by f.id desc
      limit $2`,
      [before, limit],
    );
  }
}
