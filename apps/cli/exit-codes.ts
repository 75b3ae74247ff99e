/** How the command ends, in one table: scripts and agents branch on these and nothing else. */
export const EXIT = {
  ok: 0,
  other: 1,
  usage: 2,
  notFound: 3,
  authentication: 4,
  conflict: 5,
  funds: 6,
  approval: 7,
  pending: 8,
  rateLimit: 9,
  unavailable: 10,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Codes whose meaning for the person at the terminal differs from their HTTP status. */
const BY_CODE: Readonly<Record<string, ExitCode>> = {
  PRICE_ABOVE_MAXIMUM: EXIT.funds,
  INSUFFICIENT_FUNDS: EXIT.funds,
  BUDGET_EXCEEDED: EXIT.funds,
  APPROVAL_REQUIRED: EXIT.approval,
  // The key is good; the owner has said no.
  APPROVAL_DENIED: EXIT.approval,
  // The key is good; it is the state of the agent or of the installation that refuses.
  AGENT_FROZEN: EXIT.conflict,
  TOP_UP_NOT_CONFIGURED: EXIT.conflict,
  IDEMPOTENCY_KEY_REUSED: EXIT.conflict,
};

const BY_STATUS: Readonly<Record<number, ExitCode>> = {
  202: EXIT.approval,
  400: EXIT.usage,
  401: EXIT.authentication,
  402: EXIT.funds,
  403: EXIT.authentication,
  404: EXIT.notFound,
  408: EXIT.unavailable,
  409: EXIT.conflict,
  410: EXIT.notFound,
  412: EXIT.conflict,
  413: EXIT.usage,
  415: EXIT.usage,
  422: EXIT.usage,
  429: EXIT.rateLimit,
  502: EXIT.unavailable,
  503: EXIT.unavailable,
  504: EXIT.unavailable,
};

/** The exit code for an answer that is not a success. */
export function exitCodeFor(status: number, code: string): ExitCode {
  return BY_CODE[code] ?? BY_STATUS[status] ?? EXIT.other;
}
