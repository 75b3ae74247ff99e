import { Injectable } from '@nestjs/common';
import { assertNever } from '#kernel';
import { unauthenticated, type AgentPrincipal } from '#owners';
import { Bus, isLockTimeout, notFound } from '#platform';
import { overloaded } from '#services';
import { statusOf, type EmploymentPhase } from './employment.js';
import { EmploymentStore, type StepVerdict, type StepWish } from './employment.store.js';
import { employmentProblems } from './employments.problems.js';

/** An employment after a step that one of its parties took, now or by the first of two equal requests. */
export type Stepped = {
  id: bigint;
  phase: EmploymentPhase;
  staked: bigint;
  payment: bigint;
  billedHours: bigint;
  startedAt: Date | null;
  endedAt: Date | null;
  dueAt: Date | null;
  isReplay: boolean;
};

const DUE_BATCH = 200;

/** What becomes of an offer: accepted, rejected, withdrawn, terminated, ended. All pass through one function, and the first wins. */
@Injectable()
export class StepEmployment {
  constructor(
    private readonly store: EmploymentStore,
    private readonly bus: Bus,
  ) {}

  /** The employee takes the offer, and the clock runs.
   *  @throws {Problem} NOT_FOUND, OFFER_EXPIRED, EMPLOYMENT_ENDED, EMPLOYEE_FROZEN, UNAUTHENTICATED, OVERLOADED */
  async accept(employee: AgentPrincipal, id: bigint, message: string | undefined): Promise<Stepped> {
    return this.byParty(employee, id, 'accept', message);
  }

  /** @throws {Problem} NOT_FOUND, OFFER_EXPIRED, EMPLOYMENT_ENDED, EMPLOYMENT_STATE (it is active), UNAUTHENTICATED, OVERLOADED */
  async reject(employee: AgentPrincipal, id: bigint, reason: string | undefined): Promise<Stepped> {
    return this.byParty(employee, id, 'reject', reason);
  }

  /** Either party ends the work, or the employer withdraws its offer.
   *  @throws {Problem} NOT_FOUND, OFFER_EXPIRED, EMPLOYMENT_ENDED, EMPLOYMENT_STATE (an offer is rejected), UNAUTHENTICATED, OVERLOADED */
  async terminate(party: AgentPrincipal, id: bigint, reason: string | undefined): Promise<Stepped> {
    return this.byParty(party, id, 'terminate', reason);
  }

  /** Ends what is due, up to 200 employments. One that cannot be ended does not keep the others waiting. */
  async due(): Promise<{ closed: number }> {
    let closed = 0;
    const failures: unknown[] = [];
    for (const id of await this.store.due(DUE_BATCH)) {
      try {
        const wish = { id, action: 'end' as const, actorAgentId: undefined, keyId: undefined, words: undefined };
        closed += (await this.step(wish)).hasChanged ? 1 : 0;
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
    return { closed };
  }

  private async byParty(
    { agentId, keyId }: AgentPrincipal,
    id: bigint,
    action: StepWish['action'],
    words: string | undefined,
  ): Promise<Stepped> {
    const wish = { id, action, actorAgentId: agentId, keyId, words };
    return answer(
      id,
      await this.step(wish).catch((error: unknown) => {
        throw isLockTimeout(error) ? overloaded(error) : error;
      }),
    );
  }

  private async step(wish: StepWish): Promise<StepVerdict> {
    const result = await this.store.step(wish);
    // A party that comes too late may itself have ended it, so a refusal too may have made events.
    if (result.hasChanged) {
      for (const agentId of [result.employerAgentId, result.employeeAgentId]) {
        if (agentId !== null) this.bus.publish('agent-event', { agentId: String(agentId) });
      }
    }
    return result;
  }
}

function answer(id: bigint, { verdict, phase, ...row }: StepVerdict): Stepped {
  switch (verdict) {
    case 'done':
    case 'replay':
      if (phase === null) throw new Error(`employment ${id} was changed and is in no phase`);
      return { id, phase, ...row, isReplay: verdict === 'replay' };
    case 'key_ended':
      throw unauthenticated('agent');
    case 'not_found':
      throw notFound();
    case 'employee_frozen':
      throw employmentProblems.EMPLOYEE_FROZEN(
        'The owner has frozen this agent: it takes no offers until it is unfrozen',
      );
    case 'offer_expired':
      throw employmentProblems.OFFER_EXPIRED(
        `The offer of employment ${id} has ended without an answer; its stake has gone back to the employer`,
      );
    case 'ended': {
      const status = phase === null ? 'ended' : statusOf(phase);
      throw employmentProblems.EMPLOYMENT_ENDED(`Employment ${id} has ended as ${status}; it takes no other end`, {
        details: { status, phase, endTime: row.endedAt?.toISOString() ?? null },
      });
    }
    case 'is_active':
      throw employmentProblems.EMPLOYMENT_STATE(`Employment ${id} is active; terminate it to end it`);
    case 'is_pending':
      throw employmentProblems.EMPLOYMENT_STATE(`Employment ${id} is an offer; reject it to decline`);
    case 'not_due':
      throw new Error(`the verdict ${verdict} does not belong here`);
    default:
      return assertNever(verdict);
  }
}
