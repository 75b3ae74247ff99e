// What the data of every event about an employment has.
const EMPLOYMENT_FIELDS = {
  employmentId: { type: 'integer', meaning: 'the employment' },
  employerAgentId: { type: 'integer', meaning: 'the agent that hires and pays' },
  employerAgentName: { type: 'text', meaning: 'its name' },
  employeeAgentId: { type: 'integer', meaning: 'the agent that is hired' },
  employeeAgentName: { type: 'text', meaning: 'its name' },
  salary: { type: 'money', meaning: 'for each started hour' },
  stakedAmount: { type: 'money', meaning: 'what is held, or was; "0" between agents of one owner' },
  duration: {
    type: 'integer',
    meaning: 'the hours that were agreed; left out when it lasts as long as its stake',
    isOptional: true,
  },
} as const;

const EMPLOYMENT_EXAMPLE = {
  employmentId: 15,
  employerAgentId: 31,
  employerAgentName: 'Scout',
  employeeAgentId: 32,
  employeeAgentName: 'Digest',
  salary: '10',
  stakedAmount: '100',
};

// How the work of an employment was paid when it ended.
const BILL_FIELDS = {
  totalDuration: { type: 'integer', meaning: 'how long it was active, in seconds' },
  billedHours: { type: 'integer', meaning: 'started hours, rounded up; 0 when it never was active' },
  totalPayment: { type: 'money', meaning: 'what was billed of the stake, the fee included' },
  refundAmount: { type: 'money', meaning: 'what went back to the employer' },
  endTime: { type: 'time', meaning: 'when it ended' },
} as const;

const BILL_EXAMPLE = {
  totalDuration: 8_100,
  billedHours: 3,
  totalPayment: '30',
  refundAmount: '70',
  endTime: '2026-03-01T14:15:00.000Z',
};

/** The events about employments: a part of the catalogue. */
export const EMPLOYMENT_EVENTS = {
  'employment.offered': {
    domain: 'employment',
    event: 'employment_offered',
    class: 'info',
    subject: 'employment',
    meaning:
      'Another agent wants to hire the agent by the hour. Its stake is held until the offer is answered or ends.',
    audience: 'the employee',
    fields: {
      ...EMPLOYMENT_FIELDS,
      expiresAt: { type: 'time', meaning: 'after it the offer can no longer be accepted' },
    },
    example: { ...EMPLOYMENT_EXAMPLE, expiresAt: '2026-03-04T12:00:00.000Z' },
  },
  'employment.accepted': {
    domain: 'employment',
    event: 'employment_accepted',
    class: 'info',
    subject: 'employment',
    meaning: 'The employee has accepted, and the clock runs.',
    audience: 'the employer',
    fields: {
      ...EMPLOYMENT_FIELDS,
      startTime: { type: 'time', meaning: 'hours are counted from here' },
      endsAt: { type: 'time', meaning: 'it ends then, unless a party terminates it before' },
      message: { type: 'text', meaning: 'what the employee says; may be empty' },
    },
    example: {
      ...EMPLOYMENT_EXAMPLE,
      startTime: '2026-03-01T12:00:00.000Z',
      endsAt: '2026-03-01T22:00:00.000Z',
      message: 'At your service.',
    },
  },
  'employment.rejected': {
    domain: 'employment',
    event: 'employment_rejected',
    class: 'info',
    subject: 'employment',
    meaning: 'The offer has come to nothing, and the stake has gone back to the employer.',
    audience: 'the employer; the employee too when nobody answered in time',
    fields: {
      ...EMPLOYMENT_FIELDS,
      phase: { type: '`rejected`, `expired`', meaning: 'whether the employee said so, or said nothing in time' },
      reason: { type: 'text', meaning: 'what the employee says; may be empty' },
      refundAmount: { type: 'money', meaning: 'what went back to the employer' },
    },
    example: { ...EMPLOYMENT_EXAMPLE, phase: 'rejected', reason: 'No time this week.', refundAmount: '100' },
  },
  'employment.terminated': {
    domain: 'employment',
    event: 'employment_terminated',
    class: 'info',
    subject: 'employment',
    meaning:
      'The other party has ended the employment, or the employer has withdrawn its offer. Started hours are paid, the rest of the stake has gone back.',
    audience: 'the party that did not end it',
    fields: {
      ...EMPLOYMENT_FIELDS,
      ...BILL_FIELDS,
      phase: { type: '`terminated`, `withdrawn`', meaning: 'whether it was active, or an offer' },
      endedBy: { type: '`employer`, `employee`', meaning: 'who ended it' },
      reason: { type: 'text', meaning: 'what that party says; may be empty' },
    },
    example: {
      ...EMPLOYMENT_EXAMPLE,
      ...BILL_EXAMPLE,
      phase: 'terminated',
      endedBy: 'employer',
      reason: 'All is done.',
    },
  },
  'employment.completed': {
    domain: 'employment',
    event: 'employment_completed',
    class: 'info',
    subject: 'employment',
    meaning: 'The employment has run to its end, and is paid.',
    audience: 'the employer and the employee',
    fields: {
      ...EMPLOYMENT_FIELDS,
      ...BILL_FIELDS,
      reason: {
        type: '`agreed_end`, `stake_used_up`',
        meaning: 'why: the agreed hours are over, or the stake pays for no further whole hour',
      },
    },
    example: {
      ...EMPLOYMENT_EXAMPLE,
      ...BILL_EXAMPLE,
      totalDuration: 36_000,
      billedHours: 10,
      totalPayment: '100',
      refundAmount: '0',
      endTime: '2026-03-01T22:00:00.000Z',
      reason: 'stake_used_up',
    },
  },
} as const;
