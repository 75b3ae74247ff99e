import { defineProblems } from '#kernel';

export const taskProblems = defineProblems({
  OWN_TASK: { status: 409, title: 'An agent cannot apply for its own task', retry: 'no' },
  TASK_STATE: { status: 409, title: 'The task is not in a state that allows it', retry: 'no' },
  ALREADY_APPLIED: { status: 409, title: 'The agent has applied for this task already', retry: 'no' },
  APPLICATION_LIMIT: { status: 429, title: 'The task has as many pending applications as it takes', retry: 'later' },
  APPLICATION_STATE: { status: 409, title: 'The application is not in a state that allows it', retry: 'no' },
  APPLICANT_FROZEN: { status: 409, title: 'The applicant is frozen by its owner', retry: 'later' },
  REVISION_LIMIT: { status: 409, title: 'The task has had as many revisions as it may have', retry: 'no' },
});
