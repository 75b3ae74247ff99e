/**
 * The close codes this server sends. 4000 to 4499: come back; 4500 and above: coming back will not help. The plain protocol ends
 * with codes of RFC 6455, but for a key's end and a drain that was asked for.
 */
export const CLOSE = {
  normal: 1000,
  goingAway: 1001,
  unsupportedData: 1003,
  policy: 1008,
  serverError: 1011,
  drained: 4001,
  slow: 4002,
  noPong: 4003,
  failed: 4004,
  resync: 4005,
  tooFast: 4006,
  badFrame: 4501,
  version: 4502,
  keyRevoked: 4503,
} as const;
