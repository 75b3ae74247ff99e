import type { JsonObject } from '#kernel';
import { dtoOf } from '#platform';
import type { Result } from './close.usecase.js';
import { SubmitBody } from './invocations.dto.js';

/** What a provider submits over another channel than HTTP: the same fields, judged alike.
 *  @throws {Problem} VALIDATION_FAILED */
export function readSubmission(fields: JsonObject): Result {
  return resultOf(dtoOf(SubmitBody, fields));
}

/** The DTO has made sure that a failure has its reason. */
export function resultOf({ status, output, attachments, error = '' }: SubmitBody): Result {
  return status === 'completed' ? { status, output, attachments } : { status, output, attachments, error };
}
