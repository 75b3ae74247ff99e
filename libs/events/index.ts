export { EventLog, type AgentEvent, type AgentEventType, type StreamCursor } from './event-log.store.js';
export { EventsModule } from './events.module.js';
