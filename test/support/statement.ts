import { parseShells } from '#kernel';
import type { OwnerActor, World } from './world.js';

type Money = { available: string; held: string };

export type Statement = {
  ownerId: number;
  month: string;
  to: string;
  asOf: string;
  isFinal: boolean;
  opening: Money & { total: string };
  closing: Money & { total: string };
  totals: (Money & { kind: string; lines: number; fee?: string })[];
  lines: (Money & {
    at: string;
    kind: string;
    id: string;
    balance: Money & { total: string };
    fee?: string;
    agentId?: number;
    counterpartyAgentId?: number;
    invocationId?: number;
    taskId?: number;
    employmentId?: number;
    reference?: string;
    memo?: string;
  })[];
  hasMore: boolean;
  nextCursor?: string;
};

/** An amount with its sign, in hundredths. */
export function cents(text: string): bigint {
  return text.startsWith('-') ? -parseShells(text.slice(1)) : parseShells(text);
}

/** The opening and all lines added up. */
export function sumsOf({ opening, lines }: Statement): { available: bigint; held: bigint } {
  const rows = [opening, ...lines];
  return {
    available: rows.reduce((total, { available }) => total + cents(available), 0n),
    held: rows.reduce((total, { held }) => total + cents(held), 0n),
  };
}

/** The lines as the CSV shows them. */
export function linesOf({ lines }: Statement): Record<string, string>[] {
  return lines.map((line) => ({
    at: line.at,
    kind: line.kind,
    id: line.id,
    available: line.available,
    held: line.held,
    balanceAvailable: line.balance.available,
    balanceHeld: line.balance.held,
    fee: line.fee ?? '0',
    agentId: String(line.agentId ?? ''),
    counterpartyAgentId: String(line.counterpartyAgentId ?? ''),
    invocationId: String(line.invocationId ?? ''),
    reference: line.reference ?? '',
    memo: line.memo ?? '',
    taskId: String(line.taskId ?? ''),
    employmentId: String(line.employmentId ?? ''),
  }));
}

/** Reads RFC 4180 text, and takes back the apostrophe that keeps a formula from being one. */
export function parseCsv(text: string): Record<string, string>[] {
  const records: string[][] = [];
  let record: string[] = [];
  const cells = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gy;
  for (const [, quoted, plain = '', end] of text.matchAll(cells)) {
    const cell = quoted === undefined ? plain : quoted.replaceAll('""', '"');
    record.push(/^'[=+\-@\t\r\n]/.test(cell) ? cell.slice(1) : cell);
    if (end !== '\r\n') continue;
    records.push(record);
    record = [];
  }
  const [head = [], ...rows] = records;
  return rows.map((cellsOf) => {
    if (cellsOf.length !== head.length) throw new Error(`a record has ${cellsOf.length} cells: ${cellsOf.join('|')}`);
    return Object.fromEntries(head.map((name, n) => [name, cellsOf[n] ?? '']));
  });
}

/** So many deposits of a hundredth each, for a statement that is long. */
export async function deposited(world: World, owner: OwnerActor, count: number): Promise<void> {
  await world.database.pool.query(
    `begin;
    update ledger.circulating set amount = amount + ${count};
    insert into ledger.transfer (kind, debit, credit, amount, actor, created_at)
    select 'deposit', -2, ${owner.id}, 1, repeat('long ', 10), platform.clock() from generate_series(1, ${count});
    insert into ledger.credit values (${owner.id}, ${count});
    commit`,
  );
}
