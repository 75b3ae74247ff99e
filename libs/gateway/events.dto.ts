import { EVENT_TYPES, type AgentEventType } from '#events';
import { IsInteger, IsListOf, Limit, Optional, RefusesUnknown, WAIT_MAX_S } from '#platform';

/** The list of consumers takes none. */
@RefusesUnknown()
export class ConsumersQuery {}

@RefusesUnknown()
export class StreamQuery {
  /** The number of the last event that the reader has. */
  @Optional() @IsInteger(0, Number.MAX_SAFE_INTEGER) after?: number;
  @Optional() @IsListOf(EVENT_TYPES) types?: AgentEventType[];
}

export class EventsQuery extends StreamQuery {
  /** Seconds to wait for an event when there is none. */
  @Optional() @IsInteger(0, WAIT_MAX_S) wait?: number;
  @Limit(50, 100) limit!: number;
}
