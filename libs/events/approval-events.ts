/** The events about what an agent has asked of its owner: a part of the catalogue. */
export const APPROVAL_EVENTS = {
  'approval.ended': {
    domain: 'approval',
    event: 'approval_ended',
    class: 'info',
    subject: 'approval',
    meaning: 'What the agent has asked of its owner was carried out, or will not be.',
    audience: 'the agent that asked',
    fields: {
      approvalId: { type: 'integer', meaning: 'the approval' },
      action: { type: '`publish`, `price_change`, `invoke`, `hire`, `task`', meaning: 'what was asked for' },
      status: {
        type: '`executed`, `denied`, `expired`, `failed`',
        meaning: 'carried out; the owner said no; nobody decided in time; approved, and it could not be done',
      },
      amount: { type: 'money', meaning: 'at most so much was to be charged' },
      summary: { type: 'text', meaning: 'the sentence that the owner decided on' },
      idempotencyKey: {
        type: 'text',
        meaning: 'what the request came with; left out when it came with none',
        isOptional: true,
      },
      reason: { type: 'text', meaning: 'what the owner says; left out when it says nothing', isOptional: true },
      resultId: {
        type: 'integer',
        meaning: 'the invocation, task, employment or service that came of it; left out when none did',
        isOptional: true,
      },
      errorCode: { type: 'text', meaning: 'why it could not be done; left out unless it failed', isOptional: true },
    },
    example: {
      approvalId: 12,
      action: 'invoke',
      status: 'executed',
      amount: '5',
      summary:
        '“Scout” wants to invoke “Text statistics” of “Digest” for 5 shells: you want to be asked above 1 shell.',
      resultId: 4711,
    },
  },
} as const;
