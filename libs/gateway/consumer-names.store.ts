import { Injectable } from '@nestjs/common';
import { Database } from '#platform';

export type KnownConsumer = {
  name: string;
  /** Up to here everything is acknowledged. */
  ackedSeq: bigint;
  /** Up to here everything was handed out or is of other types. */
  takenSeq: bigint;
  /** Null: every type. */
  types: string[] | null;
  /** Open ones, at whatever process. */
  sockets: number;
  updatedAt: Date;
};

/** The consumers that an agent has (prisma/functions/21_consumers.sql). */
@Injectable()
export class ConsumerNames {
  constructor(private readonly database: Database) {}

  async list(agentId: bigint): Promise<KnownConsumer[]> {
    return this.database.query<KnownConsumer>(
      `select c.consumer as name, c.acked_seq as "ackedSeq", c.taken_seq as "takenSeq", c.types, c.updated_at as "updatedAt",
        market.consumer_sockets(c.agent_id, c.consumer)::integer as sockets
      from market.consumer_cursor c
      where c.agent_id = $1
      order by c.consumer`,
      [agentId],
    );
  }

  async forget(agentId: bigint, name: string): Promise<'forgotten' | 'open' | 'unknown'> {
    const [row] = await this.database.query<{ verdict: 'forgotten' | 'open' | 'unknown' }>(
      'select market.consumer_forget($1, $2) as verdict',
      [agentId, name],
    );
    return row?.verdict ?? 'unknown';
  }
}
