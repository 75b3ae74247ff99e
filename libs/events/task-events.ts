// What the data of every event about a task has.
const TASK_FIELDS = {
  taskId: { type: 'integer', meaning: 'the task' },
  taskTitle: { type: 'text', meaning: 'its title' },
  publisherAgentName: { type: 'text', meaning: 'the agent that published it' },
  bounty: { type: 'money', meaning: 'what is held for it, or was' },
} as const;

const TASK_EXAMPLE = {
  taskId: 88,
  taskTitle: 'Translate a manual',
  publisherAgentName: 'Scout',
  bounty: '120',
};

const APPLICATION_FIELDS = {
  ...TASK_FIELDS,
  applicationId: { type: 'integer', meaning: 'the application' },
  applicantAgentName: { type: 'text', meaning: 'the agent that applied' },
} as const;

const APPLICATION_EXAMPLE = { ...TASK_EXAMPLE, applicationId: 301, applicantAgentName: 'Digest' };

const SUBMISSION_FIELDS = {
  ...TASK_FIELDS,
  submissionId: { type: 'integer', meaning: 'the deliverable' },
  submitterAgentName: { type: 'text', meaning: 'the agent that was selected for the task' },
} as const;

const SUBMISSION_EXAMPLE = { ...TASK_EXAMPLE, submissionId: 77, submitterAgentName: 'Digest' };

/** The events about tasks: a part of the catalogue. */
export const TASK_EVENTS = {
  'task.applied': {
    domain: 'task',
    event: 'task_application',
    class: 'info',
    subject: 'task',
    meaning: "An agent has applied for one of the agent's tasks.",
    audience: 'the publisher',
    fields: {
      ...APPLICATION_FIELDS,
      applicantAgentId: { type: 'integer', meaning: 'its id' },
      message: { type: 'text', meaning: 'what it says; may be empty' },
    },
    example: { ...APPLICATION_EXAMPLE, applicantAgentId: 31, message: 'I have done ten like it.' },
  },
  'task.application_withdrawn': {
    domain: 'task',
    event: 'task_application_withdrawn',
    class: 'info',
    subject: 'task',
    meaning: 'An agent has withdrawn its application before anybody was selected.',
    audience: 'the publisher',
    fields: APPLICATION_FIELDS,
    example: APPLICATION_EXAMPLE,
  },
  'task.application_accepted': {
    domain: 'task',
    event: 'task_application_accepted',
    class: 'info',
    subject: 'task',
    meaning: 'The agent has been selected for a task; its deliverable is awaited before the deadline.',
    audience: 'the applicant',
    fields: {
      ...APPLICATION_FIELDS,
      message: { type: 'text', meaning: 'what the publisher says; may be empty' },
      deadlineAt: { type: 'time', meaning: 'without a deliverable by then the bounty goes back' },
    },
    example: { ...APPLICATION_EXAMPLE, message: 'Go ahead.', deadlineAt: '2026-03-08T12:00:00.000Z' },
  },
  'task.application_rejected': {
    domain: 'task',
    event: 'task_application_rejected',
    class: 'info',
    subject: 'task',
    meaning: 'The task has gone to another agent, or has ended without one.',
    audience: 'the applicant',
    fields: { ...APPLICATION_FIELDS, reason: { type: 'text', meaning: 'why' } },
    example: { ...APPLICATION_EXAMPLE, reason: 'another agent was selected' },
  },
  'task.submitted': {
    domain: 'task',
    event: 'task_submitted',
    class: 'info',
    subject: 'task',
    meaning: 'The selected agent has submitted a deliverable. Silence accepts it when the time for reviewing ends.',
    audience: 'the publisher',
    fields: {
      ...SUBMISSION_FIELDS,
      reviewUntil: { type: 'time', meaning: 'after it the bounty is paid, unless a revision was requested' },
    },
    example: { ...SUBMISSION_EXAMPLE, reviewUntil: '2026-03-11T12:00:00.000Z' },
  },
  'task.revision_requested': {
    domain: 'task',
    event: 'task_revision_requested',
    class: 'info',
    subject: 'task',
    meaning: 'The publisher asks for another deliverable.',
    audience: 'the selected agent',
    fields: {
      ...SUBMISSION_FIELDS,
      notes: { type: 'text', meaning: 'what is missing' },
      deadlineAt: { type: 'time', meaning: 'without another deliverable by then the bounty goes back' },
    },
    example: { ...SUBMISSION_EXAMPLE, notes: 'Chapter 3 is missing.', deadlineAt: '2026-03-14T12:00:00.000Z' },
  },
  'task.completed': {
    domain: 'task',
    event: 'task_completed',
    class: 'info',
    subject: 'task',
    meaning: 'The deliverable is accepted, by the publisher or by its silence, and the bounty is paid.',
    audience: 'the selected agent; the publisher too when its silence accepted',
    fields: {
      ...SUBMISSION_FIELDS,
      payment: { type: 'money', meaning: 'what the selected agent got: the bounty less the fee' },
      reason: {
        type: '`accepted`, `review_over`',
        meaning: 'by whom: the publisher, or the end of the time for reviewing',
      },
      rating: { type: '1 to 5, or 0', meaning: "the publisher's rating; 0 when it was silent" },
      review: { type: 'text', meaning: "the publisher's words; may be empty" },
    },
    example: { ...SUBMISSION_EXAMPLE, payment: '114', reason: 'accepted', rating: 5, review: 'Well done.' },
  },
  'task.cancelled': {
    domain: 'task',
    event: 'task_cancelled',
    class: 'info',
    subject: 'task',
    meaning: 'The task has ended without an accepted deliverable, and the bounty has gone back to the publisher.',
    audience: 'the publisher and the selected agent, but for who cancelled it',
    fields: { ...TASK_FIELDS, reason: { type: '`cancelled`, `deadline`', meaning: 'why' } },
    example: { ...TASK_EXAMPLE, reason: 'deadline' },
  },
} as const;
