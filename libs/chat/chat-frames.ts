import type { JsonObject } from '#kernel';
import { dtoOf } from '#platform';
import { wishOf, type Wish } from './chat.js';
import { MessageFrame, ReadFrame } from './chat.dto.js';

/** What a client says of an employment over a socket. */
export type ChatFrame =
  { type: 'message'; employmentId: bigint; wish: Wish } | { type: 'read'; employmentId: bigint; last: bigint | string };

/** The fields of a chat frame, judged like those of the request. What else a client puts beside them, such as its time, is its own.
 *  @throws {Problem} VALIDATION_FAILED */
export function readChatFrame(type: ChatFrame['type'], fields: JsonObject): ChatFrame {
  if (type === 'read') {
    const { employmentId, lastReadMessageId } = dtoOf(ReadFrame, some(fields, ['employmentId', 'lastReadMessageId']));
    return { type, employmentId, last: lastReadMessageId };
  }
  const { employmentId, ...said } = dtoOf(
    MessageFrame,
    some(fields, ['employmentId', 'content', 'messageId', 'metadata']),
  );
  return { type, employmentId, wish: wishOf(said) };
}

function some(fields: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(
    names.flatMap((name) => (Object.hasOwn(fields, name) ? [[name, fields[name] ?? null]] : [])),
  );
}
