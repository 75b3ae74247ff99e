import { Injectable } from '@nestjs/common';
import { Database } from '#platform';
import { phasesOf, type TaskPhase, type TaskRole, type TaskStatus } from './task.js';
import type { ApplicationStatus } from './tasks.dto.js';

export type TaskRow = {
  id: bigint;
  title: string;
  description: string;
  category: string;
  bounty: bigint;
  phase: TaskPhase;
  publisherAgentId: bigint;
  publisherAgentName: string;
  workerAgentId: bigint | null;
  workerAgentName: string | null;
  applicationId: bigint | null;
  revisions: number;
  rating: number | null;
  review: string | null;
  acceptedBy: 'publisher' | 'silence' | null;
  deadlineAt: Date;
  dueAt: Date;
  createdAt: Date;
  updatedAt: Date;
  startedAt: Date | null;
  endedAt: Date | null;
};

export type SubmissionRow = {
  id: bigint;
  submitterAgentId: bigint;
  content: string;
  attachments: string[];
  notes: string;
  status: string;
  submittedAt: Date;
  reviewedAt: Date | null;
  reviewNotes: string;
};

export type ApplicationRow = {
  id: bigint;
  taskId: bigint;
  taskTitle: string;
  taskBounty: bigint;
  taskPhase: TaskPhase;
  agentId: bigint;
  agentName: string;
  stars: bigint;
  reviews: bigint;
  status: ApplicationStatus;
  message: string;
  estimatedDuration: string | null;
  createdAt: Date;
};

export type TaskFilter = {
  role: TaskRole | 'all';
  status: TaskStatus | 'all';
  search: string | undefined;
  sortBy: 'time' | 'bounty';
};
export type MarketFilter = {
  status: TaskStatus | 'all';
  category: string | undefined;
  search: string | undefined;
};
export type Paging = { page: number; limit: number };

const TASK = `t.id, t.title, t.description, t.category, t.bounty, t.phase, t.publisher_agent_id as "publisherAgentId",
  p.name as "publisherAgentName", t.worker_agent_id as "workerAgentId", w.name as "workerAgentName", t.application_id as "applicationId",
  t.revisions, t.rating, t.review, t.accepted_by as "acceptedBy", t.deadline_at as "deadlineAt", t.due_at as "dueAt", t.created_at as "createdAt",
  t.updated_at as "updatedAt", t.started_at as "startedAt", t.ended_at as "endedAt"`;
const TASK_FROM = `market.task t
  join market.agent p on p.id = t.publisher_agent_id
  left join market.agent w on w.id = t.worker_agent_id`;
const APPLICATION = `a.id, a.task_id as "taskId", t.title as "taskTitle", t.bounty as "taskBounty", t.phase as "taskPhase",
  a.agent_id as "agentId", g.name as "agentName", coalesce(s.stars, 0) as stars, coalesce(s.reviews, 0) as reviews, a.status, a.message,
  a.estimated_duration as "estimatedDuration", a.created_at as "createdAt"`;
const APPLICATION_FROM = `market.task_application a
  join market.task t on t.id = a.task_id
  join market.agent g on g.id = a.agent_id
  left join market.agent_stats s on s.agent_id = a.agent_id`;
const FITS = `($2::text[] is null or t.phase = any ($2))
  and ($3::text is null or t.title ilike '%' || $3 || '%' or t.description ilike '%' || $3 || '%')`;

/** Lists count so far and no further. */
const COUNT_MAX = 10_000;

/** Tasks, read. They are written by the functions in prisma/functions/60_tasks.sql only. */
@Injectable()
export class TaskStore {
  constructor(private readonly database: Database) {}

  async find(id: bigint): Promise<TaskRow | undefined> {
    const [task] = await this.database.query<TaskRow>(`select ${TASK} from ${TASK_FROM} where t.id = $1`, [id]);
    return task;
  }

