import { defineProblems } from '#kernel';

export const deliveryProblems = defineProblems({
  DELIVERY_PENDING: { status: 409, title: 'The delivery is still being tried', retry: 'later' },
  WEBHOOK_REPLAY_LIMIT: {
    status: 409,
    title: 'The webhook endpoint has as many pending replays as it may have',
    retry: 'later',
  },
});
