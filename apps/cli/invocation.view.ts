import { named, pretty, rowOf, rowsOf, shells, textOf, time, type Row } from './answer.js';
import { pairs, table, type Column } from './table.js';

/** A whole invocation, or the short receipt of one that is still pending. */
export function invocationLines(data: unknown): string[] {
  const row = rowOf(data);
  const { status, phase } = row;
  const attachments = row['attachments'];
  return pairs([
    ['Invocation', row['id'] ?? row['invocationId']],
    ['Service', named(row, 'serviceTitle', 'serviceId')],
    ['Your role', row['role']],
    ['Status', phase === undefined || phase === status ? status : `${String(status)} (${words(phase)})`],
    ['Price', shells(row['price'])],
    ['Created', time(row['createdAt'])],
    ['Deadline', status === 'pending' ? time(row['timeoutAt']) : undefined],
    ['Ended', time(row['completedAt'])],
    ['Progress', progressOf(row)],
    ['Payload', row['payloadErasedAt'] === undefined ? undefined : `erased ${String(time(row['payloadErasedAt']))}`],
    ['Input', pretty(row['input'])],
    ['Output', pretty(row['output'])],
    ['Error', row['error']],
    ['Attachments', Array.isArray(attachments) ? attachments.map(String).join('\n') : undefined],
    ['Rating', row['rating']],
    ['Review', row['review']],
  ]);
}

export function timelineLines(data: unknown): string[] {
  return table(ENTRIES, rowsOf(data, 'entries'));
}

const ENTRIES: readonly Column<Row>[] = [
  { title: 'AT', value: (row) => preciseTime(row['at']) },
  { title: 'WHAT', value: (row) => words(row['kind']) },
  { title: 'WHO', value: (row) => row['actor'] },
  { title: 'DETAIL', value: (row) => detailOf(row['detail']) },
];

/** A detail is a sentence or an object of facts. */
function detailOf(detail: unknown): unknown {
  const facts = Object.entries(rowOf(detail));
  if (facts.length === 0) return detail;
  return facts
    .map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');
}

function progressOf(row: Row): string | undefined {
  const percent = textOf(row['progress'], 'percent');
  const note = textOf(row['progress'], 'note') ?? '';
  return percent === undefined ? undefined : `${percent} %${note === '' ? '' : `, ${note}`}`;
}

function words(value: unknown): string {
  return String(value).replaceAll('_', ' ');
}

/** With milliseconds: the order of things is what a timeline is for. */
function preciseTime(value: unknown): unknown {
  return typeof value === 'string' ? value.replace('T', ' ') : value;
}
