import { Injectable } from '@nestjs/common';
import { Database, IdSource } from '#platform';
import type { TaskPhase } from './task.js';

/** An agent, and the key that it came with. */
type Asker = { agentId: bigint; keyId: bigint };

export type PublishItem = {
  agentId: bigint;
  ownerId: bigint;
  keyId: bigint | undefined;
  title: string;
  description: string;
  category: string;
  bounty: bigint;
  deadlineAt: Date | undefined;
  key: string | undefined;
  fingerprint: Buffer | undefined;
  /** What the publisher's owner has approved. */
  approvalId?: bigint | undefined;
};

export type PublishVerdict = {
  verdict:
    | 'published'
    | 'replay'
    | 'key_reused'
    | 'key_ended'
    | 'frozen'
    | 'deadline_too_soon'
    | 'deadline_too_late'
    | 'insufficient_funds'
    | 'over_budget'
    | 'consent_needed'
    | 'approval_ended';
  taskId: bigint;
  bounty: bigint;
  createdAt: Date;
  deadlineAt: Date;
};

export type ApplyVerdict = {
  verdict:
    | 'applied'
    | 'replay'
    | 'already_applied'
    | 'key_ended'
    | 'not_found'
    | 'own_task'
    | 'not_open'
    | 'frozen'
    | 'too_many';
  applicationId: bigint | null;
  createdAt: Date | null;
  publisherAgentId: bigint | null;
};

export type WithdrawVerdict = {
  verdict: 'withdrawn' | 'replay' | 'key_ended' | 'not_found' | 'decided';
  status: string | null;
  publisherAgentId: bigint | null;
};

export type SelectVerdict = {
  verdict:
    | 'selected'
    | 'replay'
    | 'key_ended'
    | 'not_found'
    | 'not_open'
    | 'deadline_passed'
    | 'application_gone'
    | 'applicant_frozen';
  phase: TaskPhase | null;
  workerAgentId: bigint | null;
  startedAt: Date | null;
  agentIds: bigint[];
};

export type SubmitItem = {
  applicationId: bigint;
  agentId: bigint;
  keyId: bigint;
  content: string;
  attachments: readonly string[];
  notes: string;
  fingerprint: Buffer;
};

export type SubmitVerdict = {
  verdict:
    | 'submitted'
    | 'replay'
    | 'key_ended'
    | 'not_found'
    | 'not_selected'
    | 'deadline_passed'
    | 'not_in_progress'
    | 'returned';
  phase: TaskPhase | null;
  submissionId: bigint | null;
  taskId: bigint | null;
  submittedAt: Date | null;
  dueAt: Date | null;
  publisherAgentId: bigint | null;
};

export type RevisionVerdict = {
  verdict: 'requested' | 'replay' | 'key_ended' | 'not_found' | 'not_in_review' | 'review_over' | 'too_many';
  phase: TaskPhase | null;
  dueAt: Date | null;
  workerAgentId: bigint | null;
};

export type CloseItem = {
  taskId: bigint;
  action: 'accept' | 'cancel' | 'due';
  /** The platform itself is nobody. */
  agentId: bigint | undefined;
  keyId: bigint | undefined;
  rating: number | undefined;
  review: string | undefined;
};

export type CloseVerdict = {
  verdict: 'closed' | 'replay' | 'key_ended' | 'not_found' | 'not_due' | 'wrong_phase';
  phase: TaskPhase | null;
  endedAt: Date | null;
  /** What went out of escrow to the worker's side, fee included. */
  paid: bigint | null;
  agentIds: bigint[];
};

/** The steps of a task, each one function of prisma/functions/60_tasks.sql and one transaction. */
@Injectable()
export class TaskStepsStore {
  private readonly taskIds: IdSource;
  private readonly holdIds: IdSource;
  private readonly applicationIds: IdSource;
  private readonly submissionIds: IdSource;

  constructor(private readonly database: Database) {
    this.taskIds = new IdSource(database, 'market.task_id');
    this.holdIds = new IdSource(database, 'ledger.hold_id');
    this.applicationIds = new IdSource(database, 'market.task_application_id');
    this.submissionIds = new IdSource(database, 'market.task_submission_id');
  }

