import { Injectable } from '@nestjs/common';
import { Database, Metrics } from '#platform';

// Counting further would cost the database more than the figure is worth.
const COUNTED_MAX = 10_000;

@Injectable()
export class TallyStore {
  constructor(
    private readonly database: Database,
    metrics: Metrics,
  ) {
    metrics.sample(
      'c4c_outcome_queue_depth',
      `Outcomes that are not in the market's statistics yet, at most ${COUNTED_MAX}.`,
      () => this.queued(),
    );
  }

  /** Adds at most `limit` queued outcomes to the statistics of services and agents, each once. Returns how many. */
  async tally(limit: number): Promise<number> {
    const [row] = await this.database.query<{ tallied: number }>(
      'select market.tally_outcomes($1) as tallied',
      [limit],
      'tally-outcomes',
    );
    return row?.tallied ?? 0;
  }

  private async queued(): Promise<number> {
    const rows = await this.database.query<{ queued: number }>(
      'select count(*)::integer as queued from (select from ledger.outcome_queue limit $1) as q',
      [COUNTED_MAX],
      'outcomes-queued',
    );
    return rows[0]?.queued ?? 0;
  }
}
