import { Injectable } from '@nestjs/common';
import { assertNever, fingerprint, formatShells, shellsInWords } from '#kernel';
import { Consent, quoted, type DryRun, type Spender } from '#consent';
import { escrowProblems, JournalStore, keyReused } from '#escrow';
import { invocationProblems } from '#invocations';
import { ownerProblems, unauthenticated, type AgentPrincipal } from '#owners';
import { Bus, DeadlineBell, notFound, validationFailed } from '#platform';
import { overloaded } from '#services';
import { taskStatusOf, type TaskStatus } from './task.js';
import { inTime, known, tell, wrongState } from './task-answers.js';
import { TaskStepsStore, type CloseItem, type CloseVerdict } from './task-steps.store.js';
import { taskRequest, type TaskWish } from './task-wish.js';
import { taskProblems } from './tasks.problems.js';

export type Published = { taskId: bigint; bounty: bigint; createdAt: Date; deadlineAt: Date; isReplay: boolean };
export type Selected = { workerAgentId: bigint; startedAt: Date; isReplay: boolean };
export type Ended = { status: TaskStatus; endedAt: Date; paid: bigint; isReplay: boolean };

// An owner who changes a policy again and again does not hold an agent here.
const CONSENT_TRIES = 3;

/** What the publisher does, and time: a task from its publication to its end. The same step again gets the first answer. */
@Injectable()
export class Tasks {
  constructor(
    private readonly steps: TaskStepsStore,
    private readonly journal: JournalStore,
    private readonly bus: Bus,
    private readonly bell: DeadlineBell,
    private readonly consent: Consent,
  ) {}

  /** Holds the bounty.
   *  @throws {Problem} VALIDATION_FAILED (deadline), INSUFFICIENT_FUNDS, AGENT_FROZEN, UNAUTHENTICATED, IDEMPOTENCY_KEY_REUSED, OVERLOADED */
  async publish(publisher: Spender, wish: TaskWish): Promise<Published> {
    for (let tries = 0; tries < CONSENT_TRIES; tries += 1) {
      const published = await this.publishOnce(publisher, wish);
      if (published !== undefined) return published;
      const { bounty, title, category } = wish;
      const refusal = await this.consent.ask(publisher, {
        action: 'task',
        amount: bounty,
        what: () => `publish the task ${quoted(title)} with a bounty of ${shellsInWords(bounty)}`,
        category,
        counterpartyAgentId: null,
        request: taskRequest(wish),
        key: wish.key,
      });
      if (refusal !== undefined) throw refusal;
    }
    throw overloaded(new Error('the policy changed with every try'));
  }

  /** What a task would cost now, and whether the owner would be asked; nothing is held. */
  dryRun(publisher: Spender, { bounty, category }: TaskWish): Promise<DryRun> {
    return this.consent.dryRun(publisher, { action: 'task', amount: bounty, category, counterpartyAgentId: null });
  }

  /** Undefined when the owner has to be asked. */
  private async publishOnce(publisher: Spender, wish: TaskWish): Promise<Published | undefined> {
    const { agentId, ownerId, keyId } = publisher;
    const { title, description, category, bounty, deadline, key, approvalId } = wish;
    const parts = ['task', title, description, category, bounty, deadline?.toISOString()];
    const { verdict, ...made } = await inTime(
      this.steps.publish({
        agentId,
        ownerId,
        keyId,
        title,
        description,
        category,
        bounty,
        deadlineAt: deadline,
        key,
        fingerprint: key === undefined ? undefined : fingerprint(parts),
        approvalId,
      }),
    );
    switch (verdict) {
      case 'published':
        this.bell.ring(made.deadlineAt);
        return { ...made, isReplay: false };
      case 'replay':
        return { ...made, isReplay: true };
      case 'consent_needed':
        return undefined;
      case 'over_budget':
        throw await this.consent.overBudget(agentId, bounty);
      case 'approval_ended':
        throw this.consent.ended();
      case 'key_reused':
        throw keyReused(key ?? '');
      case 'key_ended':
        throw unauthenticated('agent');
      case 'frozen':
        throw ownerProblems.AGENT_FROZEN('The owner has frozen this agent: it spends nothing until it is unfrozen');
      case 'deadline_too_soon':
        throw validationFailed([{ field: 'deadline', message: 'must be at least a minute from now', code: 'range' }]);
      case 'deadline_too_late':
        throw validationFailed([{ field: 'deadline', message: 'must be within 365 days', code: 'range' }]);
      case 'insufficient_funds': {
        const { available } = await this.journal.balance(ownerId);
        throw escrowProblems.INSUFFICIENT_FUNDS(
          `The bounty is ${formatShells(bounty)}, the wallet has ${formatShells(available)}`,
          { details: { price: formatShells(bounty), available: formatShells(available) } },
        );
      }
      default:
        return assertNever(verdict);
    }
  }

