import { formatShells } from '#kernel';
import { csvLine, textCell } from './csv.js';
import type { Balance } from './journal.store.js';
import { cursorText } from './journal.view.js';
import type { BalancedLine, OpenStatement, StatementHead, StatementPage } from './statement.usecase.js';
import { subjectCell, subjectView } from './subject.js';

/** One page of a statement as JSON. */
export function statementView({ lines, hasMore, ...head }: StatementPage): object {
  const { ownerId, month, asOf, isFinal, opening, closing, totals } = head;
  const last = lines.at(-1);
  return {
    ownerId: Number(ownerId),
    month: month.name,
    unit: 'shells',
    from: month.start,
    to: month.end,
    asOf,
    isFinal,
    opening: balanceView(opening),
    closing: balanceView(closing),
    totals: totals.map(({ kind, lines: count, available, held, fee }) => ({
      kind,
      lines: count,
      available: formatShells(available),
      held: formatShells(held),
      ...(fee === 0n ? {} : { fee: formatShells(fee) }),
    })),
    lines: lines.map(lineView),
    hasMore,
    ...(hasMore && last !== undefined ? { nextCursor: cursorText(last) } : {}),
  };
}

/**
 * The whole statement as RFC 4180 text: its opening, its lines, its closing. The first text is empty: whoever has asked for it
 * is inside, and ends the reading by leaving.
 */
export async function* statementCsv({ batches, ...head }: OpenStatement): AsyncGenerator<string> {
  try {
    await batches.next();
    yield '';
    yield CSV_HEAD + csvLine(balanceCells('opening', head.month.start, head.opening, ''));
    for await (const lines of batches) yield lines.map((line) => csvLine(lineCells(line))).join('');
    yield csvLine(balanceCells('closing', head.asOf, head.closing, head.isFinal ? '' : 'not final'));
  } finally {
    await batches.return(undefined);
  }
}

/** What the file is called where it is saved. */
export function csvFileName({ ownerId, month, isFinal }: StatementHead): string {
  return `statement-${ownerId}-${month.name}${isFinal ? '' : '-not-final'}.csv`;
}

const CSV_HEAD =
  'at,kind,id,available,held,balanceAvailable,balanceHeld,fee,agentId,counterpartyAgentId,invocationId,reference,memo,taskId,employmentId\r\n';

function balanceView({ available, held }: Balance): object {
  return { available: formatShells(available), held: formatShells(held), total: formatShells(available + held) };
}

function lineView(line: BalancedLine): object {
  const { at, kind, id, available, held, fee, agentId, otherAgentId, reference, memo, balance } = line;
  return {
    at,
    kind,
    id: `${kind}_${id}`,
    available: formatShells(available),
    held: formatShells(held),
    balance: balanceView(balance),
    ...(fee === 0n ? {} : { fee: formatShells(fee) }),
    ...(agentId === null ? {} : { agentId: Number(agentId) }),
    ...(otherAgentId === null ? {} : { counterpartyAgentId: Number(otherAgentId) }),
    ...subjectView(line),
    ...(reference === null ? {} : { reference }),
    ...(memo === null ? {} : { memo }),
  };
}

function lineCells(line: BalancedLine): string[] {
  const { at, kind, id, available, held, fee, agentId, otherAgentId, balance } = line;
  return [
    at.toISOString(),
    kind,
    `${kind}_${id}`,
    formatShells(available),
    formatShells(held),
    formatShells(balance.available),
    formatShells(balance.held),
    formatShells(fee),
    idCell(agentId),
    idCell(otherAgentId),
    subjectCell(line, 'invocation'),
    textCell(line.reference ?? ''),
    textCell(line.memo ?? ''),
    subjectCell(line, 'task'),
    subjectCell(line, 'employment'),
  ];
}

function balanceCells(kind: string, at: Date, { available, held }: Balance, memo: string): string[] {
  return [
    at.toISOString(),
    kind,
    '',
    '',
    '',
    formatShells(available),
    formatShells(held),
    '',
    '',
    '',
    '',
    '',
    memo,
    '',
    '',
  ];
}

function idCell(id: bigint | null): string {
  return id === null ? '' : String(id);
}
