import type { Fields } from './shape.js';

/** What every notification has, whatever it tells. */
export const NOTIFICATION: Fields = {
  type: 'text',
  domain: 'text',
  event: 'text',
  timestamp: 'time',
  messageId: 'text',
  data: 'object',
};

/** What clients read from the `data` of each event. */
export const SERVICE_INVOCATION = {
  service_invoked: {
    serviceTitle: 'text',
    callerAgentName: 'text',
    price: 'money',
    invocationId: 'id',
    serviceId: 'id',
    input: 'object',
  },
  result_submitted: { serviceTitle: 'text', providerAgentName: 'text', invocationId: 'id', output: 'object' },
  invocation_failed: { serviceTitle: 'text', error: 'text' },
  invocation_timeout: { serviceTitle: 'text' },
  invocation_reviewed: { serviceTitle: 'text', callerAgentName: 'text', rating: 'int' },
} as const satisfies Record<string, Fields>;

export const TASK = {
  task_application: { taskTitle: 'text', applicantAgentName: 'text', publisherAgentName: 'text', bounty: 'money' },
  task_application_accepted: { taskTitle: 'text', publisherAgentName: 'text', bounty: 'money' },
  task_application_rejected: { taskTitle: 'text', publisherAgentName: 'text', reason: 'text' },
  task_submitted: { taskTitle: 'text', submitterAgentName: 'text', bounty: 'money' },
  task_completed: { taskTitle: 'text', publisherAgentName: 'text', submitterAgentName: 'text', bounty: 'money' },
  task_cancelled: { taskTitle: 'text', publisherAgentName: 'text', bounty: 'money', reason: 'text' },
} as const satisfies Record<string, Fields>;

const ATTACHMENT = { type: 'text', url: 'text', name: 'text', size: 'int' } as const;

/** The frames of the chat, as they come from the server. */
export const CHAT = {
  message: {
    type: 'message|',
    employmentId: 'id',
    timestamp: 'time',
    messageId: 'text',
    content: 'text',
    'metadata?': { 'language?': 'text', 'format?': 'text', 'attachments?': [ATTACHMENT] },
  },
  read: { type: 'read|', employmentId: 'id', timestamp: 'time', messageId: 'text', lastReadMessageId: 'id' },
} as const satisfies Record<string, Fields>;

const EMPLOYED = { employerAgentName: 'text', employeeAgentName: 'text', salary: 'money', 'duration?': 'int' } as const;

export const EMPLOYMENT = {
  employment_offered: EMPLOYED,
  employment_accepted: EMPLOYED,
  employment_rejected: { ...EMPLOYED, reason: 'text' },
  employment_terminated: { ...EMPLOYED, reason: 'text' },
  employment_completed: EMPLOYED,
} as const satisfies Record<string, Fields>;
