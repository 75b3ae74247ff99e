export { waitOutside } from './admission.js';
export { AnswerCache } from './answer-cache.js';
export { JSON_TYPE, problemBody, RawAnswer, type FinishedAnswer } from './envelope.js';
export { dtoOf, IdParam, NoFields, notFound, requireSomeField, validationFailed } from './dto.pipe.js';
export {
  Alias,
  IsCategory,
  IsFlag,
  IsId,
  IsIdOrDigits,
  IsIdOrText,
  IsIdempotencyKey,
  IsInstant,
  IsInteger,
  IsJson,
  IsJsonObject,
  IsListOf,
  IsNumeric,
  IsOneOf,
  IsShells,
  IsText,
  IsTextList,
  KeepEmpty,
  KeepNull,
  Limit,
  Optional,
  OptionalCount,
  OptionalShells,
  Page,
} from './fields.js';
export { RefusesUnknown } from './field-rules.js';
export { brokenRequestHandler } from './broken-request.js';
export { DocsModule } from './docs.controller.js';
export { isConnected } from './connected.js';
export { HEALTH_CHECKS, HealthController, type HealthCheck } from './health.controller.js';
export { BODY_LIMIT_BYTES, createHttpApp, type HttpAppOptions } from './http-app.js';
export { TakesForm } from './form-body.js';
export { httpProblems } from './http.problems.js';
export { idempotencyKeyOf, requiredIdempotencyKeyOf } from './idempotency-key.js';
export { rateHeaders } from './rate-fields.js';
export { IsEmail, IsWebAddress, Nested, NestedList } from './part-fields.js';
export { escapeHtml, htmlAnswer, lonePage } from './page.js';
export { preferredWaitS, WAIT_MAX_S } from './prefer.js';
export { problemOf } from './problem-of.js';
