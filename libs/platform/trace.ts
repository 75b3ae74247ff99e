import { AsyncLocalStorage } from 'node:async_hooks';
import { randomFillSync } from 'node:crypto';

const current = new AsyncLocalStorage<string>();

/** Runs `work` so that everything it logs carries this trace id. */
export function withTrace<T>(traceId: string, work: () => T): T {
  return current.run(traceId, work);
}

/** The trace id of the request or job that is being worked on, if any. */
export function currentTraceId(): string | undefined {
  return current.getStore();
}

const TRACE_ID_BYTES = 16;
const drawn = Buffer.alloc(256 * TRACE_ID_BYTES);
let used = drawn.length;

/** 32 hexadecimal digits. Random bytes are drawn for many at once, which is several times faster than 16 fresh ones. */
export function newTraceId(): string {
  if (used === drawn.length) {
    randomFillSync(drawn);
    used = 0;
  }
  used += TRACE_ID_BYTES;
  return drawn.toString('hex', used - TRACE_ID_BYTES, used);
}

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:$|-)/;
const TRACEPARENT_LENGTH = 55;

/**
 * A W3C `traceparent` header as it is passed on: 55 characters of version 00. Of a later version only what version 00 knows is kept,
 * as the standard asks. Undefined when the header is absent or not well-formed: then it counts as absent.
 */
export function traceparentFrom(header: string | string[] | undefined): string | undefined {
  if (typeof header !== 'string') return undefined;
  const match = TRACEPARENT.exec(header);
  if (match === null) return undefined;
  // Version 00 has exactly four parts; only later versions may append more.
  if (header.startsWith('00')) return header.length === TRACEPARENT_LENGTH ? header : undefined;
  const [, traceId, parentId, flags = ''] = match;
  const isSampled = (Number.parseInt(flags, 16) & 1) === 1;
  return `00-${traceId}-${parentId}-${isSampled ? '01' : '00'}`;
}

/** The trace id of a W3C `traceparent` header, or undefined when the header is absent or not well-formed. */
export function traceIdFrom(header: string | string[] | undefined): string | undefined {
  return traceparentFrom(header)?.slice(3, 35);
}
