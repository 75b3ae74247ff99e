import {
  ArrayUnique,
  IsBoolean,
  IsIn,
  IsInt,
  IsNumber,
  IsOptional,
  Max,
  Min,
  type ValidationOptions,
} from 'class-validator';
import {
  formatShells,
  InvalidShells,
  isCategory,
  CATEGORIES,
  isJsonObject,
  parseShells,
  SHELLS_MAX,
  type FieldError,
} from '#kernel';
import { bad, good, rule, type Reading, type Source } from './field-rules.js';
import { idempotencyKeyError } from './idempotency-key.js';

/*
 * Decorators for the fields of a DTO. A field is required unless it also has @Optional() (or class-validator's
 * @IsOptional()). Each decorator says everything about its field: the type on the wire, the limits, and the type in the DTO.
 */

/** The field may be absent. */
export const Optional = (): PropertyDecorator => all(rule({ isOptional: true }), IsOptional());

/** "" is a value of this field and not its absence. */
export const KeepEmpty = (): PropertyDecorator => rule({ keepsEmpty: true });

/** null is a value of this field and not its absence. */
export const KeepNull = (): PropertyDecorator => rule({ keepsNull: true });

/** The field may also be sent under another name. */
export const Alias = (...aliases: string[]): PropertyDecorator => rule({ aliases });

/** Text of `min` to `max` characters (code points), not blank unless `min` is 0; nothing is trimmed. */
export const IsText = (min: number, max: number): PropertyDecorator => rule({ read: (raw) => readText(raw, min, max) });

/** A list of at most `itemsMax` texts of 1 to `max` characters. */
export const IsTextList = (itemsMax: number, max: number): PropertyDecorator =>
  rule({ read: (raw) => readTextList(raw, itemsMax, max) });

/** A whole number; in a body a JSON number and never text. */
export const IsInteger = (min: number, max: number): PropertyDecorator =>
  all(
    rule({ read: (raw, source) => good(source === 'query' ? numberFrom(raw, INTEGER) : raw) }),
    IsInt(says('must be a whole number', 'type')),
    Min(min, says(`must be at least ${min}`, 'range')),
    Max(max, says(`must be at most ${max}`, 'range')),
  );

/** A number, also with a fraction; in a body a JSON number and never text. */
export const IsNumeric = (min: number, max: number): PropertyDecorator =>
  all(
    rule({ read: (raw, source) => good(source === 'query' ? numberFrom(raw, DECIMAL) : raw) }),
    IsNumber({}, says('must be a number', 'type')),
    Min(min, says(`must be at least ${min}`, 'range')),
    Max(max, says(`must be at most ${max}`, 'range')),
  );

/** true or false; in a query the words. */
export const IsFlag = (): PropertyDecorator =>
  all(
    rule({ read: (raw, source) => good(source === 'query' ? (FLAGS.get(raw) ?? raw) : raw) }),
    IsBoolean(says('must be true or false', 'type')),
  );

/** One of the given words. */
export const IsOneOf = (words: readonly string[]): PropertyDecorator =>
  all(rule({ read: good }), IsIn(words, says(`must be one of ${words.join(', ')}`)));

/** A list without repetition of the given words; in a query the words with commas between them. */
export const IsListOf = (words: readonly string[]): PropertyDecorator =>
  all(
    rule({
      read: (raw, source) => {
        const list: unknown = source === 'query' && typeof raw === 'string' ? raw.split(',') : raw;
        return Array.isArray(list) ? good(list) : bad('must be a list', 'type');
      },
    }),
    IsIn(words, { each: true, ...says(`must list some of ${words.join(', ')}, each once`) }),
    ArrayUnique(says(`must list some of ${words.join(', ')}, each once`)),
  );

/** One of the nine categories. */
export const IsCategory = (): PropertyDecorator =>
  rule({ read: (raw) => (isCategory(raw) ? good(raw) : bad(`must be one of ${CATEGORIES.join(', ')}`)) });

