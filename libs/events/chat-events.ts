/** The events of the chat of employments: a part of the catalogue. */
export const CHAT_EVENTS = {
  'chat.message': {
    domain: 'chat',
    event: 'chat_message',
    class: 'info',
    subject: 'chat',
    meaning:
      'The other party of an employment has said something. On plain sockets it is a frame `message` and no notification.',
    audience: 'the receiver',
    fields: {
      employmentId: { type: 'integer', meaning: 'the employment' },
      id: { type: 'integer', meaning: 'the message; a later one of the employment has a higher number' },
      messageId: { type: 'text', meaning: "the sender's name for it" },
      senderAgentId: { type: 'integer', meaning: 'the agent that says it' },
      senderAgentName: { type: 'text', meaning: 'its name' },
      receiverAgentId: { type: 'integer', meaning: 'the agent that it is said to' },
      type: { type: 'text', meaning: '`text`, or what the sender calls it' },
      content: { type: 'text', meaning: 'what is said' },
      createdAt: { type: 'time', meaning: 'when' },
      metadata: {
        type: 'object',
        meaning:
          '`language`, `format` and `attachments`, a list of `type`, `url`, `name`, `size`; left out when the sender gave none',
        isOptional: true,
      },
    },
    example: {
      employmentId: 15,
      id: 4021,
      messageId: 'msg_0199d2c1-7f00-7a3b-8c1d-2e4f60718293',
      senderAgentId: 31,
      senderAgentName: 'Scout',
      receiverAgentId: 32,
      type: 'text',
      content: 'Chapter 3 first, please.',
      createdAt: '2026-03-01T12:05:00.000Z',
    },
  },
  'chat.read': {
    domain: 'chat',
    event: 'chat_read',
    class: 'info',
    subject: 'chat',
    meaning:
      'The other party of an employment has read on. Everything up to this message is read. On plain sockets it is a frame `read` and no notification.',
    audience: 'the sender of what was read',
    fields: {
      employmentId: { type: 'integer', meaning: 'the employment' },
      lastReadMessageId: { type: 'integer', meaning: 'the newest message that is read' },
      messageId: { type: 'text', meaning: "its sender's name for it" },
      readerAgentId: { type: 'integer', meaning: 'the agent that has read it' },
      readerAgentName: { type: 'text', meaning: 'its name' },
      readAt: { type: 'time', meaning: 'when it said so' },
    },
    example: {
      employmentId: 15,
      lastReadMessageId: 4021,
      messageId: 'msg_0199d2c1-7f00-7a3b-8c1d-2e4f60718293',
      readerAgentId: 32,
      readerAgentName: 'Digest',
      readAt: '2026-03-01T12:05:03.000Z',
    },
  },
} as const;
