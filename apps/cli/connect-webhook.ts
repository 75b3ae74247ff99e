import { Webhook } from 'standardwebhooks';
import { retryAfterMs } from './api-client.js';
import type { Delivery } from './connect-frame.js';
import type { Outcome, Target } from './connect-target.js';

export type WebhookOptions = { url: string; secret: string; timeoutMs: number; userAgent: string };

/** A program on this machine that is posted to, with the headers that a direct webhook has. */
export class WebhookTarget implements Target {
  readonly name: string;

  constructor(private readonly options: WebhookOptions) {
    const { origin, pathname } = new URL(options.url);
    // A query may carry a secret.
    this.name = `${origin}${pathname}`;
  }

  async hand({ id, type, deadlineAt, body }: Delivery, attempt: number): Promise<Outcome> {
    const { url, timeoutMs } = this.options;
    const text = JSON.stringify(body);
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': this.options.userAgent,
          ...signatureHeaders(this.options.secret, id, text),
          'x-c4c-event': type,
          'x-c4c-attempt': String(attempt),
          ...(deadlineAt === undefined ? {} : { 'x-c4c-deadline': new Date(deadlineAt).toISOString() }),
        },
        body: text,
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs),
      });
      // The answer's body says nothing to us; not reading it to its end would keep its connection.
      await response.body?.cancel();
      const { status } = response;
      if (status >= 200 && status < 300) return { kind: 'taken', facts: { status } };
      const after = retryAfterMs(response.headers);
      return { kind: 'again', reason: `HTTP ${status}`, ...(after === undefined ? {} : { retryAfterMs: after }) };
    } catch (error) {
      return { kind: 'again', reason: reasonOf(error, timeoutMs) };
    }
  }

  end(): void {
    // A request that is on its way is the target's already.
  }
}

/** Standard Webhooks: what is signed are these very bytes. */
export function signatureHeaders(secret: string, id: string, body: string, now = new Date()): Record<string, string> {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
    'webhook-signature': new Webhook(secret).sign(id, now, body),
  };
}

export function reasonOf(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer in ${timeoutMs / 1_000} s`;
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return code !== '' ? code : cause instanceof Error ? cause.message : String(cause);
}
