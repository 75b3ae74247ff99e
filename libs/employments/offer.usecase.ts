import { Injectable } from '@nestjs/common';
import { assertNever, fingerprint, formatShells, SHELLS_MAX, shellsInWords } from '#kernel';
import { AgentStore } from '#agents';
import { Consent, quoted, type DryRun, type Spender } from '#consent';
import { escrowProblems, JournalStore, keyReused } from '#escrow';
import { ownerProblems, unauthenticated } from '#owners';
import { Bus, DeadlineBell, isLockTimeout, notFound, validationFailed } from '#platform';
import { overloaded } from '#services';
import { HOURS_MAX, OFFER_HOURS, PENDING_MAX, stakeOf } from './employment.js';
import { EmploymentStore, type OfferVerdict } from './employment.store.js';
import { employmentProblems } from './employments.problems.js';
import { offerRequest, type OfferWish } from './offer-wish.js';

/** What the first answer to an offer says; a repetition with the same key says the same. */
export type Offered = {
  employmentId: bigint;
  employerAgentId: bigint;
  employeeAgentId: bigint;
  salary: bigint;
  staked: bigint;
  createdAt: Date;
  expiresAt: Date;
  isReplay: boolean;
};

// Some offer is answered, or ends, before long; sooner than that nothing changes.
const OFFER_LIMIT_RETRY_S = 60;

// An owner who changes a policy again and again does not hold an agent here.
const CONSENT_TRIES = 3;

/** Offers an employment and holds its stake. */
@Injectable()
export class OfferEmployment {
  constructor(
    private readonly store: EmploymentStore,
    private readonly journal: JournalStore,
    private readonly bus: Bus,
    private readonly bell: DeadlineBell,
    private readonly consent: Consent,
    private readonly agents: AgentStore,
  ) {}

  /** @throws {Problem} VALIDATION_FAILED (the stake), NOT_FOUND (no such agent), OWN_AGENT, EMPLOYEE_FROZEN, AGENT_FROZEN,
   *  INSUFFICIENT_FUNDS, OFFER_LIMIT, UNAUTHENTICATED (the key has ended meanwhile), IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_PROGRESS,
   *  OVERLOADED */
  async run(employer: Spender, wish: OfferWish): Promise<Offered> {
    const stake = requiredStake(wish);
    for (let tries = 0; tries < CONSENT_TRIES; tries += 1) {
      const offered = await this.offer(employer, wish, stake);
      if (offered !== undefined) return offered;
      const { employeeAgentId, salary, key } = wish;
      const money = `${shellsInWords(salary)} an hour, with a stake of ${formatShells(stake)}`;
      const refusal = await this.consent.ask(employer, {
        action: 'hire',
        amount: stake,
        what: (employee) => `hire ${quoted(employee)} for ${money}`,
        category: null,
        counterpartyAgentId: employeeAgentId,
        request: offerRequest(wish),
        key,
      });
      if (refusal !== undefined) throw refusal;
    }
    throw overloaded(new Error('the policy changed with every try'));
  }

  /** What an offer would hold now, and whether the owner would be asked; nothing is held.
   *  @throws {Problem} VALIDATION_FAILED (the stake), NOT_FOUND, OWN_AGENT */
  async dryRun(employer: Spender, wish: OfferWish): Promise<DryRun> {
    const stake = requiredStake(wish);
    const { employeeAgentId } = wish;
    if (employeeAgentId === employer.agentId) throw ownAgent(employeeAgentId);
    const employee = await this.agents.find(employeeAgentId);
    if (employee === undefined) throw notFound();
    const amount = employee.ownerId === employer.ownerId ? 0n : stake;
    return this.consent.dryRun(employer, {
      action: 'hire',
      amount,
      category: null,
      counterpartyAgentId: employeeAgentId,
    });
  }

  private async offer(employer: Spender, wish: OfferWish, stake: bigint): Promise<Offered | undefined> {
    const { employeeAgentId, salary, duration, key, approvalId } = wish;
    const offer = {
      employerAgentId: employer.agentId,
      employerOwnerId: employer.ownerId,
      keyId: employer.keyId,
      employeeAgentId,
      salary,
      stake,
      duration,
      key,
      fingerprint: key === undefined ? undefined : printOf(wish, stake),
      approvalId,
    };
    const limits = { offerHours: OFFER_HOURS, hoursMax: HOURS_MAX, pendingMax: PENDING_MAX };
    const verdict = await this.store.offer(offer, limits).catch((error: unknown) => {
      throw isLockTimeout(error) ? stillRunning(key, error) : error;
    });
    return this.offered(employer, wish, verdict);
  }

