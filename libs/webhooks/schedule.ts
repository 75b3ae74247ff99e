import type { EventClass } from '#events';

/** What a try came to, as far as the next one depends on it. */
export type TryOutcome = {
  class: EventClass;
  /** Which try it was, from 1. */
  attempt: number;
  /** Until the work's deadline; null for what only tells. */
  leftMs: number | null;
  /** How long this endpoint takes to answer. */
  usualMs: number;
  /** What the receiver asked for. */
  retryAfterMs: number | undefined;
  /** The receiver is gone for good (410), or the endpoint was switched off. */
  isFinal: boolean;
};

export type NextTry = { status: 'pending'; inMs: number } | { status: 'failed' } | { status: 'expired' };

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** From one try of work to the next; doubled after the last. */
const WORK_WAITS_MS = [0.25, 0.5, 1, 2, 4].map((s) => s * SECOND);
const WORK_WAIT_MAX_MS = 5 * MINUTE;
/** The example of the Standard Webhooks specification: ten tries over three days. */
const INFO_WAITS_MS = [5 * SECOND, 5 * MINUTE, ...[0.5, 2, 5, 10, 14, 20, 24].map((h) => h * HOUR)];
const JITTER = 0.2;
const RETRY_AFTER_MAX_MS = 24 * HOUR;

/** What one try may take. */
export const TRY_MAX_MS = { work: 5 * SECOND, info: 10 * SECOND } as const;
/** A claim outlives its try by so much; then another worker takes the delivery. */
export const LEASE_AFTER_TRY_MS = 3 * SECOND;

/** When what did not arrive is tried again, if it is. */
export function nextTry(outcome: TryOutcome, random: () => number = Math.random): NextTry {
  if (outcome.isFinal) return { status: 'failed' };
  const waitMs = waitAfter(outcome);
  if (waitMs === undefined) return { status: 'failed' };
  const askedMs = Math.min(outcome.retryAfterMs ?? 0, RETRY_AFTER_MAX_MS);
  // Nobody comes back sooner than was asked for.
  const inMs = Math.max(Math.round(waitMs * (1 - JITTER + 2 * JITTER * random())), askedMs);
  if (outcome.leftMs !== null && inMs + outcome.usualMs >= outcome.leftMs) return { status: 'expired' };
  return { status: 'pending', inMs };
}

/** How long one try may take: work stops at half of what is left, so that another try fits. */
export function tryTimeoutMs(eventClass: EventClass, leftMs: number | null): number {
  if (eventClass === 'info' || leftMs === null) return TRY_MAX_MS.info;
  return Math.max(1, Math.min(TRY_MAX_MS.work, Math.floor(leftMs / 2)));
}

/** The time that a Retry-After header asks for, in seconds or as a date; undefined when it says neither. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d+$/.test(header)) return Math.min(Number(header) * SECOND, Number.MAX_SAFE_INTEGER);
  const at = /^[A-Z][a-z]{2}, /.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

function waitAfter({ class: eventClass, attempt }: TryOutcome): number | undefined {
  if (eventClass === 'info') return INFO_WAITS_MS[attempt - 1];
  const last = WORK_WAITS_MS.length - 1;
  const doubled = (WORK_WAITS_MS[last] ?? 0) * 2 ** Math.min(Math.max(0, attempt - 1 - last), 20);
  return Math.min(WORK_WAITS_MS[attempt - 1] ?? doubled, WORK_WAIT_MAX_MS);
}