  /** The deliverables of a task, oldest first: at most one more than it may have revisions. */
  async submissionsOf(taskId: bigint): Promise<SubmissionRow[]> {
    return this.database.query<SubmissionRow>(
      `select id, submitter_agent_id as "submitterAgentId", content, attachments, notes, status, submitted_at as "submittedAt",
        reviewed_at as "reviewedAt", review_notes as "reviewNotes"
      from market.task_submission
      where task_id = $1
      order by id`,
      [taskId],
    );
  }

  /** The tasks that an agent has published, works on or both. */
  async listOf(
    agentId: bigint,
    { role, status, search, sortBy }: TaskFilter,
    paging: Paging,
  ): Promise<{ rows: TaskRow[]; total: number }> {
    const mine = {
      publisher: 't.publisher_agent_id = $1',
      worker: 't.worker_agent_id = $1',
      all: '$1 in (t.publisher_agent_id, t.worker_agent_id)',
    }[role];
    const order = sortBy === 'bounty' ? 't.bounty desc, t.id desc' : 't.id desc';
    return this.page(`${mine} and ${FITS}`, order, [agentId, phasesAsked(status), pattern(search)], paging);
  }

  async market(
    { status, category, search }: MarketFilter,
    paging: Paging,
  ): Promise<{ rows: TaskRow[]; total: number }> {
    const where = `($1::text is null or t.category = $1) and ${FITS}`;
    return this.page(where, 't.id desc', [category, phasesAsked(status), pattern(search)], paging);
  }

  /** The categories that have an open task. */
  async categories(): Promise<string[]> {
    const rows = await this.database.query<{ category: string }>(
      `select distinct category from market.task where phase = 'open' order by category`,
    );
    return rows.map(({ category }) => category);
  }

  /** An agent's own applications, newest first. */
  async applicationsBy(
    agentId: bigint,
    status: ApplicationStatus | undefined,
    paging: Paging,
  ): Promise<{ rows: ApplicationRow[]; total: number }> {
    return this.applications('a.agent_id = $1', agentId, status, paging);
  }

  /** The applications for a task, newest first. */
  async applicationsFor(
    taskId: bigint,
    status: ApplicationStatus | undefined,
    paging: Paging,
  ): Promise<{ rows: ApplicationRow[]; total: number }> {
    return this.applications('a.task_id = $1', taskId, status, paging);
  }

  private async applications(
    whose: string,
    id: bigint,
    status: ApplicationStatus | undefined,
    { page, limit }: Paging,
  ): Promise<{ rows: ApplicationRow[]; total: number }> {
    const where = `${whose} and ($2::text is null or a.status = $2)`;
    const [rows, [count]] = await Promise.all([
      this.database.query<ApplicationRow>(
        `select ${APPLICATION} from ${APPLICATION_FROM} where ${where} order by a.id desc limit $3 offset $4`,
        [id, status, limit, (page - 1) * limit],
      ),
      this.database.query<{ total: bigint }>(
        `select count(*) as total from (select from market.task_application a where ${where} limit ${COUNT_MAX}) c`,
        [id, status],
      ),
    ]);
    return { rows, total: Number(count?.total ?? 0) };
  }

  private async page(
    where: string,
    order: string,
    values: readonly unknown[],
    { page, limit }: Paging,
  ): Promise<{ rows: TaskRow[]; total: number }> {
    const [rows, [count]] = await Promise.all([
      this.database.query<TaskRow>(
        `select ${TASK} from ${TASK_FROM} where ${where} order by ${order} limit $4 offset $5`,
        [...values, limit, (page - 1) * limit],
      ),
      this.database.query<{ total: bigint }>(
        `select count(*) as total from (select from market.task t where ${where} limit ${COUNT_MAX}) c`,
        [...values],
      ),
    ]);
    return { rows, total: Number(count?.total ?? 0) };
  }
}

function phasesAsked(status: TaskStatus | 'all'): readonly TaskPhase[] | undefined {
  return status === 'all' ? undefined : phasesOf(status);
}

/** The text as ILIKE finds it, whatever it contains. */
function pattern(search: string | undefined): string | undefined {
  return search?.replace(/[\\%_]/g, (character) => `\\${character}`);
}
