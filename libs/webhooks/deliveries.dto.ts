import { EVENT_TYPES, type AgentEventType } from '#events';
import { IsId, IsInstant, IsInteger, IsOneOf, Limit, Optional, RefusesUnknown } from '#platform';
import type { DeliveryStatus } from './delivery-log.store.js';

const STATUSES: readonly DeliveryStatus[] = ['pending', 'delivered', 'failed', 'expired', 'superseded', 'cancelled'];

@RefusesUnknown()
export class DeliveriesQuery {
  @Limit(20, 100) limit!: number;
  @Optional() @IsOneOf(STATUSES) status?: DeliveryStatus;
  @Optional() @IsOneOf(EVENT_TYPES) eventType?: AgentEventType;
  /** Only deliveries that were made then or later. */
  @Optional() @IsInstant() since?: Date;
  /** Only deliveries that this replay has made. */
  @Optional() @IsId() replayId?: bigint;
  /** Only deliveries with a lower id: `nextBefore` of the page before. */
  @Optional() @IsId() before?: bigint;
}

export class ReplayBody {
  @IsOneOf(['range', 'failed']) kind!: 'range' | 'failed';
  /** The events after this number. */
  @Optional() @IsInteger(0, Number.MAX_SAFE_INTEGER) after?: number;
  /** Up to this one; without it, up to the newest. */
  @Optional() @IsInteger(1, Number.MAX_SAFE_INTEGER) through?: number;
}

@RefusesUnknown()
export class ReplaysQuery {
  @Limit(20, 100) limit!: number;
}
