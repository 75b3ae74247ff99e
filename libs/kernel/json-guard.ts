import type { FieldError } from './problem.js';

export const JSON_DEPTH_MAX = 32;

/** More wrong paths than this are not listed: one body must not make an answer many times its own size. */
const ERRORS_MAX = 100;
const PATH_MAX = 200;

export class MalformedJson extends Error {
  override readonly name = 'MalformedJson';
}

/** Well-formed JSON that holds values no part of the system can store, or names that mean two things; `errors` names them. */
export class UnsafeJson extends Error {
  override readonly name = 'UnsafeJson';

  constructor(readonly errors: FieldError[]) {
    super('The JSON holds values that cannot be taken');
  }
}

/**
 * `JSON.parse` for text from outside. Depth is judged before parsing; numbers that are infinite or beyond 2^53-1, U+0000,
 * lone surrogates, `__proto__` keys and names that an object has twice are refused wherever they stand. An ordinary text costs one
 * scan and one count of members more than `JSON.parse`; what is wrong is looked for only when one of them saw something suspicious.
 * @throws {MalformedJson} not JSON, or nested too deeply
 * @throws {UnsafeJson} with all wrong paths
 */
export function parseGuarded(text: string): unknown {
  const { hasLongNumber, colons } = scan(text);
  const value = parse(text);
  // Of two members with one name the parser keeps the last; other readers of the same text may keep the first.
  if (colons !== membersOf(value)) throw new UnsafeJson(doubledNames(text));
  if ((hasLongNumber || hasSuspiciousText(text)) && isWrong(value)) {
    const errors: FieldError[] = [];
    collect(value, '', errors);
    if (errors.length > 0) throw new UnsafeJson(errors);
  }
  return value;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const DIGITS_SAFE = 15;

type Scanned = {
  /** A number outside strings is long or has an exponent, and so may be too large. */
  hasLongNumber: boolean;
  /** One stands in each member, and nowhere else outside strings. */
  colons: number;
};

/** Checks the depth. */
function scan(text: string): Scanned {
  let depth = 0;
  let colons = 0;
  let hasLongNumber = false;
  const end = text.length;
  for (let i = 0; i < end; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) {
      i = endOfString(text, i);
    } else if (c === 0x5b || c === 0x7b) {
      if (++depth > JSON_DEPTH_MAX) throw new MalformedJson(`The JSON is nested deeper than ${JSON_DEPTH_MAX} levels`);
    } else if (c === 0x5d || c === 0x7d) {
      depth--;
    } else if (c === COLON) {
      colons++;
    } else if (c >= 0x30 && c <= 0x39) {
      const start = i;
      let n = c;
      while ((n >= 0x30 && n <= 0x39) || n === 0x2e) n = text.charCodeAt(++i);
      if (i - start > DIGITS_SAFE || (n | 0x20) === 0x65) hasLongNumber = true;
      i--;
    }
  }
  return { hasLongNumber, colons };
}

/** The index of the quote that ends the string starting at `start`, or the text's length. */
function endOfString(text: string, start: number): number {
  let close = text.indexOf('"', start + 1);
  while (close !== -1) {
    let slashes = 0;
    while (text.charCodeAt(close - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return close;
    close = text.indexOf('"', close + 1);
  }
  return text.length;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // V8 quotes a piece of the text after the first comma; the sender knows its text, and logs should not hold it.
    const reason = error instanceof Error ? error.message : '';
    const place = /at position \d+(?: \(line \d+ column \d+\))?/.exec(reason)?.[0] ?? '';
    throw new MalformedJson(`The text is not valid JSON${place === '' ? '' : `: wrong ${place}`}`);
  }
}

/** How many members all objects in the value have. */
function membersOf(value: unknown): number {
  let members = 0;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object') members += membersOf(item);
    return members;
  }
  if (typeof value !== 'object' || value === null) return 0;
  const object = value as Record<string, unknown>;
  for (const name in object) {
    members++;
    const member = object[name];
    if (typeof member === 'object') members += membersOf(member);
  }
  return members;
}

