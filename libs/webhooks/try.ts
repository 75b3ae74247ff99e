import type { EgressResult } from '#platform';
import type { DueDelivery, TriedDelivery } from './delivery.js';
import type { Came } from './judge.js';
import { nextTry, retryAfterMs } from './schedule.js';
import type { SignatureHeaders } from './signing.js';

/** One request to be made. */
export type Try = { due: DueDelivery; claimId: string; body: Buffer; signature: SignatureHeaders };

/** What it came to, and what follows from that. */
export type Outcome = TriedDelivery & { due: DueDelivery; isDelivered: boolean; isGone: boolean };

const RESPONSE_KEPT_MAX = 4_096;
const DETAIL_MAX = 500;

export function headersOf({ due, signature }: Try): Record<string, string> {
  return {
    'content-type': 'application/json',
    'user-agent': 'c4c-webhooks/1',
    ...signature,
    'x-c4c-event': due.type,
    'x-c4c-attempt': String(due.attempt + 1),
    ...(due.expiresAt === null ? {} : { 'x-c4c-deadline': due.expiresAt.toISOString() }),
  };
}

export function isDelivered(result: EgressResult): boolean {
  return result.kind === 'answered' && result.status >= 200 && result.status < 300;
}

/** What a try says of its endpoint and of the host that others have endpoints at too. */
export function cameOf(result: EgressResult): Came {
  if (isDelivered(result)) return 'delivered';
  if (result.kind === 'answered') return 'failed';
  const { reason, timings } = result;
  // A name was found, and then there was no connection in time. One that was kept from an earlier request has neither phase.
  const hasNoConnection = reason === 'timeout' && timings.dnsMs !== null && timings.connectMs === null;
  return hasNoConnection || reason === 'dns' || reason === 'connect' || reason === 'tls' ? 'unreached' : 'failed';
}

export function outcomeOf({ due, claimId, body }: Try, result: EgressResult, tookMs: number, usualMs: number): Outcome {
  const arrived = isDelivered(result);
  const isGone = result.kind === 'answered' && result.status === 410;
  const header = result.kind === 'answered' ? result.headers['retry-after'] : undefined;
  const next = arrived
    ? ({ status: 'delivered' } as const)
    : nextTry({
        class: due.class,
        attempt: due.attempt + 1,
        leftMs: due.leftMs === null ? null : due.leftMs - tookMs,
        usualMs,
        retryAfterMs: retryAfterMs(header, Date.now()),
        isFinal: isGone,
      });
  return {
    due,
    id: due.id,
    claimId,
    agoMs: tookMs,
    statusCode: result.kind === 'answered' ? result.status : null,
    reason: result.kind === 'failed' ? result.reason : null,
    detail: result.kind === 'failed' ? result.detail.slice(0, DETAIL_MAX) : null,
    timings: result.timings,
    response: result.kind === 'answered' ? textOf(result.body) : null,
    next,
    body: next.status === 'pending' && due.body === null ? body : null,
    isDelivered: arrived,
    isGone,
  };
}

/** The beginning of an answer as text that a database takes. */
function textOf(body: Buffer): string {
  return body.subarray(0, RESPONSE_KEPT_MAX).toString().replaceAll('\0', '�');
}
