import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';

const current = new AsyncLocalStorage<string>();

/** Runs `work` so that everything it logs carries this trace id. */
export function withTrace<T>(traceId: string, work: () => T): T {
  return current.run(traceId, work);
}

/** The trace id of the request or job that is being worked on, if any. */
export function currentTraceId(): string | undefined {
  return current.getStore();
}

/** 32 hexadecimal digits. A UUID is made from pre-drawn random bytes, which is several times faster than 16 fresh ones. */
export function newTraceId(): string {
  return randomUUID().replaceAll('-', '');
}

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:$|-)/;

/** The trace id of a W3C `traceparent` header, or undefined when the header is absent or not well-formed. */
export function traceIdFrom(traceparent: string | string[] | undefined): string | undefined {
  if (typeof traceparent !== 'string') return undefined;
  const match = TRACEPARENT.exec(traceparent);
  // Version 00 has exactly four parts; only later versions may append more.
  if (match === null || (traceparent.startsWith('00') && traceparent.length !== 55)) return undefined;
  return match[1];
}
