/** The close codes this server sends. 4000 to 4499: come back; 4500 and above: coming back will not help. */
export const CLOSE = {
  goingAway: 1001,
  unsupportedData: 1003,
  policy: 1008,
  serverError: 1011,
  drained: 4001,
  keyRevoked: 4503,
} as const;
