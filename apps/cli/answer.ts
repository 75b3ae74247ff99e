import { jsonText } from './json-text.js';

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
  if (typeof amount !== 'string' && typeof amount !== 'number') return undefined;
  return String(amount) === '' ? undefined : `${amount} ${String(amount) === '1' ? 'shell' : 'shells'}`;
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

/** The line under a list: where in it one is. */
export function pageLine(data: unknown, shown: number): string {
  const { page, limit, total } = rowOf(data);
  if (typeof total !== 'number') return `${shown} shown.`;
  if (typeof page !== 'number' || typeof limit !== 'number' || total <= shown) return `${total} in all.`;
  return `Page ${page} of ${Math.max(1, Math.ceil(total / limit))}, ${total} in all.`;
}
