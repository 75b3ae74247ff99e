import { validateSync, type ValidationError } from 'class-validator';
import { isJsonObject, type FieldError } from '#kernel';
import {
  bad,
  good,
  type CompiledDto,
  type FieldRule,
  type Reading,
  type Source,
  compiledDto,
  type DtoClass,
} from './field-rules.js';

/** More errors than this are not listed: an answer must stay in proportion to what a person can read. */
const ERRORS_MAX = 100;
const NAME_SHOWN_MAX = 100;

export type Bound = { dto: object } | { errors: readonly FieldError[] };

/**
 * Makes a DTO from outside data and names every wrong field at once. Only declared fields are read, so names such as
 * `constructor` or `__proto__` have no effect; values without a reader of their own are passed on untouched. In bodies
 * unknown fields are errors, in queries they are ignored unless the DTO says otherwise. Null and "" count as absent.
 */
export function bind(dtoClass: DtoClass, compiled: CompiledDto, raw: unknown, source: Source): Bound {
  if (!isJsonObject(raw)) return { errors: [{ field: '', message: 'must be a JSON object', code: 'type' }] };
  const isStrict = source === 'body' || compiled.refusesUnknown;
  const errors: FieldError[] = isStrict ? unknownFields(compiled, raw) : [];
  const dto = Reflect.construct(dtoClass, []) as Record<string, unknown>;
  for (const [name, fieldRule] of compiled.fields) {
    const given = valueOf(raw, name, fieldRule);
    if ('errors' in given) {
      errors.push(...under(name, given.errors));
      continue;
    }
    if (given.value === undefined) {
      if (fieldRule.absent !== undefined) dto[name] = fieldRule.absent;
      else if (fieldRule.read !== undefined && fieldRule.isOptional !== true) {
        errors.push({ field: name, message: 'is required', code: 'required' });
      }
      continue;
    }
    const reading = fieldRule.read === undefined ? good(given.value) : fieldRule.read(given.value, source);
    if ('errors' in reading) errors.push(...under(name, reading.errors));
    else dto[name] = reading.value;
  }
  if (compiled.hasValidatorRules && compiled.isRight?.(dto) !== true) addValidatorErrors(dto, errors);
  return errors.length === 0 ? { dto } : { errors: errors.slice(0, ERRORS_MAX) };
}

/** A reader for a field that is an object with fields of its own. */
export function nestedReader(dtoOf: () => DtoClass): (raw: unknown, source: Source) => Reading {
  return (raw, source) => {
    const dtoClass = dtoOf();
    const compiled = compiledDto(dtoClass);
    if (compiled === undefined) throw new Error(`${dtoClass.name} has no declared fields`);
    if (!isJsonObject(raw)) return bad('must be an object', 'type');
    const bound = bind(dtoClass, compiled, raw, source);
    return 'dto' in bound ? good(bound.dto) : bound;
  };
}

function unknownFields(compiled: CompiledDto, raw: Record<string, unknown>): FieldError[] {
  const errors: FieldError[] = [];
  for (const name of Object.keys(raw)) {
    if (compiled.fieldOfName.has(name)) continue;
    const shown = name.length > NAME_SHOWN_MAX ? `${name.slice(0, NAME_SHOWN_MAX).toWellFormed()}…` : name;
    errors.push({ field: shown, message: 'is not a known field', code: 'unknown' });
    if (errors.length >= ERRORS_MAX) break;
  }
  return errors;
}

/** The value of a field under its name or one of its aliases; undefined when it counts as absent. */
function valueOf(raw: Record<string, unknown>, name: string, fieldRule: FieldRule): Reading {
  let value = present(raw, name, fieldRule);
  for (const alias of fieldRule.aliases ?? []) {
    const other = present(raw, alias, fieldRule);
    if (other === undefined) continue;
    if (value !== undefined) return bad(`is given twice, also as ${alias}`, 'doubled');
    value = other;
  }
  return good(value);
}

function present(raw: Record<string, unknown>, name: string, fieldRule: FieldRule): unknown {
  if (!Object.hasOwn(raw, name)) return undefined;
  const value = raw[name];
  if (value === '' && fieldRule.keepsEmpty !== true) return undefined;
  if (value === null && fieldRule.keepsNull !== true) return undefined;
  return value;
}

function addValidatorErrors(dto: object, errors: FieldError[]): void {
  const named = new Set(errors.map((error) => error.field));
  for (const error of flatten(validateSync(dto, { forbidUnknownValues: false, stopAtFirstError: true }), '')) {
    if (!named.has(error.field)) errors.push(error);
  }
}

function flatten(found: readonly ValidationError[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const { property, constraints, contexts, children } of found) {
    const field = joined(path, /^\d+$/.test(property) ? `[${property}]` : property);
    const messages = Object.values(constraints ?? {});
    // class-validator begins its messages with the property's name; ours go without, beside the path.
    const message = messages.map((text) => (text.startsWith(`${property} `) ? text.slice(property.length + 1) : text));
    if (message.length > 0) errors.push({ field, message: message.join('; '), code: codeOf(contexts) });
    errors.push(...flatten(children ?? [], field));
  }
  return errors;
}

/** The code that a decorator gave as its context. */
function codeOf(contexts: ValidationError['contexts']): string {
  const [context]: unknown[] = Object.values(contexts ?? {});
  const code: unknown = typeof context === 'object' && context !== null ? Reflect.get(context, 'code') : undefined;
  return typeof code === 'string' ? code : 'invalid';
}

function under(name: string, errors: readonly FieldError[]): FieldError[] {
  return errors.map((error) => ({ ...error, field: joined(name, error.field) }));
}

function joined(parent: string, child: string): string {
  if (parent === '' || child === '') return parent + child;
  return child.startsWith('[') ? parent + child : `${parent}.${child}`;
}
