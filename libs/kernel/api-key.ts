/** What a key opens: an agent's own doors, its owner's, or an administrator's. A session is an owner's key for a while. */
export type KeyKind = 'agent' | 'owner' | 'admin' | 'session';

const KINDS: readonly string[] = ['agent', 'owner', 'admin', 'session'] satisfies KeyKind[];
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SECRET_LENGTH = 43;
const CHECKSUM_LENGTH = 6;
const SHAPE = /^c4c_([a-z]+)_([0-9A-Za-z]{43})_([0-9A-Za-z]{6})$/;

/**
 * Writes a key: `c4c_<kind>_<secret>_<checksum>`. The secret is 43 characters of base 62 (256 bits); the checksum is the
 * CRC-32 of everything before it, so that a typo is refused before any look-up and scanners can recognise a key.
 * @param secret from `secretFrom`
 */
export function formatApiKey(kind: KeyKind, secret: string): string {
  const body = `c4c_${kind}_${secret}`;
  return `${body}_${checksum(body)}`;
}

/** The kind of a well-formed key, or undefined for anything else. */
export function apiKeyKind(text: string): KeyKind | undefined {
  const match = SHAPE.exec(text);
  const kind = match?.[1];
  if (match === null || kind === undefined || !isKind(kind)) return undefined;
  return checksum(text.slice(0, -CHECKSUM_LENGTH - 1)) === match[3] ? kind : undefined;
}

/** 43 characters of base 62 from a source of random bytes; bytes of 248 and more are skipped, so that no character is likelier. */
export function secretFrom(randomBytes: (size: number) => Uint8Array): string {
  let secret = '';
  while (secret.length < SECRET_LENGTH) {
    for (const byte of randomBytes(SECRET_LENGTH)) {
      if (byte < 248 && secret.length < SECRET_LENGTH) secret += ALPHABET.charAt(byte % 62);
    }
  }
  return secret;
}

function checksum(text: string): string {
  let value = crc32(text);
  let digits = '';
  for (let place = 0; place < CHECKSUM_LENGTH; place += 1) {
    digits = ALPHABET.charAt(value % 62) + digits;
    value = Math.floor(value / 62);
  }
  return digits;
}

// CRC-32 as in ISO 3309, reflected, polynomial 0xEDB88320. Keys are ASCII.
function crc32(text: string): number {
  let crc = 0xffffffff;
  for (let index = 0; index < text.length; index += 1) {
    crc ^= text.charCodeAt(index);
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function isKind(text: string): text is KeyKind {
  return KINDS.includes(text);
}