/** The id of something in a body (a JSON number) or a query (decimal digits); a bigint in the DTO. */
export const IsId = (): PropertyDecorator =>
  rule({
    read: (raw, source) => {
      const reading = readInteger(raw, source, 1, Number.MAX_SAFE_INTEGER);
      return 'value' in reading ? good(BigInt(Number(reading.value))) : reading;
    },
  });

/** The id of something, as a number or as its digits also in a body; a bigint in the DTO. */
export const IsIdOrDigits = (): PropertyDecorator =>
  rule({
    read: (raw) => {
      const reading = readInteger(numberFrom(raw, INTEGER), 'body', 1, Number.MAX_SAFE_INTEGER);
      return 'value' in reading ? good(BigInt(Number(reading.value))) : reading;
    },
  });

/** The id of something as a number, which is a bigint in the DTO, or a text of 1 to `max` characters. */
export const IsIdOrText = (max: number): PropertyDecorator =>
  rule({
    read: (raw) => {
      if (typeof raw !== 'number') return readText(raw, 1, max);
      const reading = readInteger(raw, 'body', 1, Number.MAX_SAFE_INTEGER);
      return 'value' in reading ? good(BigInt(raw)) : reading;
    },
  });

export type ShellsLimits = { min?: bigint; max?: bigint; positive?: boolean };

/** An amount of shells, sent as text or as a number; bigint hundredths in the DTO. The limits are in hundredths. */
export const IsShells = (limits: ShellsLimits = {}): PropertyDecorator =>
  rule({ read: (raw) => readShells(raw, limits) });

/** An amount that need not be given: absent, 0, "0" and "" all mean undefined in the DTO. */
export const OptionalShells = (limits: ShellsLimits = {}): PropertyDecorator =>
  rule({
    isOptional: true,
    read: (raw) => {
      const reading = readShells(raw, {});
      return 'value' in reading && reading.value === 0n ? good(undefined) : readShells(raw, limits);
    },
  });

/** A whole number that need not be given, sent as a number or as its digits: absent, 0, "0" and "" all mean undefined in the DTO. */
export const OptionalCount = (max: number): PropertyDecorator =>
  rule({
    isOptional: true,
    read: (raw) => {
      const value = numberFrom(raw, INTEGER);
      if (typeof value !== 'number' || !Number.isInteger(value)) return bad('must be a whole number', 'type');
      return value === 0 ? good(undefined) : inRange(value, 1, max);
    },
  });

/** Any JSON object, passed on as it is. */
export const IsJsonObject = (): PropertyDecorator =>
  rule({ read: (raw) => (isJsonObject(raw) ? good(raw) : bad('must be an object', 'type')) });

/** Any JSON value, passed on as it is, "" and null included. */
export const IsJson = (): PropertyDecorator => rule({ read: good, keepsEmpty: true, keepsNull: true });

/** An RFC 3339 time with its offset; a Date in the DTO. */
export const IsInstant = (): PropertyDecorator => rule({ read: readInstant });

/** The body's own idempotency key, beside the header. */
export const IsIdempotencyKey = (): PropertyDecorator =>
  rule({
    isOptional: true,
    read: (raw) => {
      const message = idempotencyKeyError(raw);
      return message === undefined ? good(raw) : bad(message);
    },
  });

const PAGE_MAX = 1_000_000_000;

/** The query's page, from 1; 1 when absent. */
export const Page = (): PropertyDecorator =>
  rule({ absent: 1, read: (raw, source) => readInteger(raw, source, 1, PAGE_MAX) });

/** The query's limit; a larger one than `max` is clamped, as the contract promises. */
export const Limit = (absent = 20, max = 100): PropertyDecorator =>
  rule({
    absent,
    read: (raw, source) => {
      const reading = readInteger(raw, source, 1, Infinity);
      return 'value' in reading ? good(Math.min(Number(reading.value), max)) : reading;
    },
  });

const INTEGER = /^-?(?:0|[1-9]\d{0,30})$/;
const DECIMAL = /^-?\d{1,20}(?:\.\d{1,20})?$/;
const FLAGS = new Map<unknown, boolean>([
  ['true', true],
  ['false', false],
]);

