import { Injectable } from '@nestjs/common';
import { canonicalJson, fingerprint, formatShells, type JsonObject, type Problem } from '#kernel';
import { AgentStore } from '#agents';
import { JournalStore, keyReused } from '#escrow';
import type { Tx } from '#platform';
import { ApprovalStore } from './approval.store.js';
import type { Spender } from './carriers.js';
import { APPROVALS_MAX, sentenceOf, type Action, type DryRun } from './consent.js';
import { consentProblems } from './consent.problems.js';
import { reasonView } from './consent.view.js';
import { SpendingStore } from './spending.store.js';

/** What an agent wants to do, and what its owner would be asked. */
export type Ask = {
  action: Action;
  /** By whose rule the owner is asked, where that is another action's. */
  rule?: Action | undefined;
  /** Hundredths. */
  amount: bigint;
  /** After "wants to", such as: invoke “Word count” of “Digest” for 5 shells. */
  what: (counterpartyName: string) => string;
  category: string | null;
  counterpartyAgentId: bigint | null;
  /** What its carrier needs to do it later. */
  request: JsonObject;
  key: string | undefined;
};

const WAITING_RETRY_S = 30;
const WAITS_WITH_KEY =
  'Nothing is done until the owner approves; repeat the request with the same idempotency key to learn what became of it';
const WAITS_WITHOUT_KEY =
  'Nothing is done until the owner approves, and then it is done by itself; GET /openapi/v1/agent/me/approvals/{id} says what became of it';

/** Whether an agent may act by itself, and asking its owner when it may not. */
@Injectable()
export class Consent {
  constructor(
    private readonly spending: SpendingStore,
    private readonly approvals: ApprovalStore,
    private readonly agents: AgentStore,
    private readonly journal: JournalStore,
  ) {}

  /** Asks the owner, once for the same request, and says so.
   *  @returns APPROVAL_REQUIRED, APPROVAL_DENIED, APPROVAL_LIMIT or IDEMPOTENCY_KEY_REUSED to throw; undefined when the owner need not be
   *  asked any more: try again */
  async ask({ agentId, ownerId }: Spender, wish: Ask): Promise<Problem | undefined> {
    const reasons = await this.spending.reasons({ agentId, ...wish, action: wish.rule ?? wish.action });
    if (reasons.length === 0) return undefined;
    const agent = await this.agents.find(agentId);
    const counterparty =
      wish.counterpartyAgentId === null ? undefined : await this.agents.find(wish.counterpartyAgentId);
    const { action, amount, request, key } = wish;
    const what = wish.what(counterparty?.name ?? '');
    const asked = await this.approvals.ask({
      ownerId,
      agentId,
      action,
      request,
      print: fingerprint([action, canonicalJson(request), key]),
      key,
      amount,
      sentence: sentenceOf({ agentName: agent?.name ?? String(agentId), what }, reasons),
      reasons: reasons.map(reasonView),
    });
    switch (asked.verdict) {
      case 'asked':
      case 'waiting': {
        const { id, sentence, expiresAt } = asked;
        return consentProblems.APPROVAL_REQUIRED(key === undefined ? WAITS_WITHOUT_KEY : WAITS_WITH_KEY, {
          details: {
            approval: {
              id: Number(id),
              action,
              amount: formatShells(amount),
              summary: sentence,
              status: 'pending',
              expiresAt: expiresAt?.toISOString() ?? null,
            },
          },
          retryAfterS: WAITING_RETRY_S,
        });
      }
      case 'denied':
        return consentProblems.APPROVAL_DENIED(
          'The owner has denied this; the same request is not asked again for a day',
          {
            details: { approvalId: Number(asked.id) },
          },
        );
      case 'key_reused':
        return keyReused(key ?? '');
      case 'too_many':
        return consentProblems.APPROVAL_LIMIT(
          `${APPROVALS_MAX} approvals of this agent wait for its owner; nothing is asked`,
          { retryAfterS: WAITING_RETRY_S },
        );
    }
  }

  /** What it costs and whether the owner is asked, without doing it. May be otherwise a moment later. */
  async dryRun({ agentId, ownerId }: Spender, wish: Omit<Ask, 'request' | 'key' | 'what'>): Promise<DryRun> {
    const { available } = await this.journal.balance(ownerId);
    // Between agents of one owner nothing is charged, and nobody is asked.
    const isFree = wish.amount === 0n;
    const reasons = isFree ? [] : await this.spending.reasons({ agentId, ...wish });
    const budgetRemaining = await this.spending.budgetLeft(agentId);
    return {
      charge: wish.amount,
      reasons,
      available,
      budgetRemaining,
      outcome:
        budgetRemaining !== undefined && wish.amount > budgetRemaining
          ? 'BUDGET_EXCEEDED'
          : reasons.length > 0
            ? 'APPROVAL_REQUIRED'
            : wish.amount > available
              ? 'INSUFFICIENT_FUNDS'
              : 'OK',
    };
  }

  /** The refusal of a spend beyond the agent's budget. */
  async overBudget(agentId: bigint, amount: bigint): Promise<Problem> {
    const left = (await this.spending.budgetLeft(agentId)) ?? 0n;
    return consentProblems.BUDGET_EXCEEDED(
      `This costs ${formatShells(amount)}, and the agent's budget has ${formatShells(left)} left; nothing is held`,
      { details: { price: formatShells(amount), budgetRemaining: formatShells(left) } },
    );
  }

  /** Whether an agent may do this, which spends nothing, in the transaction that does it: by itself, or with this approval. */
  async may(tx: Tx, agentId: bigint, action: Action, amount: bigint, approvalId: bigint | undefined): Promise<boolean> {
    if (approvalId !== undefined) return this.approvals.holds(tx, approvalId, agentId, action, amount);
    const wish = { agentId, action, amount, category: null, counterpartyAgentId: null };
    return (await this.spending.reasons(wish, tx)).length === 0;
  }

  /** Uses the approval up, in the transaction that did what it allows. */
  async use(tx: Tx, approvalId: bigint | undefined, resultId: bigint): Promise<void> {
    if (approvalId !== undefined) await this.approvals.use(tx, approvalId, resultId);
  }

  /** The refusal of a request whose approval was used, ended, or is for less. */
  ended(): Problem {
    return consentProblems.APPROVAL_ENDED(
      'The approval was used up, has ended, or allows a lower price; nothing is done',
    );
  }
}
