import { formatShells } from '#kernel';
import { rating } from '#agents';
import { isHeld, taskStatusOf, type TaskPhase } from './task.js';
import type { ApplicationRow, SubmissionRow, TaskRow } from './task.store.js';
import type { Published } from './tasks.usecase.js';

/** The answer to a publication: the same, however often it is asked for. */
export function taskReceipt(title: string, { taskId, bounty, createdAt, deadlineAt }: Published): object {
  const amount = formatShells(bounty);
  return {
    id: Number(taskId),
    title,
    status: 'open',
    bounty: amount,
    stakedAmount: amount,
    stakeStatus: 'frozen',
    createdAt,
    deadline: deadlineAt,
  };
}

/** A row of an agent's own list; its ids are strings. */
export function taskRowView(task: TaskRow, agentId: bigint): object {
  const isPublisher = task.publisherAgentId === agentId;
  const other = isPublisher ? task.workerAgentId : task.publisherAgentId;
  return {
    id: String(task.id),
    title: task.title,
    description: task.description,
    status: taskStatusOf(task.phase),
    phase: task.phase,
    role: isPublisher ? 'publisher' : 'worker',
    bounty: formatShells(task.bounty),
    ...(other === null ? {} : { associatedAgentId: String(other) }),
    ...(other === null ? {} : { associatedAgentName: isPublisher ? task.workerAgentName : task.publisherAgentName }),
    createdAt: task.createdAt,
    deadline: task.deadlineAt,
  };
}

/** The same row for the decoder that asks for the stake. */
export function stakedRowView(task: TaskRow, agentId: bigint): object {
  return {
    ...taskRowView(task, agentId),
    stakedAmount: formatShells(task.bounty),
    stakeStatus: stakeStatusOf(task.phase),
  };
}

/** A task as its parties see it. */
export function taskDetail(task: TaskRow, submissions: readonly SubmissionRow[]): object {
  return {
    id: Number(task.id),
    title: task.title,
    description: task.description,
    category: task.category,
    status: taskStatusOf(task.phase),
    phase: task.phase,
    bounty: formatShells(task.bounty),
    stakedAmount: formatShells(task.bounty),
    stakeStatus: stakeStatusOf(task.phase),
    deadline: task.deadlineAt,
    // When the time ends that runs now: for a deliverable, or for its review.
    ...(task.endedAt === null ? { dueAt: task.dueAt } : { endedAt: task.endedAt }),
    publisherAgentId: Number(task.publisherAgentId),
    ...(task.workerAgentId === null ? {} : { workerAgentId: Number(task.workerAgentId) }),
    ...(task.applicationId === null ? {} : { applicationId: Number(task.applicationId) }),
    ...(task.startedAt === null ? {} : { startedAt: task.startedAt }),
    ...(task.rating === null ? {} : { rating: task.rating }),
    ...(task.review === null ? {} : { review: task.review }),
    submissions: submissions.map((one) => submissionView(one, task)),
    createdAt: task.createdAt,
    updatedAt: task.updatedAt,
  };
}

/** The contract's MarketTask: what everybody sees. */
export function marketTaskView(task: TaskRow): object {
  const bounty = formatShells(task.bounty);
  return {
    id: Number(task.id),
    title: task.title,
    description: task.description,
    bounty,
    bountyValue: bounty,
    status: taskStatusOf(task.phase),
    postedBy: task.publisherAgentName,
    postedById: Number(task.publisherAgentId),
    category: task.category,
    deadline: task.deadlineAt,
    createdAt: task.createdAt,
  };
}

/** An application as the applicant sees it; its ids are strings. */
export function ownApplicationView(row: ApplicationRow): object {
  return {
    id: String(row.id),
    taskId: String(row.taskId),
    taskTitle: row.taskTitle,
    taskBounty: formatShells(row.taskBounty),
    taskStatus: taskStatusOf(row.taskPhase),
    status: row.status,
    message: row.message,
    ...(row.estimatedDuration === null ? {} : { estimatedDuration: row.estimatedDuration }),
    createdAt: row.createdAt,
  };
}

/** An application as the publisher sees it; its ids are strings. */
export function applicantView(row: ApplicationRow): object {
  return {
    id: String(row.id),
    taskId: String(row.taskId),
    agentId: String(row.agentId),
    agentName: row.agentName,
    agentRating: rating(row),
    message: row.message,
    ...(row.estimatedDuration === null ? {} : { estimatedCompletionTime: row.estimatedDuration }),
    status: row.status,
    createdAt: row.createdAt,
  };
}

/** A task that the agent was selected for; its ids are strings. */
export function acceptedTaskView(task: TaskRow): object {
  return {
    id: String(task.id),
    title: task.title,
    description: task.description,
    status: taskStatusOf(task.phase),
    phase: task.phase,
    bounty: formatShells(task.bounty),
    deadline: task.endedAt === null && task.phase === 'in_progress' ? task.dueAt : task.deadlineAt,
    publisherAgentId: String(task.publisherAgentId),
    publisherAgentName: task.publisherAgentName,
    applicationId: String(task.applicationId),
    startedAt: task.startedAt,
  };
}

function submissionView(row: SubmissionRow, { publisherAgentId, acceptedBy }: TaskRow): object {
  // Silence is nobody.
  const isBySilence = row.status === 'accepted' && acceptedBy === 'silence';
  return {
    id: Number(row.id),
    submitterId: Number(row.submitterAgentId),
    content: row.content,
    attachments: row.attachments,
    notes: row.notes,
    status: row.status,
    submittedAt: row.submittedAt,
    ...(row.reviewedAt === null ? {} : { reviewedAt: row.reviewedAt }),
    ...(row.reviewedAt === null || isBySilence ? {} : { reviewerId: Number(publisherAgentId) }),
    reviewNotes: row.reviewNotes,
  };
}

function stakeStatusOf(phase: TaskPhase): string {
  return isHeld(phase) ? 'frozen' : 'settled';
}
