import { fullFormats, type FormatName } from 'ajv-formats/dist/formats.js';

/** Formats a schema may name, each with a test that is cheap for any string. */
export const SCHEMA_FORMATS: ReadonlyMap<string, StringFormat | NumberFormat> = new Map<
  string,
  StringFormat | NumberFormat
>([
  ...textFormats({
    date: 10,
    time: 64,
    'date-time': 64,
    'iso-time': 64,
    'iso-date-time': 64,
    duration: 64,
    email: 320,
    hostname: 254,
    ipv4: 15,
    ipv6: 45,
    uuid: 45,
  }),
  text('uri', (value) => /^[a-z][a-z0-9+.-]*:./i.test(value) && isUriReference(value)),
  text('uri-reference', isUriReference),
  text('json-pointer', (value) => /^(?:\/(?:[^~/]|~0|~1)*)*$/.test(value)),
  text('relative-json-pointer', (value) => /^(?:0|[1-9][0-9]{0,15})(?:#|(?:\/(?:[^~/]|~0|~1)*)*)$/.test(value)),
  number('int32', (value) => Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 31),
  number('int64', (value) => Number.isInteger(value)),
  // Hints for forms and code generators; they refuse nothing.
  number('float', () => true),
  number('double', () => true),
  text('password', () => true, Infinity),
  text('binary', () => true, Infinity),
]);

export interface StringFormat {
  type: 'string';
  validate: (value: string) => boolean;
}

export interface NumberFormat {
  type: 'number';
  validate: (value: number) => boolean;
}

// The expressions of ajv-formats run on V8. Some of them need time quadratic in the text (email: 229 KB would be
// 10^10 steps), so a longer text than any right one is refused before the expression sees it.
function textFormats(charsMax: Partial<Record<FormatName, number>>): [string, StringFormat][] {
  return Object.entries(charsMax).map(([name, max]) => text(name, formatTest(name), max));
}

function formatTest(name: string): (value: string) => boolean {
  const format: unknown = new Map<string, unknown>(Object.entries(fullFormats)).get(name);
  if (format instanceof RegExp) return (value) => format.test(value);
  const validate = hasValidate(format) ? format.validate : undefined;
  if (validate === undefined) throw new Error(`ajv-formats has no test for ${name}`);
  return validate;
}

function hasValidate(format: unknown): format is { validate: (value: string) => boolean } {
  return typeof format === 'object' && format !== null && 'validate' in format && typeof format.validate === 'function';
}

// RFC 3986's characters. Each character can be read in one way only, so V8 needs linear time.
function isUriReference(value: string): boolean {
  return /^(?:[a-z0-9._~:/?#[\]@!$&'()*+,;=-]|%[0-9a-f]{2})*$/i.test(value);
}

function text(name: string, validate: (value: string) => boolean, charsMax = 8_192): [string, StringFormat] {
  return [name, { type: 'string', validate: (value) => value.length <= charsMax && validate(value) }];
}

function number(name: string, validate: (value: number) => boolean): [string, NumberFormat] {
  return [name, { type: 'number', validate }];
}
