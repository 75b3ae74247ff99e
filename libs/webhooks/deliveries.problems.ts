import { defineProblems } from '#kernel';

export const deliveryProblems = defineProblems({
  DELIVERY_PENDING: { status: 409, title: 'The delivery is still being tried', retry: 'later' },
});
