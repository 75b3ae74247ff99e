import { Injectable } from '@nestjs/common';
import { Database } from '#platform';

export type EndpointTried = {
  endpointId: bigint;
  /** The address that was tried. */
  url: string;
  failed: number;
  /** Whether the newest try succeeded. */
  hasSucceeded: boolean;
  isGone: boolean;
  hasFailedOften: boolean;
};

export type EndpointHealth = {
  agentId: bigint;
  state: string;
  breakerUntil: Date | null;
  breakerOpened: number;
  /** Its agent has a new event about it. */
  isNoticed: boolean;
};

/** What the tries say about endpoints: failures in a row, breaker, state, and the notice that goes with it. */
@Injectable()
export class EndpointHealthStore {
  constructor(private readonly database: Database) {}

  /** Undefined when the endpoint was deleted or has another address by now: then nothing is changed. */
  async tried({
    endpointId,
    url,
    failed,
    hasSucceeded,
    isGone,
    hasFailedOften,
  }: EndpointTried): Promise<EndpointHealth | undefined> {
    const [health] = await this.database.query<EndpointHealth>(
      `select agent_id as "agentId", state, breaker_until as "breakerUntil", breaker_opened as "breakerOpened", is_noticed as "isNoticed"
      from market.webhook_endpoint_tried_v2($1, $2, $3, $4, $5, $6)`,
      [endpointId, url, failed, hasSucceeded, isGone, hasFailedOften],
      'webhook-endpoint-tried-v2',
    );
    return health;
  }

  /** How many endpoints have an open breaker; counts up to `most`. */
  async countOpenBreakers(most: number): Promise<number> {
    const [row] = await this.database.query<{ count: number }>(
      `select count(*)::integer as count from (
        select from market.webhook_endpoint
        where breaker_until is not null and breaker_until > platform.clock() and deleted_at is null limit $1
      ) e`,
      [most],
    );
    return row?.count ?? 0;
  }
}
