export type ColumnSummary = {
  name: string;
  type: 'number' | 'date' | 'text' | 'empty';
  filled: number;
  empty: number;
  distinct: number;
  min?: string;
  max?: string;
  sum?: number;
  mean?: number;
};
export type CsvSummary = { rows: number; delimiter: string; columns: ColumnSummary[] };

const DELIMITERS = [',', ';', '\t', '|'];
const COLUMNS_MAX = 100;

/** What stands in a table: its columns, their kinds, ranges and sums. The first row is the header.
 *  @throws {Error} with a sentence for the caller */
export function csvSummary(csv: string, delimiter = likelyDelimiter(csv)): CsvSummary {
  const [header, ...rows] = parseCsv(csv.replace(/^\uFEFF/, ''), delimiter);
  if (header === undefined) throw new Error('The table is empty; its first row must name the columns.');
  if (header.length > COLUMNS_MAX)
    throw new Error(`The table has ${String(header.length)} columns; at most ${String(COLUMNS_MAX)} are summarised.`);
  const uneven = rows.findIndex((row) => row.length > header.length);
  if (uneven >= 0) throw new Error(`Row ${String(uneven + 2)} has more cells than the header.`);
  const columns = header.map((name, at) =>
    summaryOf(
      name.trim() === '' ? `column ${String(at + 1)}` : name.trim(),
      rows.map((row) => (row[at] ?? '').trim()),
    ),
  );
  return { rows: rows.length, delimiter, columns };
}

/** RFC 4180, and what spreadsheets make of it: quoted cells may hold delimiters, line ends and doubled quotes. */
export function parseCsv(csv: string, delimiter: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let isQuoted = false;
  for (let at = 0; at < csv.length; at += 1) {
    const char = csv.charAt(at);
    if (isQuoted) {
      const isDoubled = char === '"' && csv.charAt(at + 1) === '"';
      if (char !== '"' || isDoubled) cell += char;
      else isQuoted = false;
      if (isDoubled) at += 1;
    } else if (char === '"' && cell === '') {
      isQuoted = true;
    } else if (char === delimiter) {
      row.push(cell);
      cell = '';
    } else if (char === '\n' || char === '\r') {
      if (char === '\r' && csv.charAt(at + 1) === '\n') at += 1;
      row.push(cell);
      if (row.length > 1 || cell !== '') rows.push(row);
      row = [];
      cell = '';
    } else {
      cell += char;
    }
  }
  if (isQuoted) throw new Error('A quoted cell is never closed.');
  row.push(cell);
  if (row.length > 1 || cell !== '') rows.push(row);
  return rows;
}

function likelyDelimiter(csv: string): string {
  const firstLine = /^[^\r\n]*/.exec(csv)?.[0] ?? '';
  const counts = DELIMITERS.map((delimiter) => firstLine.split(delimiter).length);
  return DELIMITERS[counts.indexOf(Math.max(...counts))] ?? ',';
}

function summaryOf(name: string, cells: string[]): ColumnSummary {
  const filled = cells.filter((cell) => cell !== '');
  const common = { name, filled: filled.length, empty: cells.length - filled.length, distinct: new Set(filled).size };
  if (filled.length === 0) return { ...common, type: 'empty' };
  if (filled.every(isNumber)) {
    const numbers = filled.map(Number);
    const sum = tidy(numbers.reduce((total, number) => total + number, 0));
    const [min, max] = rangeOf(numbers, (number) => number);
    const range = { min: String(min), max: String(max), mean: tidy(sum / numbers.length) };
    // Beyond this a number loses digits on the way, so it is left out.
    return { ...common, type: 'number', ...range, ...(Math.abs(sum) <= Number.MAX_SAFE_INTEGER ? { sum } : {}) };
  }
  const isDates = filled.every(
    (cell) => /^\d{4}-\d{2}-\d{2}([T ][\d:.]+(Z|[+-]\d{2}:?\d{2})?)?$/.test(cell) && !Number.isNaN(Date.parse(cell)),
  );
  const [min, max] = isDates ? rangeOf(filled, Date.parse) : rangeOf(filled, (cell) => cell);
  return { ...common, type: isDates ? 'date' : 'text', min: short(min), max: short(max) };
}

function isNumber(cell: string): boolean {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,2})?$/i.test(cell) && Math.abs(Number(cell)) <= Number.MAX_SAFE_INTEGER;
}

function rangeOf<T, K extends number | string>(values: T[], key: (value: T) => K): [T, T] {
  let [min, max] = [values[0] as T, values[0] as T];
  for (const value of values) {
    if (key(value) < key(min)) min = value;
    if (key(value) > key(max)) max = value;
  }
  return [min, max];
}

/** Sums of decimals without their binary dust. */
function tidy(number: number): number {
  return Number(number.toPrecision(12));
}

function short(cell: string): string {
  return [...cell].length <= 80 ? cell : `${[...cell].slice(0, 79).join('')}…`;
}
