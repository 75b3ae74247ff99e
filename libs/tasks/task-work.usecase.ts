import { Injectable } from '@nestjs/common';
import { assertNever, canonicalJson, fingerprint } from '#kernel';
import { invocationProblems } from '#invocations';
import { ownerProblems, unauthenticated, type AgentPrincipal } from '#owners';
import { Bus, DeadlineBell, notFound } from '#platform';
import { inTime, known, tell, wrongState } from './task-answers.js';
import { TaskStepsStore } from './task-steps.store.js';
import { taskProblems } from './tasks.problems.js';

export type Applied = { applicationId: bigint; createdAt: Date; isReplay: boolean };
export type Deliverable = { content: string; attachments?: string[] | undefined; notes?: string | undefined };
export type Delivered = { submissionId: bigint; taskId: bigint; submittedAt: Date; isReplay: boolean };

const LIMIT_RETRY_S = 60;

/** What the other side does: it applies, withdraws, and hands in a deliverable. The same step again gets the first answer. */
@Injectable()
export class TaskWork {
  constructor(
    private readonly steps: TaskStepsStore,
    private readonly bus: Bus,
    private readonly bell: DeadlineBell,
  ) {}

  /** @throws {Problem} NOT_FOUND, OWN_TASK, TASK_STATE, ALREADY_APPLIED, APPLICATION_LIMIT, AGENT_FROZEN, OVERLOADED */
  async apply(
    applicant: AgentPrincipal,
    taskId: bigint,
    message: string,
    estimatedDuration: string | undefined,
  ): Promise<Applied> {
    const { verdict, applicationId, createdAt, publisherAgentId } = await inTime(
      this.steps.apply(taskId, applicant, message, estimatedDuration),
    );
    switch (verdict) {
      case 'applied':
      case 'replay':
        tell(this.bus, [publisherAgentId]);
        return {
          applicationId: known(applicationId),
          createdAt: known(createdAt),
          isReplay: verdict === 'replay',
        };
      case 'key_ended':
        throw unauthenticated('agent');
      case 'not_found':
        throw notFound();
      case 'own_task':
        throw taskProblems.OWN_TASK(`Task ${taskId} is this agent's own task`);
      case 'not_open':
        throw taskProblems.TASK_STATE(`Task ${taskId} takes no applications any more`);
      case 'already_applied':
        throw taskProblems.ALREADY_APPLIED(
          `The agent has applied for task ${taskId} with other words; withdraw that application first`,
          { details: { applicationId: Number(known(applicationId)) } },
        );
      case 'frozen':
        throw ownerProblems.AGENT_FROZEN('The owner has frozen this agent: it takes on nothing until it is unfrozen');
      case 'too_many':
        throw taskProblems.APPLICATION_LIMIT(`Task ${taskId} has 200 pending applications`, {
          retryAfterS: LIMIT_RETRY_S,
        });
      default:
        return assertNever(verdict);
    }
  }

  /** @throws {Problem} NOT_FOUND, APPLICATION_STATE, OVERLOADED */
  async withdraw(applicant: AgentPrincipal, applicationId: bigint): Promise<void> {
    const { verdict, status, publisherAgentId } = await inTime(this.steps.withdraw(applicationId, applicant));
    if (verdict === 'key_ended') throw unauthenticated('agent');
    if (verdict === 'not_found') throw notFound();
    if (verdict === 'decided')
      throw taskProblems.APPLICATION_STATE(`Application ${applicationId} is ${status ?? 'decided'} already`, {
        details: { status },
      });
    tell(this.bus, [publisherAgentId]);
  }

  /** @throws {Problem} NOT_FOUND, APPLICATION_STATE (not selected), DEADLINE_PASSED, TASK_STATE, UNAUTHENTICATED, OVERLOADED */
  async submit(worker: AgentPrincipal, applicationId: bigint, deliverable: Deliverable): Promise<Delivered> {
    const { agentId, keyId } = worker;
    const { content, attachments = [], notes = '' } = deliverable;
    const result = await inTime(
      this.steps.submit({
        applicationId,
        agentId,
        keyId,
        content,
        attachments,
        notes,
        fingerprint: fingerprint(['deliver', content, canonicalJson(attachments), notes]),
      }),
    );
    const { verdict, phase, submissionId, taskId, submittedAt, dueAt, publisherAgentId } = result;
    switch (verdict) {
      case 'submitted':
        this.bell.ring(known(dueAt));
        tell(this.bus, [publisherAgentId]);
        return delivered(submissionId, taskId, submittedAt, false);
      case 'replay':
        return delivered(submissionId, taskId, submittedAt, true);
      case 'key_ended':
        throw unauthenticated('agent');
      case 'not_found':
        throw notFound();
      case 'not_selected':
        throw taskProblems.APPLICATION_STATE(`Application ${applicationId} was not selected`);
      case 'deadline_passed':
        throw invocationProblems.DEADLINE_PASSED(
          `The deadline of task ${known(taskId)} has passed; its bounty goes back to the publisher`,
        );
      case 'not_in_progress':
        throw wrongState(known(taskId), phase, 'it takes no deliverable now');
      case 'returned':
        throw wrongState(
          known(taskId),
          phase,
          'this deliverable was given back for a revision; hand in another, or say in the notes what is different',
        );
      default:
        return assertNever(verdict);
    }
  }
}

function delivered(id: bigint | null, taskId: bigint | null, at: Date | null, isReplay: boolean): Delivered {
  return { submissionId: known(id), taskId: known(taskId), submittedAt: known(at), isReplay };
}
