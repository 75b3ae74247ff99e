import { nestedReader } from './bind.js';
import { bad, good, rule, type DtoClass } from './field-rules.js';
import { readText } from './fields.js';

/* Decorators for fields that have parts: objects with fields of their own, lists of them, addresses. */

/** An object with declared fields of its own. */
export const Nested = (dtoOf: () => DtoClass): PropertyDecorator => rule({ read: nestedReader(dtoOf) });

/** A list of at most so many of them. */
export const NestedList = (dtoOf: () => DtoClass, itemsMax: number): PropertyDecorator => {
  const readItem = nestedReader(dtoOf);
  return rule({
    read: (raw, source) => {
      if (!Array.isArray(raw)) return bad('must be a list', 'type');
      if (raw.length > itemsMax) return bad(`must have at most ${itemsMax} items, but has ${raw.length}`);
      const readings = raw.map((item: unknown) => readItem(item, source));
      const errors = readings.flatMap((reading, index) =>
        'errors' in reading ? reading.errors.map((error) => ({ ...error, field: placeOf(index, error.field) })) : [],
      );
      return errors.length > 0 ? { errors } : good(readings.map((reading) => 'value' in reading && reading.value));
    },
  });
};

/** The http or https address of something on the web, of at most so many characters; nobody here goes there. */
export const IsWebAddress = (max: number): PropertyDecorator =>
  rule({
    read: (raw) => {
      if (typeof raw !== 'string') return bad('must be a text', 'type');
      if (raw.length > max) return bad(`must have at most ${max} characters, but has ${raw.length}`);
      return isWebAddress(raw) ? good(raw) : bad('must be an http or https address such as https://example.com/a.pdf');
    },
  });

function placeOf(index: number, field: string): string {
  return field === '' ? `[${index}]` : `[${index}].${field}`;
}

/** The parser forgives blanks and line ends, which would make two texts of one address. */
function isWebAddress(text: string): boolean {
  return !/[\s\p{C}]/u.test(text) && /^https?:\/\//i.test(text) && URL.canParse(text);
}

/** An e-mail address, as far as one can tell without writing to it. */
export const IsEmail = (): PropertyDecorator =>
  rule({
    read: (raw) => {
      const reading = readText(raw, 3, 254);
      if ('errors' in reading || EMAIL.test(String(raw))) return reading;
      return bad('must be an e-mail address such as ada@example.org');
    },
  });

const EMAIL = /^[^\s@<>"(),:;[\]\\]+@[^\s@<>"(),:;[\]\\]+$/;
