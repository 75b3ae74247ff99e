import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Database, Lanes, type Lane } from '#platform';
import type { InvocationStatus } from './invocation.js';

export type CloseItem = {
  id: bigint;
  action: 'complete' | 'fail' | 'cancel' | 'expire';
  /** Who asks; the platform itself (expire) is nobody. */
  actorAgentId: bigint | undefined;
  /** The API key that the actor came with. */
  keyId: bigint | undefined;
  /** JSON text. */
  output: string | undefined;
  /** JSON text of a list. */
  attachments: string | undefined;
  error: string | undefined;
  fingerprint: Buffer | undefined;
};

export type CloseVerdict = {
  verdict:
    | 'closed'
    | 'replay'
    | 'key_ended'
    | 'not_found'
    | 'already_settled'
    | 'deadline_passed'
    | 'already_acknowledged'
    | 'not_due'
    | 'again';
  status: InvocationStatus | null;
  settledAt: Date | null;
  callerAgentId: bigint | null;
  providerAgentId: bigint | null;
};

/** One text whatever the number of items. The bench sends the same one to measure the database alone. */
export const CLOSE_STATEMENT = `select verdict, status, settled_at as "settledAt", caller_agent_id as "callerAgentId", provider_agent_id as "providerAgentId"
  from market.invocation_close($1::bigint[], $2::text[], $3::bigint[], $4::json[], $5::json[], $6::text[], $7::bytea[], $8::bigint[])`;

/** The lane to `market.invocation_close` (prisma/functions/31_invocation_close.sql). */
@Injectable()
export class CloseStore implements OnModuleDestroy {
  private readonly lane: Lane<CloseItem, CloseVerdict>;

  constructor(
    private readonly database: Database,
    lanes: Lanes,
  ) {
    this.lane = lanes.open<CloseItem, CloseVerdict>({
      name: 'invocation-close',
      text: CLOSE_STATEMENT,
      values: (items) => [
        items.map((item) => item.id),
        items.map((item) => item.action),
        items.map((item) => item.actorAgentId),
        items.map((item) => item.output),
        items.map((item) => item.attachments),
        items.map((item) => item.error),
        items.map((item) => item.fingerprint),
        items.map((item) => item.keyId),
      ],
      isAgain: ({ verdict }) => verdict === 'again',
      // Closing again is harmless: what took effect answers with "replay" or "already settled".
      recover: () => Promise.resolve(undefined),
    });
  }

  /** @param turn whose request it is: owners take turns, and the platform's own refunds are one more
   *  @throws {LaneFull | LaneClosed | LaneUnwanted} nothing was closed */
  close(item: CloseItem, turn: bigint, isWanted?: () => boolean): Promise<CloseVerdict> {
    return this.lane.send(item, { turn, isWanted });
  }

  /** Pending, and its deadline still to come. */
  async isOpen(id: bigint): Promise<boolean> {
    const rows = await this.database.query(
      `select 1 from market.invocation where id = $1 and status = 'pending' and deadline_at > platform.clock()`,
      [id],
      'invocation-is-open',
    );
    return rows.length === 1;
  }

  /** Pending invocations past their deadline, oldest first. Takes no lock: closing takes them in order. */
  due(limit: number): Promise<{ id: bigint; deadlineAt: Date }[]> {
    return this.database.query<{ id: bigint; deadlineAt: Date }>(
      // "offset 0" keeps the planner from joining in any other way than by one look at the primary key for each id.
      `select d.id, i.deadline_at as "deadlineAt"
      from market.invocations_due($1) as d (id)
      cross join lateral (select deadline_at from market.invocation where id = d.id offset 0) as i`,
      [limit],
      'invocations-due',
    );
  }

  async onModuleDestroy(): Promise<void> {
    await this.lane.close();
  }
}
