import { columns, fit, padEnd, padStart, safeLines, safeText } from './terminal-text.js';

export type Column<Row> = {
  title: string;
  value: (row: Row) => unknown;
  /** Numbers and amounts stand at the right. */
  align?: 'left' | 'right';
  /** May be cut when the terminal is too narrow. */
  canShrink?: boolean;
};

const GAP = '  ';
const SHRUNK_MIN = 12;

/** An aligned table of rows; `width` is the terminal's, absent when there is none to fit into. */
export function table<Row>(shape: readonly Column<Row>[], rows: readonly Row[], width?: number): string[] {
  const cells = rows.map((row) => shape.map((column) => safeText(column.value(row))));
  const widths = shape.map((column, at) =>
    Math.max(columns(column.title), ...cells.map((row) => columns(row[at] ?? ''))),
  );
  if (width !== undefined) shrink(shape, widths, width);
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, at) => {
        const cellWidth = widths[at] ?? 0;
        const fitted = fit(text, cellWidth);
        return shape[at]?.align === 'right' ? padStart(fitted, cellWidth) : padEnd(fitted, cellWidth);
      })
      .join(GAP)
      .trimEnd();
  return [line(shape.map((column) => column.title)), ...cells.map(line)];
}

export type Pair = readonly [label: string, value: unknown];

/** Label and value, one a line; pairs without a value are left out, further lines of a text are indented. */
export function pairs(list: readonly Pair[]): string[] {
  const shown = list.filter(([, value]) => value !== undefined && value !== null && value !== '');
  const width = Math.max(0, ...shown.map(([label]) => columns(label))) + 2;
  return shown.flatMap(([label, value]) => {
    const [first = '', ...rest] = safeLines(value);
    return [padEnd(`${label}:`, width) + first, ...rest.map((line) => ' '.repeat(width) + line)];
  });
}

/** Takes columns from the widest cell that may shrink until the line fits, or nothing more can be taken. */
function shrink<Row>(shape: readonly Column<Row>[], widths: number[], width: number): void {
  const total = (): number => widths.reduce((sum, one) => sum + one, 0) + GAP.length * (widths.length - 1);
  while (total() > width) {
    let widest = -1;
    for (const [at, column] of shape.entries()) {
      const current = widths[at] ?? 0;
      if (column.canShrink === true && current > SHRUNK_MIN && current > (widths[widest] ?? 0)) widest = at;
    }
    if (widest < 0) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
}
