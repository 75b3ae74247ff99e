import { getMetadataStorage, type ValidationArguments } from 'class-validator';

/** True when class-validator finds nothing wrong with the DTO. */
export type QuickJudge = (dto: object) => boolean;

type Rule = {
  isAsked: ((dto: object, value: unknown) => boolean) | undefined;
  isEach: boolean;
  passes: (value: unknown, args: ValidationArguments) => unknown;
  constraints: unknown[];
};
type Property = { name: string; conditions: ((dto: object, value: unknown) => boolean)[]; rules: Rule[] };

const CONDITION = 'conditionalValidation';
const RULE = 'customValidation';

/**
 * Asks class-validator's own rules of a class, looked up once, whether there is anything to complain of. Its validator looks through
 * all classes and prepares an error for each field of every object: for most requests, whose fields are fine, that was an eighth of
 * all that they allocate. Its errors are still its own: where this says no, it is asked.
 *
 * @returns undefined for a class with rules of another kind (nested, promised, asynchronous, in groups)
 */
export function quickJudgeOf(dtoClass: abstract new (...args: never[]) => object): QuickJudge | undefined {
  const storage = getMetadataStorage();
  const properties = new Map<string, Property>();
  for (const metadata of storage.getTargetValidationMetadatas(dtoClass, '', true, false)) {
    const name = metadata.propertyName;
    const property = properties.get(name) ?? { name, conditions: [], rules: [] };
    properties.set(name, property);
    if ((metadata.groups ?? []).length > 0) return undefined;
    if (metadata.type === CONDITION) {
      property.conditions.push(metadata.constraints[0] as Property['conditions'][number]);
      continue;
    }
    if (metadata.type !== RULE) return undefined;
    for (const { async, instance } of storage.getTargetValidatorConstraints(metadata.constraintCls)) {
      if (async) return undefined;
      property.rules.push({
        isAsked: metadata.validateIf,
        isEach: metadata.each,
        passes: (value, args) => instance.validate(value, args),
        constraints: metadata.constraints,
      });
    }
  }
  const all = [...properties.values()];
  return (dto) => all.every((property) => isRight(dto, property));
}

function isRight(dto: object, { name, conditions, rules }: Property): boolean {
  const value: unknown = Reflect.get(dto, name);
  if (!conditions.every((condition) => condition(dto, value))) return true;
  return rules.every(({ isAsked, isEach, passes, constraints }) => {
    if (isAsked?.(dto, value) === false) return true;
    const args = { targetName: dto.constructor.name, property: name, object: dto, value, constraints };
    // What it makes of other collections is its own affair: it is asked itself.
    if (isEach && (value instanceof Set || value instanceof Map)) return false;
    if (isEach && Array.isArray(value)) return value.every((one) => passes(one, args) === true);
    return passes(value, args) === true;
  });
}
