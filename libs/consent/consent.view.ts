import { formatShells, type JsonObject } from '#kernel';
import type { Approval } from './approval.store.js';
import type { Budget, DryRun, Policy, Reason } from './consent.js';

/** An agent's budget, as the wire contract has it. */
export function budgetView(budget: Budget | undefined): Record<string, unknown> {
  if (budget === undefined) return { budgetType: 'none', budgetUsed: '0' };
  const { kind, amount, used, period, resetAt } = budget;
  return {
    budgetType: kind,
    budgetAmount: formatShells(amount),
    budgetUsed: formatShells(used),
    budgetRemaining: formatShells(used > amount ? 0n : amount - used),
    ...(period === null ? {} : { budgetPeriod: period, budgetResetAt: resetAt }),
  };
}

export function policyView({ rules, limits }: Policy): Record<string, unknown> {
  const limit = (kind: string): string | undefined => {
    const found = limits.find((one) => one.kind === kind);
    return found === undefined ? undefined : formatShells(found.amount);
  };
  const categories = limits.filter(({ kind }) => kind === 'category');
  return {
    actions: Object.fromEntries(
      rules.map((rule) => [
        rule.action,
        { consent: rule.consent, ...(rule.consent === 'above' ? { above: formatShells(rule.above) } : {}) },
      ]),
    ),
    limits: {
      transaction: limit('transaction'),
      day: limit('day'),
      counterparty: limit('counterparty'),
      firstTimeProvider: limit('first_time_provider'),
      categories: Object.fromEntries(categories.map(({ subject, amount }) => [subject, formatShells(amount)])),
    },
  };
}

export function reasonView({ rule, limit, total }: Reason): JsonObject {
  return {
    rule,
    ...(limit === undefined ? {} : { limit: formatShells(limit) }),
    ...(total === undefined ? {} : { total: formatShells(total) }),
  };
}

export function approvalView(approval: Approval): Record<string, unknown> {
  const { id, agentId, agentName, action, state, amount, sentence, reasons, key } = approval;
  return {
    id: Number(id),
    agentId: Number(agentId),
    agentName,
    action,
    status: state,
    amount: formatShells(amount),
    summary: sentence,
    reasons,
    idempotencyKey: key ?? undefined,
    createdAt: approval.createdAt,
    expiresAt: approval.expiresAt,
    decidedAt: approval.decidedAt ?? undefined,
    decidedBy: approval.decidedBy ?? undefined,
    reason: approval.words ?? undefined,
    endedAt: approval.endedAt ?? undefined,
    resultId: approval.resultId === null ? undefined : Number(approval.resultId),
    error: approval.problem ?? undefined,
  };
}

/** The owner sees what would be done, too. */
export function ownerApprovalView(approval: Approval): Record<string, unknown> {
  return { ...approvalView(approval), request: approval.request };
}

export function dryRunView({ charge, outcome, reasons, available, budgetRemaining }: DryRun): Record<string, unknown> {
  return {
    dryRun: true,
    charge: formatShells(charge),
    outcome,
    needsConsent: reasons.length > 0,
    reasons: reasons.map(reasonView),
    ownerAvailable: formatShells(available),
    ...(budgetRemaining === undefined ? {} : { budgetRemaining: formatShells(budgetRemaining) }),
  };
}
