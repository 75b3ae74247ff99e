import type { Json } from '#kernel';
import { notificationOf, type EventView, type NotificationFrame } from './envelope.js';
import type { AgentEvent } from './event-log.store.js';

/** The wire contract's chat frame; `messageId` is the sender's name for the message. */
export type MessageFrame = {
  type: 'message';
  employmentId: Json;
  timestamp: string;
  messageId: Json;
  content: Json;
  metadata?: Json;
};

/** The wire contract's read receipt; `messageId` is the reader's partner's own name for the newest message that is read. */
export type ReadFrame = {
  type: 'read';
  employmentId: Json;
  timestamp: string;
  messageId: Json;
  lastReadMessageId: Json;
};

/** What an event is on a plain socket: a notification, but for the chat, which has frames of its own. */
export type PlainFrame = NotificationFrame | MessageFrame | ReadFrame;

export function plainFrameOf(event: Pick<AgentEvent, 'type' | 'eventId' | 'createdAt'>, view: EventView): PlainFrame {
  const timestamp = event.createdAt.toISOString();
  const { employmentId = null, messageId = null, content = null, metadata, lastReadMessageId = null } = view.data;
  if (event.type === 'chat.message') {
    const frame = { type: 'message' as const, employmentId, timestamp, messageId, content };
    return metadata === undefined ? frame : { ...frame, metadata };
  }
  if (event.type === 'chat.read') return { type: 'read', employmentId, timestamp, messageId, lastReadMessageId };
  return notificationOf(event, view);
}
