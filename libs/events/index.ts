export {
  EVENT_TYPES,
  EVENTS,
  isAgentEventType,
  isEventTypeOf,
  type AgentEventType,
  type EventClass,
  type EventEntry,
  type EventField,
  type EventTypeOf,
} from './catalogue.js';
export {
  envelopeOf,
  notificationOf,
  type Envelope,
  type EventData,
  type EventView,
  type NotificationFrame,
} from './envelope.js';
export { EventLog, type AgentEvent, type StreamCursor } from './event-log.store.js';
export { EventViews, type EventForm, type EventRenderer } from './event-views.js';
export { type PlainFrame } from './plain-frame.js';
export { EventsModule } from './events.module.js';
