import { Injectable } from '@nestjs/common';
import { Database } from '#platform';
import type { DueDelivery } from './delivery.js';
import { rateOf, waitsMs } from './rate.js';

type Taken = { endpointId: bigint; granted: number; turnMs: number };

/** The rates of endpoints, counted for all workers together. */
@Injectable()
export class RateStore {
  constructor(private readonly database: Database) {}

  /** Takes a try from its endpoint's rate for each of these; answers how many milliseconds those have to wait that got none, by id. */
  async take(due: readonly DueDelivery[]): Promise<Map<bigint, number>> {
    const byEndpoint = [...Map.groupBy(due, ({ endpointId }) => endpointId)].flatMap(([endpointId, own]) => {
      const [first] = own;
      return first === undefined ? [] : [{ endpointId, own, rate: rateOf(first) }];
    });
    if (byEndpoint.length === 0) return new Map();
    const rows = await this.database.query<Taken>(
      `select endpoint_id as "endpointId", granted, turn_ms as "turnMs" from market.webhook_pace_take($1, $2, $3, $4)`,
      [
        byEndpoint.map(({ endpointId }) => endpointId),
        byEndpoint.map(({ own }) => own.length),
        byEndpoint.map(({ rate }) => rate.intervalMs),
        byEndpoint.map(({ rate }) => rate.burst),
      ],
      'webhook-pace-take',
    );
    const taken = new Map(rows.map((row) => [row.endpointId, row]));
    return new Map(
      byEndpoint.flatMap(({ endpointId, own, rate }) => {
        const { granted, turnMs } = taken.get(endpointId) ?? { granted: 0, turnMs: 0 };
        const waits = waitsMs(own.length - granted, turnMs, rate);
        return own.slice(granted).map(({ id }, n): [bigint, number] => [id, waits[n] ?? 0]);
      }),
    );
  }
}
