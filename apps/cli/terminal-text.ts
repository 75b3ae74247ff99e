/**
 * Text from the server is written by strangers. Control characters in it could move the cursor, rewrite what stands
 * above, or change the window's title; direction marks could make one title look like another. They are shown as
 * escapes and never sent to the terminal as they are.
 */
export function safeText(value: unknown): string {
  return plain(value).replace(UNSAFE, (character) => (isBreak(character) ? ' ' : escaped(character)));
}

/** Like `safeText`, for a text that may have several lines. */
export function safeLines(value: unknown): string[] {
  return plain(value)
    .split(/\r\n|\n|\r/)
    .map((line) => safeText(line));
}

/** JSON for a terminal or a pipe: the same value, with nothing in it that a terminal obeys. */
export function safeJson(value: unknown, indent?: number): string {
  // JSON.stringify leaves C1 controls, DEL and direction marks as they are; all of them occur only inside strings.
  return (JSON.stringify(value, null, indent) ?? 'null').replace(UNSAFE_IN_JSON, escaped);
}

/** How many columns a terminal uses for the text. */
export function columns(text: string): number {
  let width = 0;
  for (const character of text) width += widthOf(character.codePointAt(0) ?? 0);
  return width;
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - columns(text)));
}

export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - columns(text))) + text;
}

/** Cuts the text to at most so many columns, with an ellipsis when something is lost. */
export function fit(text: string, width: number): string {
  if (columns(text) <= width) return text;
  let cut = '';
  let used = 0;
  for (const character of text) {
    used += widthOf(character.codePointAt(0) ?? 0);
    if (used > width - 1) break;
    cut += character;
  }
  return `${cut.trimEnd()}…`;
}

// C0, DEL, C1, zero-width and direction marks, line and paragraph separators, isolates, the byte order mark.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const UNSAFE_IN_JSON = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

function plain(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined) return '';
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  return JSON.stringify(value) ?? '';
}

function isBreak(character: string): boolean {
  return character === '\n' || character === '\r' || character === '\t';
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Ranges in which a character takes two columns (East Asian wide, emoji) or none (combining marks). */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xa000, 0xa4cf],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1f64f],
  [0x1f900, 0x1f9ff],
  [0x20000, 0x3fffd],
];
const NONE: readonly (readonly [number, number])[] = [
  [0x0300, 0x036f],
  [0x20d0, 0x20ff],
  [0xfe00, 0xfe0f],
];

function widthOf(point: number): number {
  if (point < 0x300) return 1;
  const within = ([from, to]: readonly [number, number]): boolean => point >= from && point <= to;
  if (NONE.some(within)) return 0;
  return WIDE.some(within) ? 2 : 1;
}
