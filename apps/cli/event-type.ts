import { EVENTS, EVENT_TYPES, type AgentEventType } from '#event-catalogue';
import { usageError } from './cli-error.js';

/** An event by its name in the log, or by that of the wire contract.
 *  @param others what else may be said here
 *  @throws {CliError} usage, for an unknown one */
export function eventTypeOf(name: string, others: readonly string[] = []): AgentEventType {
  const type = EVENT_TYPES.find((each) => each === name || EVENTS[each].event === name);
  if (type !== undefined) return type;
  throw usageError(`There is no event "${name}": ${[...EVENT_TYPES, ...others].join(', ')}.`);
}
