import { rowOf, rowsOf, textOf, time, type Row } from './answer.js';
import { table, type Column } from './table.js';

/** A page of events; what was missed before it, and how to read on after it. */
export function pageLines(data: unknown, width: number | undefined): string[] {
  const { nextAfter, hasMore, gap } = rowOf(data);
  const rows = rowsOf(data, 'events');
  return [
    ...(gap === undefined ? [] : [gapLine(rowOf(gap))]),
    ...(rows.length === 0 ? ['None.'] : table(EVENTS, rows, width)),
    ...(hasMore === true ? [`There is more: --after ${String(nextAfter)}`] : []),
  ];
}

/** Who reads the events over sockets, and how many more may. */
export function consumerLines(data: unknown, width: number | undefined): string[] {
  const { max, working, watching } = rowOf(data);
  const rows = rowsOf(data, 'consumers');
  return [
    ...(rows.length === 0 ? ['None.'] : table(CONSUMERS, rows, width)),
    `${String(working)} of ${String(max)} names work, ${String(watching)} of ${String(max)} watch (~).`,
  ];
}

/** Numbers that retention has dropped before they were read. */
export function gapLine({ from, to }: Row): string {
  return `Events ${String(from)} to ${String(to)} are gone: they were older than the server keeps them.`;
}

/** One event on one line. */
export function eventLine(event: Row): string {
  return EVENTS.map(({ value }) => String(value(event) ?? '')).join('  ');
}

const EVENTS: readonly Column<Row>[] = [
  { title: 'SEQ', value: (row) => textOf(row, 'seq'), align: 'right' },
  { title: 'AT', value: (row) => time(row['timestamp']) },
  { title: 'TYPE', value: (row) => textOf(row, 'eventType') },
  { title: 'ABOUT', value: ({ data }) => aboutOf(rowOf(data)) },
  {
    title: 'NAME',
    value: ({ data }) => nameOf(rowOf(data)),
    canShrink: true,
  },
];

const CONSUMERS: readonly Column<Row>[] = [
  { title: 'NAME', value: (row) => textOf(row, 'name') },
  { title: 'ACKED', value: (row) => textOf(row, 'ackedSeq'), align: 'right' },
  { title: 'TAKEN', value: (row) => textOf(row, 'takenSeq'), align: 'right' },
  { title: 'SOCKETS', value: (row) => textOf(row, 'sockets'), align: 'right' },
  { title: 'USED', value: (row) => time(row['updatedAt']) },
];

/** An event of a type that is newer than this program is about something, too. */
function aboutOf(data: Row): string | undefined {
  const subject = ['invocation', 'task', 'employment', 'endpoint', 'approval'].find(
    (one) => data[`${one}Id`] !== undefined,
  );
  return subject === undefined ? undefined : `${subject} ${String(data[`${subject}Id`])}`;
}

/** What a person knows it by: the title, the address, who talks, or who hires whom. */
export function nameOf(data: Row): string | undefined {
  const name = ['serviceTitle', 'taskTitle', 'url']
    .map((field) => textOf(data, field))
    .find((text) => text !== undefined);
  if (name !== undefined) return name;
  const speaker = textOf(data, 'senderAgentName') ?? textOf(data, 'readerAgentName');
  if (speaker !== undefined) return speaker;
  const [employer, employee] = [textOf(data, 'employerAgentName'), textOf(data, 'employeeAgentName')];
  return employer === undefined || employee === undefined ? undefined : `${employer} hires ${employee}`;
}