/** An open object or list, and where it stands. */
type Frame = { path: string; names: Set<string> | undefined; index: number; name: string | undefined };

/** The paths of the members whose names their objects have had before. The text is JSON. */
function doubledNames(text: string): FieldError[] {
  const errors: FieldError[] = [];
  const frames: Frame[] = [];
  for (let i = 0; i < text.length && errors.length < ERRORS_MAX; i++) {
    const c = text.charCodeAt(i);
    const frame = frames.at(-1);
    if (c === QUOTE) {
      const end = endOfString(text, i);
      if (frame?.names !== undefined && frame.name === undefined) {
        frame.name = JSON.parse(text.slice(i, end + 1)) as string;
        if (frame.names.has(frame.name)) errors.push(wrong(pathIn(frame), 'must be given only once', 'doubled'));
        frame.names.add(frame.name);
      }
      i = end;
    } else if (c === 0x5b || c === 0x7b) {
      const path = frame === undefined ? '' : pathIn(frame);
      frames.push({ path, names: c === 0x7b ? new Set() : undefined, index: 0, name: undefined });
    } else if (c === 0x5d || c === 0x7d) {
      frames.pop();
    } else if (c === COMMA && frame !== undefined) {
      frame.index++;
      frame.name = undefined;
    }
  }
  return errors;
}

function pathIn({ path, names, index, name = '' }: Frame): string {
  if (names === undefined) return `${path}[${index}]`;
  return path === '' ? name : `${path}.${name}`;
}

// Escapes for U+0000, a surrogate half, or a letter of "__proto__" (underscore, p, r, o, t).
const SUSPICIOUS_ESCAPE = /\\u(?:0000|[dD][89a-fA-F]|005[fF]|007[024]|006[fF])/;

function hasSuspiciousText(text: string): boolean {
  return (text.includes('\\u') && SUSPICIOUS_ESCAPE.test(text)) || text.includes('__proto__') || !text.isWellFormed();
}

/** Whether anything in the value is wrong; several times faster than naming the paths, and mostly the last word. */
function isWrong(value: unknown): boolean {
  if (typeof value === 'string') return wrongText(value) !== undefined;
  if (typeof value === 'number') return isBeyondExact(value);
  if (Array.isArray(value)) return value.some(isWrong);
  if (typeof value !== 'object' || value === null) return false;
  for (const key of Object.keys(value)) {
    if (key === '__proto__' || wrongText(key) !== undefined || isWrong(Reflect.get(value, key))) return true;
  }
  return false;
}

function isBeyondExact(value: number): boolean {
  return !(Math.abs(value) <= Number.MAX_SAFE_INTEGER);
}

/** Adds an error for every wrong value below `path`. The recursion is bounded by the depth checked before. */
function collect(value: unknown, path: string, errors: FieldError[]): void {
  if (errors.length >= ERRORS_MAX) return;
  if (typeof value === 'string') {
    const message = wrongText(value);
    if (message !== undefined) errors.push(wrong(path, message));
  } else if (typeof value === 'number') {
    if (isBeyondExact(value)) {
      errors.push(wrong(path, 'must be a number between -(2^53-1) and 2^53-1; send larger ones as text'));
    }
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) collect(item, `${path}[${index}]`, errors);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, member] of Object.entries(value)) {
      const memberPath = path === '' ? key : `${path}.${key}`;
      const message = key === '__proto__' ? 'must not be used as a name' : wrongText(key);
      if (message !== undefined) errors.push(wrong(memberPath, message));
      collect(member, memberPath, errors);
    }
  }
}

function wrongText(text: string): string | undefined {
  if (text.includes('\u0000')) return 'must not contain the character U+0000';
  if (!text.isWellFormed()) return 'must not contain half of a surrogate pair';
  return undefined;
}

/** An error whose path is fit to be sent back, whatever its keys contain. */
function wrong(path: string, message: string, code = 'unsafe'): FieldError {
  const shown = path.length > PATH_MAX ? `${path.slice(0, PATH_MAX)}…` : path;
  return { field: shown.toWellFormed().replaceAll('\u0000', '\ufffd'), message, code };
}
