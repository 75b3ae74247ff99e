import { hash } from 'node:crypto';
import type { Json } from './json.js';

/**
 * One text for all JSON texts that mean the same value: keys sorted by UTF-16 code unit, no blanks, absent (undefined)
 * members left out. Two objects are equal exactly if their canonical texts are.
 */
export function canonicalJson(value: Json | undefined): string {
  if (value === undefined) return '';
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(',')}]`;
  const members: string[] = [];
  for (const key of Object.keys(value).sort()) {
    const member = value[key];
    if (member !== undefined) members.push(`${JSON.stringify(key)}:${canonicalJson(member)}`);
  }
  return `{${members.join(',')}}`;
}

/**
 * SHA-256 over parts of which each is preceded by its length, so that ("ab", "c") and ("a", "bc") differ. An absent
 * part differs from an empty text.
 */
export function fingerprint(parts: readonly (string | bigint | undefined)[]): Buffer {
  let text = '';
  for (const part of parts) {
    const given = part === undefined ? undefined : String(part);
    text += given === undefined ? '-;' : `${Buffer.byteLength(given)}:${given}`;
  }
  // At once: an object of the hash would be one more that the collector asks about each time.
  return hash('sha256', text, 'buffer');
}
