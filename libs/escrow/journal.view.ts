import { formatShells } from '#kernel';
import { textCell } from './csv.js';
import type { Entry, EntryCursor } from './journal.store.js';
import { subjectCell, subjectView } from './subject.js';

/** A row of the journal as answers show it. */
export function entryView(entry: Entry): object {
  return {
    id: entryId(entry),
    at: entry.at,
    kind: entry.kind,
    amount: formatShells(entry.amount),
    ...(entry.fee === 0n ? {} : { fee: formatShells(entry.fee) }),
    ...subjectView(entry),
    ...(entry.reference === null ? {} : { reference: entry.reference }),
    ...(entry.memo === null ? {} : { memo: entry.memo }),
  };
}

/** The cursor that continues after this entry, as text. */
export function cursorText({ atUs, kind, id }: EntryCursor): string {
  return Buffer.from(`${atUs}.${kind}.${id}`).toString('base64url');
}

/** Undefined for text that is no cursor of ours. */
export function cursorFrom(text: string): EntryCursor | undefined {
  const match = /^(\d{1,17})\.([a-z]{1,12})\.(\d{1,16})$/.exec(Buffer.from(text, 'base64url').toString('latin1'));
  if (match === null) return undefined;
  const [, atUs = '', kind = '', id = ''] = match;
  return { atUs: BigInt(atUs), kind, id: BigInt(id) };
}

const CSV_HEAD = 'id,at,kind,amount,fee,invocationId,reference,memo,taskId,employmentId';

/** The same rows as RFC 4180 text. */
export function entriesCsv(entries: readonly Entry[]): string {
  const lines = entries.map((entry) =>
    [
      entryId(entry),
      entry.at.toISOString(),
      entry.kind,
      formatShells(entry.amount),
      formatShells(entry.fee),
      subjectCell(entry, 'invocation'),
      textCell(entry.reference ?? ''),
      textCell(entry.memo ?? ''),
      subjectCell(entry, 'task'),
      subjectCell(entry, 'employment'),
    ].join(','),
  );
  return [CSV_HEAD, ...lines, ''].join('\r\n');
}

function entryId({ kind, id }: Entry): string {
  return `${kind}_${id}`;
}
