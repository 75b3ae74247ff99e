import { Injectable } from '@nestjs/common';
import { Database } from '#platform';

/** The end of what is left of endpoints (prisma/functions/50_webhooks.sql). */
@Injectable()
export class PurgeStore {
  constructor(private readonly database: Database) {}

  /** Throws away what ended so many days ago, at most so many rows of each kind; answers how many rows that were. */
  async purge(days: number, limit: number): Promise<number> {
    const [row] = await this.database.query<{ count: number }>('select market.webhook_purge($1, $2) as count', [
      days,
      limit,
    ]);
    return row?.count ?? 0;
  }
}
