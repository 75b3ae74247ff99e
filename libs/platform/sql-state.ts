/** The five-character SQLSTATE of a driver's error, if it has one. */
export function sqlState(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : undefined;
}

/** The transaction was rolled back for reasons that pass: serialization, deadlock, a server that is going down or read-only. */
export function isRetryable(error: unknown): boolean {
  return ['40001', '40P01', '25006'].includes(sqlState(error) ?? '');
}

/** The connection is gone, and with it the knowledge whether the last statement took effect. */
export function isConnectionLoss(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== undefined) return state.startsWith('08') || ['57P01', '57P02', '57P03'].includes(state);
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return (
    ['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND'].includes(code) ||
    // The last two are the driver's own: no connection came, or no answer, in the time that we give it.
    /connection (terminated|ended|error)|not queryable|client was closed|^timeout expired$|^query read timeout$/i.test(
      error.message,
    )
  );
}

export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  if (sqlState(error) !== '23505') return false;
  return (
    constraint === undefined ||
    (typeof error === 'object' && error !== null && 'constraint' in error && error.constraint === constraint)
  );
}
