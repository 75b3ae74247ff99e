export { Egress, type EgressRequest } from './egress.js';
export { type EgressResult, type EgressTimings } from './line.js';
