import { formatShells, InvalidShells, parseShells } from '#kernel';
import { jsonText } from './json-text.js';
import { table, type Column } from './table.js';

/** Reads the API's answers for the text mode; what is missing shows as nothing instead of failing the command. */
export type Row = Readonly<Record<string, unknown>>;

export function rowOf(data: unknown): Row {
  return typeof data === 'object' && data !== null && !Array.isArray(data) ? (data as Row) : {};
}

export function rowsOf(data: unknown, list: string): Row[] {
  const rows = rowOf(data)[list];
  return Array.isArray(rows) ? rows.map(rowOf) : [];
}

export function textOf(data: unknown, field: string): string | undefined {
  const value = rowOf(data)[field];
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined;
}

/** "Words (7)": a name with its id, or whichever of them there is. */
export function named(row: Row, name: string, id: string): string | undefined {
  const text = textOf(row, name);
  const number = textOf(row, id);
  return text === undefined || number === undefined ? (text ?? number) : `${text} (${number})`;
}

/** "10 shells" for "10"; nothing for nothing. */
export function shells(amount: unknown): string | undefined {
  if ((typeof amount !== 'string' && typeof amount !== 'number') || amount === '') return undefined;
  const text = plainAmount(amount);
  return `${text} ${text === '1' ? 'shell' : 'shells'}`;
}

/** "2.5" for "2.50"; what is no amount stays as it is, for the API to refuse. */
function plainAmount(amount: string | number): string {
  try {
    return formatShells(parseShells(amount));
  } catch (error) {
    if (error instanceof InvalidShells) return String(amount);
    throw error;
  }
}

/** A time without its fraction: 2026-01-05 10:00:02Z. */
export function time(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const at = new Date(value);
  return Number.isNaN(at.getTime())
    ? value
    : at
        .toISOString()
        .replace('T', ' ')
        .replace(/\.\d+Z$/, 'Z');
}

/** Milliseconds for people: 800 ms, 2.5 s, 3 min, 2 h. */
export function duration(ms: unknown): string | undefined {
  if (typeof ms !== 'number') return undefined;
  if (ms < 1_000) return `${ms} ms`;
  const rounded = (value: number): string => String(Math.round(value * 10) / 10);
  if (ms < 60_000) return `${rounded(ms / 1_000)} s`;
  return ms < 3_600_000 ? `${rounded(ms / 60_000)} min` : `${rounded(ms / 3_600_000)} h`;
}

/** 4.5 for a rating, nothing where there is none yet. */
export function rating(value: unknown): string | undefined {
  return typeof value === 'number' && value > 0 ? String(Math.round(value * 10) / 10) : undefined;
}

/** A value of any shape, as JSON over several lines. */
export function pretty(value: unknown): string | undefined {
  return value === undefined || value === null ? undefined : jsonText(value);
}

/** A list of rows, and under it where in the whole list one is. */
export function listLines(
  shape: readonly Column<Row>[],
  rows: readonly Row[],
  data: unknown,
  width?: number,
): string[] {
  const { page, limit, total } = rowOf(data);
  const count = typeof total === 'number' ? total : rows.length;
  if (rows.length === 0) return [count === 0 ? 'None.' : `None on this page, ${count} in all.`];
  const pages = typeof limit === 'number' && limit > 0 ? Math.ceil(count / limit) : 1;
  const where = typeof page === 'number' && pages > 1 ? `Page ${page} of ${pages}, ` : '';
  return [...table(shape, rows, width), `${where}${count} in all.`];
}
