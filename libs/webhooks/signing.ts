import { createHmac, randomBytes } from 'node:crypto';

/** What every webhook carries, as Standard Webhooks names it. */
export type SignatureHeaders = {
  'webhook-id': string;
  'webhook-timestamp': string;
  'webhook-signature': string;
};

const SECRET_PREFIX = 'whsec_';
const SECRET_BYTES = 32;

/** A new secret as its owner gets it: `whsec_` and base64. */
export function newSecret(): string {
  return `${SECRET_PREFIX}${randomBytes(SECRET_BYTES).toString('base64')}`;
}

/**
 * Signs exactly these bytes (UTF-8 text), once with each secret, so that a receiver verifies with any of them.
 * @param id the event's id, the same at every try
 * @param at the time of this try
 */
export function sign(secrets: readonly string[], id: string, at: Date, bytes: Buffer): SignatureHeaders {
  const timestamp = String(Math.floor(at.getTime() / 1_000));
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.`).update(bytes).digest('base64')}`;
  });
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}
