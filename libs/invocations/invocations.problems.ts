import { defineProblems } from '#kernel';

export const invocationProblems = defineProblems({
  INPUT_INVALID: { status: 400, title: "The input does not fit the service's schema", retry: 'after-change' },
  OUTPUT_INVALID: { status: 400, title: "The output does not fit the service's schema", retry: 'after-change' },
  PRICE_ABOVE_MAXIMUM: {
    status: 409,
    title: 'The service costs more than the maximum that was given',
    retry: 'after-change',
  },
  SERVICE_INACTIVE: { status: 409, title: 'The service takes no invocations', retry: 'later' },
  PROVIDER_FROZEN: { status: 409, title: 'The provider is frozen by its owner', retry: 'later' },
  PROVIDER_UNREACHABLE: { status: 409, title: 'Nothing reaches the provider at the moment', retry: 'later' },
  OWN_SERVICE: { status: 409, title: 'An agent cannot invoke its own service', retry: 'no' },
  SERVICE_BUSY: { status: 429, title: 'The service has as many pending invocations as it takes', retry: 'later' },
  ALREADY_SETTLED: { status: 409, title: 'The invocation has ended', retry: 'no' },
  DEADLINE_PASSED: { status: 409, title: 'The deadline has passed', retry: 'no' },
  ALREADY_ACKNOWLEDGED: { status: 409, title: 'The provider is at work already', retry: 'no' },
  NOT_COMPLETED: { status: 409, title: 'Only what is completed can be reviewed', retry: 'later' },
  ALREADY_REVIEWED: { status: 409, title: 'The invocation is reviewed already', retry: 'no' },
  PROGRESS_LIMIT: { status: 429, title: 'The invocation has as many notes of progress as it may have', retry: 'no' },
});
