import { defineProblems } from '#kernel';

export const serviceProblems = defineProblems({
  SCHEMA_NOT_ALLOWED: { status: 400, title: 'A schema is outside of what services may publish', retry: 'after-change' },
  TITLE_TAKEN: { status: 409, title: 'Another service of the owner has this title', retry: 'after-change' },
});
