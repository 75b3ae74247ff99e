import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';
import { Problem, type FieldError, type JsonObject } from '#kernel';
import { bind } from './bind.js';
import { compiledDto, declareDto, type DtoClass } from './field-rules.js';
import { httpProblems } from './http.problems.js';
import { fieldsDetail } from './problem-of.js';

const ID = /^[1-9]\d{0,15}$/;

/** Makes DTOs of bodies and queries; leaves every other argument of a handler as it is. */
export class DtoPipe implements PipeTransform {
  transform(value: unknown, { type, metatype }: ArgumentMetadata): unknown {
    if ((type !== 'body' && type !== 'query') || metatype === undefined) return value;
    const dtoClass = metatype as DtoClass;
    const compiled = compiledDto(dtoClass);
    if (compiled === undefined) return value;
    const bound = bind(dtoClass, compiled, value ?? {}, type);
    if ('errors' in bound) throw validationFailed(bound.errors);
    return bound.dto;
  }
}

/** The DTO of fields that came another way than as a request's body, judged alike. @throws {Problem} VALIDATION_FAILED */
export function dtoOf<T extends object>(dtoClass: new () => T, fields: JsonObject): T {
  const dto = new DtoPipe().transform(fields, { type: 'body', metatype: dtoClass });
  if (!(dto instanceof dtoClass)) throw new Error(`${dtoClass.name} is no DTO`);
  return dto;
}

/** The id in a path, as a bigint. What cannot be an id is answered like an id that nothing has. */
export class IdParam implements PipeTransform<unknown, bigint> {
  transform(value: unknown): bigint {
    if (typeof value !== 'string' || !ID.test(value) || Number(value) > Number.MAX_SAFE_INTEGER) {
      throw notFound();
    }
    return BigInt(value);
  }
}

/** The body of a POST that takes no fields: sending one is refused. */
export class NoFields {}
declareDto(NoFields);

export function validationFailed(errors: readonly FieldError[]): Problem {
  return httpProblems.VALIDATION_FAILED(fieldsDetail(errors.length), { errors: [...errors] });
}

/** One answer for what does not exist, what is not the caller's, and what cannot exist. */
export function notFound(): Problem {
  return httpProblems.NOT_FOUND('There is nothing with this id that you can see');
}

/** Refuses an update that changes nothing. @throws {Problem} VALIDATION_FAILED */
export function requireSomeField(dto: object): void {
  const values: [string, unknown][] = Object.entries(dto);
  if (values.some(([, value]) => value !== undefined)) return;
  const names = [...(compiledDto(dto.constructor as DtoClass)?.fields.keys() ?? [])];
  throw validationFailed([{ field: '', message: `must have at least one of ${names.join(', ')}`, code: 'required' }]);
}
