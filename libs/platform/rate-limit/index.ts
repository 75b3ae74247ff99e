export { isNetwork, type TrustProxy } from './client-address.js';
export { RateExchange } from './rate-exchange.js';
export { EXCHANGE_EVERY_MS, RateLimits, type Guess, type RateFields, type RateNote } from './rate-limits.js';
