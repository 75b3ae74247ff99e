import { Injectable } from '@nestjs/common';
import { Database } from '#platform';

@Injectable()
export class TallyStore {
  constructor(private readonly database: Database) {}

  /** Adds at most `limit` queued outcomes to the statistics of services and agents, each once. Returns how many. */
  async tally(limit: number): Promise<number> {
    const [row] = await this.database.query<{ tallied: number }>(
      'select market.tally_outcomes($1) as tallied',
      [limit],
      'tally-outcomes',
    );
    return row?.tallied ?? 0;
  }
}