  async publish(item: PublishItem): Promise<PublishVerdict> {
    return this.only<PublishVerdict>(
      `select verdict, task_id as "taskId", bounty, created_at as "createdAt", deadline_at as "deadlineAt"
      from market.task_publish($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
      [
        await this.taskIds.next(),
        await this.holdIds.next(),
        item.agentId,
        item.ownerId,
        item.keyId,
        item.title,
        item.description,
        item.category,
        item.bounty,
        item.deadlineAt,
        item.key,
        item.fingerprint,
        item.approvalId,
      ],
    );
  }

  async apply(
    taskId: bigint,
    { agentId, ownerId, keyId }: Asker & { ownerId: bigint },
    message: string,
    estimatedDuration: string | undefined,
  ): Promise<ApplyVerdict> {
    return this.only<ApplyVerdict>(
      `select verdict, application_id as "applicationId", created_at as "createdAt", publisher_agent_id as "publisherAgentId"
      from market.task_apply($1, $2, $3, $4, $5, $6, $7)`,
      [await this.applicationIds.next(), taskId, agentId, ownerId, keyId, message, estimatedDuration],
    );
  }

  async withdraw(applicationId: bigint, { agentId, keyId }: Asker): Promise<WithdrawVerdict> {
    return this.only<WithdrawVerdict>(
      'select verdict, status, publisher_agent_id as "publisherAgentId" from market.task_withdraw($1, $2, $3)',
      [applicationId, agentId, keyId],
    );
  }

  async select(
    taskId: bigint,
    applicationId: bigint,
    { agentId, keyId }: Asker,
    message: string,
  ): Promise<SelectVerdict> {
    return this.only<SelectVerdict>(
      `select verdict, phase, worker_agent_id as "workerAgentId", started_at as "startedAt", agent_ids as "agentIds"
      from market.task_select($1, $2, $3, $4, $5)`,
      [taskId, applicationId, agentId, keyId, message],
    );
  }

  async submit(item: SubmitItem): Promise<SubmitVerdict> {
    return this.only<SubmitVerdict>(
      `select verdict, phase, submission_id as "submissionId", task_id as "taskId", submitted_at as "submittedAt", due_at as "dueAt",
        publisher_agent_id as "publisherAgentId"
      from market.task_submit($1, $2, $3, $4, $5, $6, $7, $8)`,
      [
        await this.submissionIds.next(),
        item.applicationId,
        item.agentId,
        item.keyId,
        item.content,
        item.attachments,
        item.notes,
        item.fingerprint,
      ],
    );
  }

  async requestRevision(taskId: bigint, { agentId, keyId }: Asker, notes: string): Promise<RevisionVerdict> {
    return this.only<RevisionVerdict>(
      `select verdict, phase, due_at as "dueAt", worker_agent_id as "workerAgentId"
      from market.task_request_revision($1, $2, $3, $4)`,
      [taskId, agentId, keyId, notes],
    );
  }

  async close({ taskId, action, agentId, keyId, rating, review }: CloseItem): Promise<CloseVerdict> {
    return this.only<CloseVerdict>(
      `select verdict, phase, ended_at as "endedAt", paid, agent_ids as "agentIds"
      from market.task_close($1, $2, $3, $4, $5, $6)`,
      [taskId, action, agentId, keyId, rating, review],
    );
  }

  /** Tasks whose timer has run out, oldest first. Takes no lock: closing takes them in order. */
  async due(limit: number): Promise<bigint[]> {
    const rows = await this.database.query<{ id: bigint }>(
      `select id from market.task where ended_at is null and due_at <= platform.clock() order by due_at limit $1`,
      [limit],
      'tasks-due',
    );
    return rows.map(({ id }) => id);
  }

  private async only<R extends object>(text: string, values: unknown[]): Promise<R> {
    const [row] = await this.database.query<R>(text, values);
    if (row === undefined) throw new Error('the step of a task returned no verdict');
    return row;
  }
}