  /** Undefined when the owner has to be asked. */
  private async offered(employer: Spender, wish: OfferWish, result: OfferVerdict): Promise<Offered | undefined> {
    const { verdict, employmentId, staked, createdAt, dueAt } = result;
    const { employeeAgentId, salary, key } = wish;
    switch (verdict) {
      case 'offered':
      case 'replay':
        if (employmentId === null || dueAt === null) throw new Error('an employment was offered and is not there');
        if (verdict === 'offered') {
          // Hints after the commit: whoever misses them finds the event and the end of the offer by looking.
          this.bus.publish('agent-event', { agentId: String(employeeAgentId) });
          this.bell.ring(dueAt);
        }
        return {
          employmentId,
          employerAgentId: employer.agentId,
          employeeAgentId,
          salary,
          staked,
          createdAt,
          expiresAt: dueAt,
          isReplay: verdict === 'replay',
        };
      case 'insufficient_funds': {
        const { available } = await this.journal.balance(employer.ownerId);
        throw escrowProblems.INSUFFICIENT_FUNDS(
          `The stake is ${formatShells(staked)}, the wallet has ${formatShells(available)}; nothing is held`,
          { details: { price: formatShells(staked), available: formatShells(available) } },
        );
      }
      case 'consent_needed':
        return undefined;
      case 'over_budget':
        throw await this.consent.overBudget(employer.agentId, staked);
      case 'approval_ended':
        throw this.consent.ended();
      case 'key_reused':
        throw keyReused(key ?? '');
      case 'key_ended':
        throw unauthenticated('agent');
      case 'employer_frozen':
        throw ownerProblems.AGENT_FROZEN('The owner has frozen this agent: it spends nothing until it is unfrozen');
      case 'own_agent':
        throw ownAgent(employeeAgentId);
      case 'employee_not_found':
        throw notFound();
      case 'employee_frozen':
        throw employmentProblems.EMPLOYEE_FROZEN(
          `Agent ${employeeAgentId} is frozen by its owner and takes no offers; nothing is held`,
        );
      case 'too_many':
        throw employmentProblems.OFFER_LIMIT(
          `${PENDING_MAX} offers of this agent wait for their answers; withdraw some, or wait; nothing is held`,
          { retryAfterS: OFFER_LIMIT_RETRY_S },
        );
      default:
        return assertNever(verdict);
    }
  }
}

function ownAgent(agentId: bigint): Error {
  return employmentProblems.OWN_AGENT(`Agent ${agentId} is the agent of this key; nothing is held`);
}

/** @throws {Problem} VALIDATION_FAILED */
function requiredStake({ salary, stakeAmount }: OfferWish): bigint {
  const stake = stakeOf(salary, stakeAmount);
  if (stake < salary) {
    const message = `must be at least one hour's salary, ${formatShells(salary)}`;
    throw validationFailed([{ field: 'stakeAmount', message, code: 'range' }]);
  }
  if (stake > SHELLS_MAX) {
    const message = `makes a stake of ${formatShells(stake)}, more than ${formatShells(SHELLS_MAX)}; name a stakeAmount`;
    throw validationFailed([{ field: 'salary', message, code: 'range' }]);
  }
  return stake;
}

function printOf({ employeeAgentId, salary, duration }: OfferWish, stake: bigint): Buffer {
  return fingerprint(['employ', employeeAgentId, salary, stake, duration === undefined ? undefined : BigInt(duration)]);
}

/** The wallet's lock did not come in time: another request of this owner, likely the first one with this key, holds it. */
function stillRunning(key: string | undefined, cause: unknown): Error {
  if (key === undefined) return overloaded(cause);
  return escrowProblems.IDEMPOTENCY_IN_PROGRESS(
    `The first request with the key "${key}" is still running; repeat it in a moment`,
    { retryAfterS: 1, cause },
  );
}
