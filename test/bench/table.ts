import type { Measure, Must, Row } from './figures.js';
import type { Figure } from './rounds.js';

/** The table of the ratios: what, figure, reference, ratio, must, verdict; what needs a word stands below it. */
export function tableOf(rows: readonly Row[]): string {
  const lines = rows.map((row) => [
    row.what,
    measureText(row.figure),
    measureText(row.reference),
    row.ratio === undefined ? '' : row.ratio.toFixed(2),
    mustText(row),
    row.verdict,
  ]);
  const notes = rows.flatMap(({ what, note }) => (note === undefined ? [] : [`${what}: ${note}`]));
  return [columns([['', 'figure', 'reference', 'ratio', 'must', 'verdict'], ...lines]), ...notes].join('\n');
}

/** Every phase's own figures. */
export function phaseTableOf(figures: readonly Figure[]): string {
  return columns([
    ['phase', 'per second', 'p50 ms', 'p99 ms'],
    ...figures.map(({ name, perSecond, p50Ms, p99Ms }) => [
      name,
      perSecond.toFixed(0),
      p50Ms.toFixed(2),
      p99Ms.toFixed(2),
    ]),
  ]);
}

function measureText(measure: Measure | undefined): string {
  if (measure === undefined) return '';
  const { value, unit } = measure;
  const digits = Number.isInteger(value) || Math.abs(value) >= 100 ? 0 : 2;
  const text = value.toFixed(digits).replace(/\B(?=(\d{3})+$)/g, digits === 0 ? ',' : '');
  return unit === '' || unit.startsWith('/') ? `${text}${unit}` : `${text} ${unit}`;
}

function mustText({ must, ratio, figure }: Row): string {
  if (must === undefined) return '';
  const [sign, value] = bound(must);
  return ratio === undefined && figure !== undefined
    ? `${sign} ${measureText({ ...figure, value })}`
    : `${sign} ${String(value)}`;
}

function bound(must: Must): [string, number] {
  return 'atLeast' in must ? ['>=', must.atLeast] : ['<=', must.atMost];
}

function columns(rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) =>
      row.map((cell, n) => (n === 0 ? cell.padEnd(widths[n] ?? 0) : cell.padStart(widths[n] ?? 0))).join('  '),
    )
    .join('\n');
}
