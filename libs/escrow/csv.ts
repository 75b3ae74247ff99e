/** Whether a client would rather have CSV than JSON (RFC 9110, 12.5.1); of two that it likes the same, what it names first. */
export function prefersCsv(accept: string | undefined): boolean {
  const ranges = (accept ?? '').split(',').map(rangeFrom);
  const csv = ranges.findIndex(({ type }) => type === 'text/csv');
  const weight = ranges[csv]?.weight ?? 0;
  const json = JSON_RANGES.map((range) => ranges.findIndex(({ type }) => type === range)).find((at) => at !== -1) ?? -1;
  const other = ranges[json]?.weight ?? 0;
  return weight > 0 && (weight > other || (weight === other && csv < json));
}

/** One record of RFC 4180, its end included. */
export function csvLine(cells: readonly string[]): string {
  return `${cells.join(',')}\r\n`;
}

/** Foreign text as a cell: quoted where needed; what a spreadsheet would take for a formula is kept as text by an apostrophe. */
export function textCell(text: string): string {
  const safe = /^[=+\-@＝＋－＠\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

// What JSON goes by, the nearest first.
const JSON_RANGES = ['application/json', 'application/*', '*/*'];

function rangeFrom(text: string): { type: string; weight: number } {
  const [type = '', ...parameters] = text
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  const weight = parameters.find((parameter) => parameter.startsWith('q='));
  // A weight that is no number prefers nothing.
  return { type, weight: weight === undefined ? 1 : Number(weight.slice(2)) };
}
