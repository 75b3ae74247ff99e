export { apiKeyKind, formatApiKey, secretFrom, type KeyKind } from './api-key.js';
export { assertNever } from './assert-never.js';
export { backoffMs, type Backoff } from './backoff.js';
export { canonicalJson, fingerprint } from './canonical-json.js';
export { CATEGORIES, isCategory, type Category } from './categories.js';
export { CONSUMER_NAME_RULE, isConsumerName } from './consumer-name.js';
export { isEchoed, newChallenge } from './challenge.js';
export { isJsonObject, type Json, type JsonObject } from './json.js';
export { JSON_DEPTH_MAX, MalformedJson, parseGuarded, UnsafeJson } from './json-guard.js';
export {
  defineProblems,
  Problem,
  problemKinds,
  problemSlug,
  type FieldError,
  type ProblemExtra,
  type ProblemFactory,
  type ProblemKind,
  type Retry,
} from './problem.js';
export { Recent } from './recent.js';
export { formatShells, InvalidShells, parseShells, SHELLS_MAX, shellsInWords } from './shells.js';
export { isProbeType, PROBE_TYPES, probeBodyOf, webhookBodyOf, type ProbeType } from './webhook-body.js';