  /** @throws {Problem} NOT_FOUND, TASK_STATE, DEADLINE_PASSED, APPLICATION_STATE, APPLICANT_FROZEN, UNAUTHENTICATED, OVERLOADED */
  async select(publisher: AgentPrincipal, taskId: bigint, applicationId: bigint, message: string): Promise<Selected> {
    const { verdict, phase, workerAgentId, startedAt, agentIds } = await inTime(
      this.steps.select(taskId, applicationId, publisher, message),
    );
    switch (verdict) {
      case 'selected':
      case 'replay':
        tell(this.bus, agentIds);
        return { workerAgentId: known(workerAgentId), startedAt: known(startedAt), isReplay: verdict === 'replay' };
      case 'key_ended':
        throw unauthenticated('agent');
      case 'not_found':
        throw notFound();
      case 'not_open':
        throw wrongState(taskId, phase, 'it takes no other agent');
      case 'deadline_passed':
        throw invocationProblems.DEADLINE_PASSED(`The deadline of task ${taskId} has passed; its bounty goes back`);
      case 'application_gone':
        throw taskProblems.APPLICATION_STATE(`Application ${applicationId} was withdrawn`);
      case 'applicant_frozen':
        throw taskProblems.APPLICANT_FROZEN(`The applicant of ${applicationId} is frozen by its owner`);
      default:
        return assertNever(verdict);
    }
  }

  /** @throws {Problem} NOT_FOUND, TASK_STATE, REVISION_LIMIT, OVERLOADED */
  async requestRevision(publisher: AgentPrincipal, taskId: bigint, notes: string): Promise<Date> {
    const { verdict, phase, dueAt, workerAgentId } = await inTime(this.steps.requestRevision(taskId, publisher, notes));
    switch (verdict) {
      case 'requested':
      case 'replay':
        this.bell.ring(known(dueAt));
        tell(this.bus, [workerAgentId]);
        return known(dueAt);
      case 'key_ended':
        throw unauthenticated('agent');
      case 'not_found':
        throw notFound();
      case 'not_in_review':
        throw wrongState(taskId, phase, 'there is no deliverable to revise');
      case 'review_over':
        throw wrongState(taskId, phase, 'the time for its review is over and the deliverable is accepted');
      case 'too_many':
        throw taskProblems.REVISION_LIMIT(`Task ${taskId} has had its three revisions; accept the deliverable`);
      default:
        return assertNever(verdict);
    }
  }

  /** Pays the bounty to the worker.
   *  @throws {Problem} NOT_FOUND, TASK_STATE, UNAUTHENTICATED, OVERLOADED */
  async accept(publisher: AgentPrincipal, taskId: bigint, rating: number, review: string | undefined): Promise<Ended> {
    const { agentId, keyId } = publisher;
    const item = { taskId, action: 'accept' as const, agentId, keyId, rating, review };
    return ended(await this.close(item), taskId, 'there is no deliverable to accept');
  }

  /** Returns the bounty of an open task.
   *  @throws {Problem} NOT_FOUND, TASK_STATE, UNAUTHENTICATED, OVERLOADED */
  async cancel({ agentId, keyId }: AgentPrincipal, taskId: bigint): Promise<Ended> {
    const item = { taskId, action: 'cancel' as const, agentId, keyId, rating: undefined, review: undefined };
    return ended(await this.close(item), taskId, 'only an open task can be cancelled');
  }

  /** Ends what is due, up to 500 tasks: in review it is paid, otherwise it goes back. One that cannot be ended does not keep the others
   *  waiting. */
  async due(): Promise<{ closed: number }> {
    let closed = 0;
    const failures: unknown[] = [];
    for (const taskId of await this.steps.due(DUE_BATCH)) {
      const nobody = { agentId: undefined, keyId: undefined, rating: undefined, review: undefined };
      try {
        const { verdict } = await this.close({ taskId, action: 'due', ...nobody });
        if (verdict === 'closed') closed += 1;
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
    return { closed };
  }

  private async close(item: CloseItem): Promise<CloseVerdict> {
    const result = await inTime(this.steps.close(item));
    tell(this.bus, result.agentIds);
    return result;
  }
}

const DUE_BATCH = 500;

function ended({ verdict, phase, endedAt, paid }: CloseVerdict, taskId: bigint, why: string): Ended {
  switch (verdict) {
    case 'closed':
    case 'replay':
      return {
        status: taskStatusOf(known(phase)),
        endedAt: known(endedAt),
        paid: paid ?? 0n,
        isReplay: verdict === 'replay',
      };
    case 'key_ended':
      throw unauthenticated('agent');
    case 'not_found':
      throw notFound();
    case 'wrong_phase':
      throw wrongState(taskId, phase, why);
    case 'not_due':
      throw new Error('only the platform asks for what is due');
    default:
      return assertNever(verdict);
  }
}
