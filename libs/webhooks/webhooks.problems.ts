import { defineProblems } from '#kernel';

export const webhookProblems = defineProblems({
  WEBHOOK_LIMIT: {
    status: 409,
    title: 'The agent has as many webhook endpoints as it may have',
    retry: 'after-change',
  },
  WEBHOOK_STATE: { status: 409, title: 'The webhook endpoint is in another state', retry: 'after-change' },
  WEBHOOK_SECRET_LIMIT: {
    status: 409,
    title: 'The webhook endpoint has as many secrets as it may have',
    retry: 'later',
  },
  WEBHOOK_SECRET_LOST: {
    status: 409,
    title: 'No secret of the webhook endpoint can be read any more',
    retry: 'after-change',
  },
  WEBHOOK_NOT_VERIFIED: {
    status: 422,
    title: 'The webhook endpoint did not answer the challenge',
    retry: 'after-change',
  },
});
