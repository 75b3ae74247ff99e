import type { IncomingHttpHeaders } from 'node:http';
import { httpProblems } from './http.problems.js';

const KEY_MAX = 255;
// Not control or format characters, not lone surrogates, not line separators.
const PRINTABLE = /^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]*$/u;

/** What is wrong with a key, if anything. */
export function idempotencyKeyError(key: unknown): string | undefined {
  if (typeof key !== 'string') return 'must be a text';
  const isFine = key !== '' && [...key].length <= KEY_MAX && PRINTABLE.test(key);
  return isFine ? undefined : `must have 1 to ${KEY_MAX} printable characters`;
}

/**
 * The key of a request that changes something: from the header `Idempotency-Key` or from the body. An empty one counts as
 * absent; both given must be equal.
 * @throws {Problem} VALIDATION_FAILED
 */
export function idempotencyKeyOf(
  headers: IncomingHttpHeaders,
  body?: { readonly idempotencyKey?: string | undefined },
): string | undefined {
  const header = headers['idempotency-key'];
  const fromHeader = header === '' ? undefined : header;
  const fromBody = body?.idempotencyKey === '' ? undefined : body?.idempotencyKey;
  if (fromHeader !== undefined) requireFine(fromHeader, 'Idempotency-Key');
  if (fromBody !== undefined) requireFine(fromBody, 'idempotencyKey');
  if (typeof fromHeader === 'string' && fromBody !== undefined && fromHeader !== fromBody) {
    throw refused('idempotencyKey', 'must equal the header Idempotency-Key, or only one of them be sent');
  }
  return typeof fromHeader === 'string' ? fromHeader : fromBody;
}

/** @throws {Problem} VALIDATION_FAILED also when no key is given */
export function requiredIdempotencyKeyOf(
  headers: IncomingHttpHeaders,
  body?: { readonly idempotencyKey?: string | undefined },
): string {
  const key = idempotencyKeyOf(headers, body);
  if (key === undefined) throw refused('idempotencyKey', 'is required, here or as the header Idempotency-Key');
  return key;
}

function requireFine(key: unknown, field: string): void {
  const message = idempotencyKeyError(key);
  if (message !== undefined) throw refused(field, message);
}

function refused(field: string, message: string): Error {
  return httpProblems.VALIDATION_FAILED(`${field} ${message}`, { errors: [{ field, message, code: 'invalid' }] });
}
