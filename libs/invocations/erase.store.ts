import { Injectable } from '@nestjs/common';
import { Database } from '#platform';

/** The end of payloads (prisma/functions/33_invocation_erase.sql). */
@Injectable()
export class EraseStore {
  constructor(private readonly database: Database) {}

  /** Goes over so many invocations that ended so many days ago, oldest first; 0 when none is left or another process is at it. */
  async erase(days: number, limit: number): Promise<number> {
    const [row] = await this.database.query<{ count: number }>('select market.invocations_erase($1, $2) as count', [
      days,
      limit,
    ]);
    return row?.count ?? 0;
  }
}
