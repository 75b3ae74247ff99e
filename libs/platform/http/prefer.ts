import type { IncomingHttpHeaders } from 'node:http';

export const WAIT_MAX_S = 60;

/**
 * The seconds of `Prefer: wait=N` (RFC 7240), at most 60; 0 when absent. A preference that cannot be understood is
 * ignored, as that RFC asks.
 */
export function preferredWaitS(headers: IncomingHttpHeaders): number {
  const prefer = headers['prefer'];
  if (prefer === undefined) return 0;
  const text = typeof prefer === 'string' ? prefer : prefer.join(',');
  const match = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,6})"?\s*(?=$|[,;])/i.exec(text);
  return match === null ? 0 : Math.min(Number(match[1]), WAIT_MAX_S);
}
