/** Whether a client would rather have CSV than JSON. */
export function prefersCsv(accept: string | undefined): boolean {
  return accept !== undefined && /^\s*text\/csv\b/i.test(accept);
}

/** One record of RFC 4180, its end included. */
export function csvLine(cells: readonly string[]): string {
  return `${cells.join(',')}\r\n`;
}

/** Foreign text as a cell: quoted where needed; what a spreadsheet would take for a formula is kept as text by an apostrophe. */
export function textCell(text: string): string {
  const safe = /^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
