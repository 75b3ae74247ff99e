import type { EventClass } from '#events';
import type { EgressTimings } from '#platform';

/** A delivery whose time has come, with what decides about its next try. Times are relative, by the database's clock. */
export type DueDelivery = {
  id: bigint;
  endpointId: bigint;
  agentId: bigint;
  seq: bigint;
  eventId: string;
  eventCreatedAt: Date;
  type: string;
  invocationId: bigint | null;
  class: EventClass;
  attempt: number;
  body: Buffer | null;
  /** To the deadline of work. */
  leftMs: number | null;
  expiresAt: Date | null;
  /** Work that its provider has from elsewhere, or that has ended. */
  isSuperseded: boolean;
  url: string;
  state: 'unverified' | 'active' | 'paused' | 'failing' | 'disabled';
  isDeleted: boolean;
  ratePerSecond: number;
  /** How long the endpoint's breaker is still open, 0 when it is not. */
  breakerMs: number;
  /** It has failed since the breaker last opened: one try at a time. */
  isHalfOpen: boolean;
  /** Its last try failed. */
  hasFailed: boolean;
  /** How long it has been due. */
  lateMs: number;
};

export type EndStatus = 'delivered' | 'failed' | 'expired' | 'superseded' | 'cancelled';

/** A delivery that is not tried now is left for later, or at its end. */
export type Refusal = { do: 'wait'; inMs: number } | { do: 'end'; status: EndStatus };

/** What becomes of a due delivery. */
export type Decision = { do: 'send'; leaseMs: number } | Refusal;

/** What a try came to. */
export type TriedDelivery = {
  id: bigint;
  claimId: string;
  /** When it began, so many milliseconds ago. */
  agoMs: number;
  statusCode: number | null;
  reason: string | null;
  detail: string | null;
  timings: EgressTimings;
  response: string | null;
  next: { status: 'pending'; inMs: number } | { status: Exclude<EndStatus, 'superseded' | 'cancelled'> };
  /** What was sent, when it is sent again and not stored yet. */
  body: Buffer | null;
};
