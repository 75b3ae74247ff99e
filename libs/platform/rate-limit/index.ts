export { rateLimitProblems } from './rate-limit.problems.js';
export { RateExchange } from './rate-exchange.js';
export { EXCHANGE_EVERY_MS, RateLimits, type RateFields, type RateNote } from './rate-limits.js';
