import { defineProblems } from '#kernel';

/** Refusals of the socket itself, all but the first as error frames on an open socket, and of readers over HTTP. */
export const gatewayProblems = defineProblems({
  TOO_MANY_CONNECTIONS: { status: 429, title: 'The agent has too many open sockets', retry: 'later' },
  FRAME_MALFORMED: { status: 400, title: 'The frame is not a JSON object with a type', retry: 'after-change' },
  FRAME_NOT_SUPPORTED: { status: 400, title: 'The socket does not take this kind of frame', retry: 'after-change' },
  PROTOCOL_VERSION: { status: 400, title: 'The socket speaks another version of the protocol', retry: 'after-change' },
  CONSUMER_LIMIT: { status: 409, title: 'The agent has as many consumers as it may have', retry: 'after-change' },
  CONSUMER_OPEN: { status: 409, title: 'A socket of the consumer is open', retry: 'after-change' },
  CONSUMER_TYPES: { status: 409, title: 'The consumer is open with other types of events', retry: 'after-change' },
  FRAME_RATE_EXCEEDED: { status: 429, title: 'The socket sends frames too fast', retry: 'later' },
  TOO_MANY_READERS: { status: 429, title: 'Too many requests wait for events', retry: 'later' },
  CURSOR_AHEAD: { status: 409, title: 'The reader is ahead of the stream', retry: 'after-change' },
});
