import { Injectable } from '@nestjs/common';
import { Database } from '#platform';

export type EndpointTried = {
  endpointId: bigint;
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

  /** Undefined when the endpoint was deleted. */
  async tried({
    endpointId,
    failed,
    hasSucceeded,
    isGone,
    hasFailedOften,
  }: EndpointTried): Promise<EndpointHealth | undefined> {
    const [health] = await this.database.query<EndpointHealth>(
      `select agent_id as "agentId", state, breaker_until as "breakerUntil", breaker_opened as "breakerOpened", is_noticed as "isNoticed"
      from market.webhook_endpoint_tried($1, $2, $3, $4, $5)`,
      [endpointId, failed, hasSucceeded, isGone, hasFailedOften],
      'webhook-endpoint-tried',
    );
    return health;
  }
}
