import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';

/** What every webhook carries, as Standard Webhooks names it. */
export type SignatureHeaders = {
  'webhook-id': string;
  'webhook-timestamp': string;
  'webhook-signature': string;
};

const SECRET_BYTES = 32;

/** A new secret as its owner gets it: `whsec_` and base64. */
export function newSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
}

/**
 * Signs exactly these bytes (UTF-8 text), once with each secret, so that a receiver verifies with any of them.
 * @param id the event's id, the same at every try
 * @param at the time of this try
 */
export function sign(secrets: readonly string[], id: string, at: Date, bytes: Buffer): SignatureHeaders {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, at, bytes)).join(' '),
  };
}
