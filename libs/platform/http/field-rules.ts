import { getMetadataStorage } from 'class-validator';
import type { FieldError } from '#kernel';
import { quickJudgeOf, type QuickJudge } from './quick-judge.js';

/** Where a value came from: bodies carry JSON types, queries only text. */
export type Source = 'body' | 'query';

/** What a reader makes of one raw value: the value for the DTO, or what is wrong with it. */
export type Reading = { value: unknown } | { errors: readonly FieldError[] };

/** Turns a raw, present value into the DTO's value. The paths of its errors are relative to the field. */
export type Reader = (raw: unknown, source: Source) => Reading;

export type DtoClass = abstract new (...args: never[]) => object;

export type FieldRule = {
  read?: Reader;
  /** Used when the field is absent; a field with one is optional. */
  absent?: unknown;
  isOptional?: boolean;
  keepsEmpty?: boolean;
  keepsNull?: boolean;
  aliases?: readonly string[];
};

export type CompiledDto = {
  fields: ReadonlyMap<string, FieldRule>;
  /** Every name under which a field may be sent, and the field it stands for. */
  fieldOfName: ReadonlyMap<string, string>;
  hasValidatorRules: boolean;
  /** Whether class-validator has nothing to say, for classes of which that can be told without it. */
  isRight: QuickJudge | undefined;
  /** Unknown names are errors in queries, too. */
  refusesUnknown: boolean;
};

export function good(value: unknown): Reading {
  return { value };
}

export function bad(message: string, code = 'invalid'): Reading {
  return { errors: [{ field: '', message, code }] };
}

/** Adds to the rule of a decorated property. */
export function rule(part: FieldRule): PropertyDecorator {
  return (prototype, property) => {
    const fields = ownRules(prototype.constructor);
    const name = String(property);
    fields.set(name, { ...fields.get(name), ...part });
  };
}

/** The rules of a DTO class and of those it extends, ours and class-validator's; undefined for any other class. */
export function compiledDto(dto: DtoClass): CompiledDto | undefined {
  const known = compiled.get(dto);
  if (known !== undefined || compiled.has(dto)) return known;
  const made = compile(dto);
  compiled.set(dto, made);
  return made;
}

const strict = new Set<unknown>();
const declared = new Map<unknown, Map<string, FieldRule>>();
const compiled = new Map<DtoClass, CompiledDto | undefined>();

function ownRules(owner: unknown): Map<string, FieldRule> {
  const found = declared.get(owner);
  if (found !== undefined) return found;
  const made = new Map<string, FieldRule>();
  declared.set(owner, made);
  return made;
}

/** Marks a class without fields as a DTO, so that every field sent is refused. */
export function declareDto(dto: DtoClass): void {
  ownRules(dto);
}

/**
 * Has a query with a name that is not declared refused, with those of the classes that extend it. For reads whose answer a misspelt name
 * would change in silence; those that older clients know ignore such names.
 */
export function RefusesUnknown(): ClassDecorator {
  return (dto) => void strict.add(dto);
}

function compile(dto: DtoClass): CompiledDto | undefined {
  const fields = new Map<string, FieldRule>();
  let isDto = false;
  for (const owner of lineage(dto)) {
    isDto ||= declared.has(owner) || strict.has(owner);
    for (const [name, part] of declared.get(owner) ?? []) fields.set(name, { ...fields.get(name), ...part });
  }
  let hasValidatorRules = false;
  for (const metadata of getMetadataStorage().getTargetValidationMetadatas(dto, '', true, false)) {
    const isCondition = metadata.type === 'conditionalValidation';
    hasValidatorRules ||= !isCondition && metadata.type !== 'whitelistValidation';
    const before = fields.get(metadata.propertyName) ?? {};
    fields.set(metadata.propertyName, isCondition ? { ...before, isOptional: true } : before);
    isDto = true;
  }
  if (!isDto) return undefined;
  const fieldOfName = new Map<string, string>();
  for (const [name, { aliases = [] }] of fields) {
    for (const one of [name, ...aliases]) fieldOfName.set(one, name);
  }
  const refusesUnknown = lineage(dto).some((owner) => strict.has(owner));
  return { fields, fieldOfName, hasValidatorRules, isRight: quickJudgeOf(dto), refusesUnknown };
}

/** The class and those it extends, the oldest first. */
function lineage(dto: DtoClass): unknown[] {
  const classes: unknown[] = [];
  for (
    let one: unknown = dto;
    typeof one === 'function' && one !== Function.prototype;
    one = Object.getPrototypeOf(one)
  ) {
    classes.unshift(one);
  }
  return classes;
}
