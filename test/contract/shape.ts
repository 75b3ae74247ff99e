/**
 * What a value looks like on the wire: a word, words with bars between them (one of these texts), a list in brackets, or an object.
 * A field whose name ends with `?` may be absent or null; fields that are not named may be anything.
 */
export type Shape = Word | `${string}|${string}` | readonly [Shape] | Fields;
export type Fields = { readonly [field: string]: Shape };

type Word = keyof typeof WORDS;

/** What is wrong with the value, a sentence for each place; empty when nothing is. */
export function errorsOf(shape: Shape, value: unknown, place = 'data'): string[] {
  if (typeof shape === 'string') return isLike(shape, value) ? [] : [`${place} is ${shown(value)} and no ${shape}`];
  if (isList(shape)) {
    if (!Array.isArray(value)) return [`${place} is ${shown(value)} and no list`];
    return value.flatMap((item, at) => errorsOf(shape[0], item, `${place}[${at}]`));
  }
  if (!isObject(value)) return [`${place} is ${shown(value)} and no object`];
  return Object.entries(shape).flatMap(([field, its]) => fieldErrors(field, its, value, place));
}

function fieldErrors(field: string, shape: Shape, object: Record<string, unknown>, place: string): string[] {
  const name = field.replace(/\?$/, '');
  const value = Object.hasOwn(object, name) ? object[name] : undefined;
  const isAbsent = value === undefined || value === null;
  return isAbsent && name !== field ? [] : errorsOf(shape, value, `${place}.${name}`);
}

/** Each is what a decoder of a statically typed client takes, and no more. */
const WORDS = {
  text: (value: unknown) => typeof value === 'string',
  flag: (value: unknown) => typeof value === 'boolean',
  int: (value: unknown) => Number.isSafeInteger(value),
  number: (value: unknown) => typeof value === 'number' && Number.isFinite(value),
  id: (value: unknown) => Number.isSafeInteger(value) && Number(value) > 0,
  'string id': (value: unknown) => typeof value === 'string' && /^[1-9]\d{0,15}$/.test(value),
  // Up to two fraction digits, and no zero at their end.
  money: (value: unknown) => typeof value === 'string' && /^(?:0|[1-9]\d*)(?:\.\d?[1-9])?$/.test(value),
  time: (value: unknown) =>
    typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/.test(value) && !isNaN(Date.parse(value)),
  object: (value: unknown) => isObject(value),
  'JSON text': (value: unknown) => typeof value === 'string' && isObject(parsed(value)),
} as const;

function isLike(shape: string, value: unknown): boolean {
  if (isWord(shape)) return WORDS[shape](value);
  return typeof value === 'string' && shape.split('|').includes(value);
}

function isWord(shape: string): shape is Word {
  return Object.hasOwn(WORDS, shape);
}

function isList(shape: Shape): shape is readonly [Shape] {
  return Array.isArray(shape);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? 'absent').slice(0, 200);
}
