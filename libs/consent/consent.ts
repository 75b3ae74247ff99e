import { formatShells, shellsInWords } from '#kernel';

/** What an owner may want to be asked about. */
export const ACTIONS = ['publish', 'price_change', 'invoke', 'hire', 'task'] as const;
export type Action = (typeof ACTIONS)[number];

/** When the owner is asked: never, always, or above an amount. */
export const CONSENTS = ['never', 'always', 'above'] as const;

export const LIMIT_KINDS = ['transaction', 'day', 'category', 'counterparty', 'first_time_provider'] as const;
export type LimitKind = (typeof LIMIT_KINDS)[number];

export type Rule =
  { action: Action; consent: 'never' | 'always' } | { action: Action; consent: 'above'; above: bigint };
/** `subject` is the category of a category's limit, otherwise empty. */
export type SpendLimit = { kind: LimitKind; subject: string; amount: bigint };
export type Policy = { rules: readonly Rule[]; limits: readonly SpendLimit[] };

/** Why the owner is asked: a rule or a limit, and what is beyond it. Hundredths of a shell. */
export type Reason = { rule: 'always' | 'above' | LimitKind; limit?: bigint; total?: bigint };

export type Budget = {
  kind: 'one_time' | 'periodic';
  amount: bigint;
  used: bigint;
  period: 'daily' | 'weekly' | 'monthly' | null;
  resetAt: Date | null;
};

/** pending → approved → executed or failed; pending → denied or expired. */
export const APPROVAL_STATES = ['pending', 'approved', 'denied', 'expired', 'executed', 'failed'] as const;
export type ApprovalState = (typeof APPROVAL_STATES)[number];

/** What a spend would come to if it were made now. */
export type DryRun = {
  charge: bigint;
  /** The code of the refusal, or what it would answer. */
  outcome: 'OK' | 'APPROVAL_REQUIRED' | 'BUDGET_EXCEEDED' | 'INSUFFICIENT_FUNDS';
  reasons: Reason[];
  available: bigint;
  budgetRemaining: bigint | undefined;
};

/** How long an owner has to decide. */
export const APPROVAL_HOURS = 24;
/** How many approvals of one agent wait at most. */
export const APPROVALS_MAX = 50;

/** What an agent wants, in words: "Scout" wants to <what>. */
export type Asked = { agentName: string; what: string };

/** The sentence that the owner decides on. */
export function sentenceOf({ agentName, what }: Asked, reasons: readonly Reason[]): string {
  const why = reasons.map(inWords).filter((text) => text !== '');
  return `${quoted(agentName)} wants to ${what}${why.length === 0 ? '' : `: ${why.join('; ')}`}.`;
}

/** A name in a sentence. Whoever chose it cannot end the quotation, nor the line. */
export function quoted(name: string): string {
  return `“${name.replaceAll(/[“”„]/g, '"').replaceAll(/\p{Cc}/gu, ' ')}”`;
}

function inWords({ rule, limit = 0n, total = 0n }: Reason): string {
  const most = shellsInWords(limit);
  const sum = formatShells(total);
  switch (rule) {
    case 'always':
      return 'you want to be asked each time';
    case 'above':
      return `you want to be asked above ${most}`;
    case 'transaction':
      return `it may spend ${most} at a time`;
    case 'day':
      return `that makes ${sum} today, and it may spend ${most} a day`;
    case 'category':
      return `that makes ${sum} today in this category, and it may spend ${most}`;
    case 'counterparty':
      return `that makes ${sum} today with this agent, and it may spend ${most}`;
    case 'first_time_provider':
      return `it has not paid this agent before, and may spend ${most} then`;
  }
}
