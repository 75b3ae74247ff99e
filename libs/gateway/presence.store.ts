import { Injectable } from '@nestjs/common';
import { Database } from '#platform';

/** Of an agent's sockets for work one says by itself what it has, or none does, or none answers. */
export type PresenceState = 'acknowledging' | 'plain' | 'silent';
/** Undefined: it has no socket for work here. */
export type Told = { readonly agentId: bigint; readonly state: PresenceState | undefined };

/** Which agents have sockets, for other processes to know (prisma/functions/22_presence.sql). */
@Injectable()
export class PresenceStore {
  constructor(private readonly database: Database) {}

  /** Answers the agents whose webhooks waited for a socket and go now; undefined when the node is taken for gone.
   *  @param isAll nobody else has a socket there */
  async tell(node: string, told: readonly Told[], isAll: boolean): Promise<string[] | undefined> {
    const present = told.filter(({ state }) => state !== undefined);
    const [row] = await this.database.query<{ hurried: string[] | null }>(
      'select market.presence_tell($1, $2::bigint[], $3::text[], $4::bigint[], $5)::text[] as hurried',
      [
        node,
        present.map(({ agentId }) => agentId),
        present.map(({ state }) => state),
        told.filter(({ state }) => state === undefined).map(({ agentId }) => agentId),
        isAll,
      ],
      'presence-tell',
    );
    return row?.hurried ?? undefined;
  }
}
