import { Injectable } from '@nestjs/common';
import { Database } from '#platform';

/** Whom work can reach, by socket, webhook or because they ask for it (prisma/functions/22_presence.sql). */
@Injectable()
export class ReachabilityStore {
  constructor(private readonly database: Database) {}

  /** Those of these agents whom work can reach now. */
  async reachable(agentIds: readonly bigint[]): Promise<Set<bigint>> {
    if (agentIds.length === 0) return new Set();
    const rows = await this.database.query<{ agentId: bigint }>(
      'select r as "agentId" from market.agents_reachable($1::bigint[]) r',
      [agentIds],
      'agents-reachable',
    );
    return new Set(rows.map(({ agentId }) => agentId));
  }

  /** These agents asked for their work, each so many milliseconds ago. */
  async polled(polls: readonly { agentId: bigint; agoMs: number }[]): Promise<void> {
    await this.database.query(
      'select market.agents_polled($1::bigint[], $2::integer[])',
      [polls.map(({ agentId }) => agentId), polls.map(({ agoMs }) => agoMs)],
      'agents-polled',
    );
  }
}
