import { createHmac, randomBytes } from 'node:crypto';
import { formatApiKey, secretFrom, type KeyKind } from '#kernel';

/** A new key: its text, shown once, and what is stored of it. */
export type FreshKey = { text: string; hash: Buffer; hint: string };

const HINT_LENGTH = 4;

export function freshKey(kind: KeyKind, secret: string): FreshKey {
  const text = formatApiKey(kind, secretFrom(randomBytes));
  return { text, hash: hashKey(text, secret), hint: hintOf(text) };
}

/** HMAC-SHA-256 under the installation's secret: a stolen table opens nothing. */
export function hashKey(text: string, secret: string): Buffer {
  return createHmac('sha256', secret).update(text).digest();
}

/** How people tell their keys apart without seeing them: the kind and the first characters of the secret. */
export function hintOf(text: string): string {
  const prefix = /^c4c_[a-z]+_/.exec(text)?.[0] ?? '';
  return `${prefix}${text.slice(prefix.length, prefix.length + HINT_LENGTH)}…`;
}
