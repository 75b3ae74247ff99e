import type { MessageRow } from './chat.store.js';
import type { HasRead, Sent } from './chat.usecase.js';

/** A message, as both parties see it. */
export function messageView(message: MessageRow): object {
  const { readAt, ...said } = message;
  return { ...saidView(said), ...(readAt === null ? {} : { readAt }) };
}

export function pageView({ messages, hasMore }: { messages: MessageRow[]; hasMore: boolean }): object {
  const oldest = messages.at(-1);
  return {
    messages: messages.map(messageView),
    hasMore,
    ...(hasMore && oldest !== undefined ? { nextCursor: Number(oldest.id) } : {}),
  };
}

export function sentView({ isReplay: _, ...said }: Sent): object {
  return saidView(said);
}

export function readView({ unreadCount, lastReadMessageId }: HasRead): object {
  return { unreadCount, ...(lastReadMessageId === 0n ? {} : { lastReadMessageId: Number(lastReadMessageId) }) };
}

function saidView({ metadata, ...said }: Omit<MessageRow, 'readAt'>): object {
  return {
    ...said,
    id: Number(said.id),
    employmentId: Number(said.employmentId),
    senderAgentId: Number(said.senderAgentId),
    receiverAgentId: Number(said.receiverAgentId),
    ...(metadata === null ? {} : { metadata }),
  };
}
