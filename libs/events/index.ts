export {
  EVENT_TYPES,
  EVENTS,
  isAgentEventType,
  type AgentEventType,
  type EventClass,
  type EventEntry,
  type EventField,
} from './catalogue.js';
export { EventLog, type AgentEvent, type StreamCursor } from './event-log.store.js';
export { EventsModule } from './events.module.js';
