import type { Answer } from './http-connection.js';

export type Judged = { kind: 'served' } | { kind: 'refused' } | { kind: 'failure'; text: string };

/** What an answer counts as. A server with too much to do may say 429 or 503, and must say when to come back. */
export function judge({ status, head, body }: Answer, mayRefuse: boolean): Judged {
  if (status === 200) return { kind: 'served' };
  if (mayRefuse && (status === 429 || status === 503)) {
    if (/^retry-after: *\d+ *$/im.test(head)) return { kind: 'refused' };
    return { kind: 'failure', text: `${String(status)} without Retry-After: ${body.slice(0, 300)}` };
  }
  return { kind: 'failure', text: `${String(status)} ${body.slice(0, 300)}` };
}
