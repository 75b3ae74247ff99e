export { waitOutside } from './admission.js';
export { AnswerCache } from './answer-cache.js';
export { JSON_TYPE, problemBody, RawAnswer, type FinishedAnswer } from './envelope.js';
export { dtoOf, IdParam, NoFields, notFound, requireSomeField, validationFailed } from './dto.pipe.js';
export {
  Alias,
  IsCategory,
  IsEmail,
  IsFlag,
  IsId,
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
  Nested,
  Optional,
  OptionalCount,
  OptionalShells,
  Page,
} from './fields.js';
export { escapeHtml, htmlAnswer } from './page.js';
export { TakesForms } from './form-body.js';
export { RefusesUnknown } from './field-rules.js';
export { brokenRequestHandler } from './broken-request.js';
export { DocsModule } from './docs.controller.js';
export { isConnected } from './connected.js';
export { HEALTH_CHECKS, HealthController, type HealthCheck } from './health.controller.js';
export { BODY_LIMIT_BYTES, createHttpApp, type HttpAppOptions } from './http-app.js';
export { httpProblems } from './http.problems.js';
export { idempotencyKeyOf, requiredIdempotencyKeyOf } from './idempotency-key.js';
export { rateHeaders } from './rate-fields.js';
export { preferredWaitS, WAIT_MAX_S } from './prefer.js';
export { problemOf } from './problem-of.js';
