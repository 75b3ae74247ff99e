import { defineProblems } from '#kernel';

export const chatProblems = defineProblems({
  MESSAGE_ID_REUSED: { status: 409, title: 'Another message has this messageId', retry: 'after-change' },
  MESSAGE_LIMIT: { status: 429, title: 'The agent says more than it may within a minute', retry: 'later' },
});
