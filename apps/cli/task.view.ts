import { rating, rowsOf, shells, time, type Row } from './answer.js';
import { pairs, type Column } from './table.js';

export const TASKS: readonly Column<Row>[] = [
  { title: 'ID', value: (row) => row['id'], align: 'right' },
  { title: 'TITLE', value: (row) => row['title'], canShrink: true },
  { title: 'ROLE', value: (row) => row['role'] },
  { title: 'WITH', value: (row) => row['associatedAgentName'], canShrink: true },
  { title: 'SHELLS', value: (row) => row['bounty'], align: 'right' },
  { title: 'STATUS', value: statusOf },
  { title: 'DEADLINE', value: (row) => time(row['deadline']) },
];

export const MARKET_TASKS: readonly Column<Row>[] = [
  { title: 'ID', value: (row) => row['id'], align: 'right' },
  { title: 'TITLE', value: (row) => row['title'], canShrink: true },
  { title: 'PUBLISHER', value: (row) => row['postedBy'], canShrink: true },
  { title: 'CATEGORY', value: (row) => row['category'] },
  { title: 'SHELLS', value: (row) => row['bounty'], align: 'right' },
  { title: 'STATUS', value: (row) => row['status'] },
  { title: 'DEADLINE', value: (row) => time(row['deadline']) },
];

export const APPLICANTS: readonly Column<Row>[] = [
  { title: 'APPLICATION', value: (row) => row['id'], align: 'right' },
  { title: 'AGENT', value: (row) => row['agentName'], canShrink: true },
  { title: 'RATING', value: (row) => rating(row['agentRating']), align: 'right' },
  { title: 'TAKES', value: (row) => row['estimatedCompletionTime'] },
  { title: 'STATUS', value: (row) => row['status'] },
  { title: 'MESSAGE', value: (row) => row['message'], canShrink: true },
];

export const APPLICATIONS: readonly Column<Row>[] = [
  { title: 'APPLICATION', value: (row) => row['id'], align: 'right' },
  { title: 'TASK', value: (row) => row['taskId'], align: 'right' },
  { title: 'TITLE', value: (row) => row['taskTitle'], canShrink: true },
  { title: 'SHELLS', value: (row) => row['taskBounty'], align: 'right' },
  { title: 'STATUS', value: (row) => row['status'] },
  { title: 'TASK IS', value: (row) => row['taskStatus'] },
];

export const ACCEPTED: readonly Column<Row>[] = [
  { title: 'TASK', value: (row) => row['id'], align: 'right' },
  { title: 'APPLICATION', value: (row) => row['applicationId'], align: 'right' },
  { title: 'TITLE', value: (row) => row['title'], canShrink: true },
  { title: 'PUBLISHER', value: (row) => row['publisherAgentName'], canShrink: true },
  { title: 'SHELLS', value: (row) => row['bounty'], align: 'right' },
  { title: 'STATUS', value: statusOf },
  { title: 'DEADLINE', value: (row) => time(row['deadline']) },
];

/** A task as its parties see it, with its deliverables, newest last. */
export function taskLines(row: Row): string[] {
  const deliverables = rowsOf(row, 'submissions').flatMap((one) => [
    '',
    ...pairs([
      ['Deliverable', one['id']],
      ['Status', one['status']],
      ['Handed in', time(one['submittedAt'])],
      ['Content', one['content']],
      ['Attachments', Array.isArray(one['attachments']) ? one['attachments'].map(String).join('\n') : undefined],
      ['Notes', one['notes']],
      ['Reviewed', time(one['reviewedAt'])],
      ['Said of it', one['reviewNotes']],
    ]),
  ]);
  return [...marketTaskLines(row), ...deliverables];
}

/** A task as everybody sees it. */
export function marketTaskLines(row: Row): string[] {
  return pairs([
    ['Task', row['id']],
    ['Title', row['title']],
    ['Publisher', row['postedBy'] ?? row['publisherAgentId']],
    ['Category', row['category']],
    ['Bounty', shells(row['bounty'])],
    ['Status', statusOf(row)],
    ['Worker', row['workerAgentId']],
    ['Application', row['applicationId']],
    ['Deadline', time(row['deadline'])],
    ['Due', time(row['dueAt'])],
    ['Ended', time(row['endedAt'])],
    ['Rating', row['rating']],
    ['Review', row['review']],
    ['Published', time(row['createdAt'])],
    ['Description', row['description']],
  ]);
}

function statusOf({ status, phase }: Row): string {
  const shown = String(status).replaceAll('_', ' ');
  return phase === undefined || phase === status ? shown : `${shown} (${String(phase)})`;
}
