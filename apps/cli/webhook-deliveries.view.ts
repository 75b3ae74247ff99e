import { duration, rowOf, rowsOf, time, type Row } from './answer.js';
import { pairs, table, type Column } from './table.js';

/** A page of deliveries, and where to read on. */
export function deliveryPageLines(data: unknown, width?: number): string[] {
  const rows = rowsOf(data, 'deliveries');
  const { nextBefore } = rowOf(data);
  return [
    ...(rows.length === 0 ? ['None.'] : table(DELIVERIES, rows, width)),
    ...(typeof nextBefore === 'number' ? [`There may be more: --before ${nextBefore}`] : []),
  ];
}

/** A delivery, its tries when they are known, and what the receiver said last. */
export function deliveryLines(data: unknown, width?: number): string[] {
  const row = rowOf(data);
  const tries = rowsOf(data, 'tries');
  return [
    ...pairs([
      ['Delivery', row['id']],
      ['Event', row['eventId']],
      ['Number', row['seq']],
      ['Type', row['eventType']],
      ['Invocation', row['invocationId']],
      ['Status', row['status']],
      ['Tries', row['attempts']],
      ['Next try', time(row['nextTryAt'])],
      ['Deadline', time(row['expiresAt'])],
      ['Replay of', row['replayOf']],
      ['By replay', row['replayId']],
      ['Created', time(row['createdAt'])],
      ['Ended', time(row['endedAt'])],
    ]),
    ...(tries.length === 0 ? [] : table(TRIES, tries, width)),
    ...pairs([['Answer', tries.at(-1)?.['response']]]),
  ];
}

/** A replay of many, and how far it is. */
export function replayLines(data: unknown): string[] {
  const row = rowOf(data);
  return pairs([
    ['Replay', row['id']],
    ['Of', whatOf(row)],
    ['Status', row['status']],
    ['Made', `${String(row['made'])} ${row['made'] === 1 ? 'delivery' : 'deliveries'}`],
    ['Created', time(row['createdAt'])],
    ['Ended', time(row['endedAt'])],
  ]);
}

function whatOf({ kind, after, through }: Row): string {
  if (kind === 'failed') return 'all that failed';
  return kind === 'range' ? `events ${Number(after) + 1} to ${String(through)}` : 'one delivery';
}

const DELIVERIES: readonly Column<Row>[] = [
  { title: 'ID', value: (row) => row['id'], align: 'right' },
  { title: 'CREATED', value: (row) => time(row['createdAt']) },
  { title: 'SEQ', value: (row) => row['seq'], align: 'right' },
  { title: 'TYPE', value: (row) => row['eventType'], canShrink: true },
  { title: 'INVOCATION', value: (row) => row['invocationId'], align: 'right' },
  { title: 'STATUS', value: (row) => row['status'] },
  { title: 'TRIES', value: (row) => row['attempts'], align: 'right' },
  { title: 'NEXT TRY', value: (row) => time(row['nextTryAt']) },
];

/** Phases that a try did not come to, or that a connection was past already, show as nothing. */
const TRIES: readonly Column<Row>[] = [
  { title: 'TRY', value: (row) => row['attempt'], align: 'right' },
  { title: 'AT', value: (row) => time(row['at']) },
  { title: 'ANSWER', value: answerOf, canShrink: true },
  { title: 'DNS', value: (row) => phase(row, 'dnsMs'), align: 'right' },
  { title: 'CONNECT', value: (row) => phase(row, 'connectMs'), align: 'right' },
  { title: 'TLS', value: (row) => phase(row, 'tlsMs'), align: 'right' },
  { title: 'FIRST BYTE', value: (row) => phase(row, 'firstByteMs'), align: 'right' },
  { title: 'TOTAL', value: (row) => phase(row, 'totalMs'), align: 'right' },
];

export const REPLAYS: readonly Column<Row>[] = [
  { title: 'ID', value: (row) => row['id'], align: 'right' },
  { title: 'OF', value: whatOf },
  { title: 'STATUS', value: (row) => row['status'] },
  { title: 'MADE', value: (row) => row['made'], align: 'right' },
  { title: 'CREATED', value: (row) => time(row['createdAt']) },
  { title: 'ENDED', value: (row) => time(row['endedAt']) },
];

/** The status that was answered, or why there was none. */
function answerOf({ statusCode, reason, detail }: Row): string {
  if (typeof statusCode === 'number') return String(statusCode);
  return [reason, detail].filter((text) => typeof text === 'string' && text !== '').join(': ');
}

function phase(row: Row, name: string): string | undefined {
  return duration(rowOf(row['timings'])[name]);
}