/** What class-validator shall say, and the code beside it. */
function says(message: string, code = 'invalid'): ValidationOptions {
  return { message, context: { code } };
}

/** Several decorators as one, in this order. */
function all(...decorators: readonly PropertyDecorator[]): PropertyDecorator {
  return (prototype, property) => {
    for (const decorate of decorators) decorate(prototype, property);
  };
}

/** Control characters but tab and line ends. */
const COMMANDS = /[^\P{Cc}\t\n\r]/u;
const INVISIBLE = /[\p{Z}\p{Cc}\p{Cf}\u2800\u3164]/gu;

export function readText(raw: unknown, min: number, max: number): Reading {
  if (typeof raw !== 'string') return bad('must be a text', 'type');
  const message = textError(raw, min, max);
  return message === undefined ? good(raw) : bad(message);
}

function textError(text: string, min: number, max: number): string | undefined {
  if (text.includes('\u0000')) return 'must not contain the character U+0000';
  const count = characters(text);
  if (count < min || count > max) return `must have ${min} to ${max} characters, but has ${count}`;
  // Control characters could command the terminal of whoever reads the text; what is invisible says nothing.
  if (COMMANDS.test(text)) return 'must not contain control characters';
  return min > 0 && text.replace(INVISIBLE, '') === '' ? 'must not be blank' : undefined;
}

/** Code points, which is what people and PostgreSQL's char_length count. */
function characters(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    // The second half of a pair was counted with the first.
    if (unit < 0xdc00 || unit > 0xdfff) count++;
  }
  return count;
}

function readTextList(raw: unknown, itemsMax: number, max: number): Reading {
  if (!Array.isArray(raw)) return bad('must be a list of texts', 'type');
  if (raw.length > itemsMax) return bad(`must have at most ${itemsMax} items, but has ${raw.length}`);
  const errors: FieldError[] = [];
  for (const [index, item] of raw.entries()) {
    const message = typeof item === 'string' ? textError(item, 1, max) : 'must be a text';
    if (message !== undefined) errors.push({ field: `[${index}]`, message, code: 'invalid' });
  }
  return errors.length === 0 ? good(raw) : { errors };
}

function readInteger(raw: unknown, source: Source, min: number, max: number): Reading {
  const value = source === 'query' ? numberFrom(raw, INTEGER) : raw;
  if (typeof value !== 'number' || !Number.isInteger(value)) return bad('must be a whole number', 'type');
  return inRange(value, min, max);
}

/** What is no number stays what it is and fails its rule; as undefined it would pass where the field is optional. */
function numberFrom(raw: unknown, shape: RegExp): unknown {
  return typeof raw === 'string' && shape.test(raw) ? Number(raw) : raw;
}

function inRange(value: number, min: number, max: number): Reading {
  if (value < min) return bad(`must be at least ${min}`, 'range');
  if (value > max) return bad(`must be at most ${max}`, 'range');
  return good(value);
}

function readShells(raw: unknown, { min, max = SHELLS_MAX, positive = false }: ShellsLimits): Reading {
  try {
    const cents = parseShells(raw);
    if (positive && cents === 0n) return bad('must be more than 0', 'range');
    if (min !== undefined && cents < min) return bad(`must be at least ${formatShells(min)}`, 'range');
    if (cents > max) return bad(`must be at most ${formatShells(max)}`, 'range');
    return good(cents);
  } catch (error) {
    if (error instanceof InvalidShells) return bad(error.message);
    throw error;
  }
}

const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/;

function readInstant(raw: unknown): Reading {
  const match = typeof raw === 'string' ? RFC_3339.exec(raw) : null;
  const time = match === null ? NaN : Date.parse(match[0].toUpperCase());
  // Date.parse takes 31 February for 3 March; a calendar day that does not exist is a mistake and not a wish.
  if (match === null || Number.isNaN(time) || !isDay(Number(match[1]), Number(match[2]), Number(match[3]))) {
    return bad('must be an RFC 3339 time such as 2030-01-31T12:00:00Z');
  }
  return good(new Date(time));
}

function isDay(year: number, month: number, day: number): boolean {
  return new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day;
}
