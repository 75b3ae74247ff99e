import { Webhook } from 'standardwebhooks';
import { Agent, request } from 'undici';
import { retryAfterMs } from './api-client.js';
import type { Delivery } from './connect-frame.js';
import type { Outcome, Target } from './connect-target.js';

export type WebhookOptions = { url: string; secret: string; timeoutMs: number; userAgent: string };

/** What is posted. */
export type Posting = Pick<Delivery, 'id' | 'type' | 'deadlineAt' | 'body'>;

/** What came of it; a reason when the market would take it for a failure. */
export type Answer = { status: number; text: string } | { reason: string; retryAfterMs?: number };

// As the market's own webhooks: a program that is taken here is taken there. Limits of time are ours alone.
const ANSWER_MAX_BYTES = 64 * 1024;
const OUT = new Agent({ maxResponseSize: ANSWER_MAX_BYTES, headersTimeout: 0, bodyTimeout: 0 });

/** A program on this machine that is posted to, with the headers that a direct webhook has. */
export class WebhookTarget implements Target {
  readonly name: string;

  constructor(private readonly options: WebhookOptions) {
    const { origin, pathname } = new URL(options.url);
    // A query may carry a secret.
    this.name = `${origin}${pathname}`;
  }

  async hand(delivery: Delivery, attempt: number): Promise<Outcome> {
    const answer = await this.post(delivery, attempt);
    if ('reason' in answer) return { kind: 'again', ...answer };
    return { kind: 'taken', facts: { status: answer.status } };
  }

  /** One request, as the market makes it. Never throws for what the other side does. */
  async post({ id, type, deadlineAt, body }: Posting, attempt: number): Promise<Answer> {
    const { url, secret, timeoutMs, userAgent } = this.options;
    const sent = JSON.stringify(body);
    try {
      // Not `fetch`: it refuses ports that browsers must not use, such as 6000 and 6667. Redirects are not followed.
      const response = await request(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': userAgent,
          'accept-encoding': 'identity',
          ...signatureHeaders(secret, id, sent),
          'x-c4c-event': type,
          'x-c4c-attempt': String(attempt),
          ...(deadlineAt === undefined ? {} : { 'x-c4c-deadline': new Date(deadlineAt).toISOString() }),
        },
        body: sent,
        signal: AbortSignal.timeout(timeoutMs),
        dispatcher: OUT,
      });
      const text = await response.body.text();
      const { statusCode: status, headers } = response;
      if (status >= 200 && status < 300) return { status, text };
      const after = retryAfterMs(new Headers({ 'retry-after': String(headers['retry-after'] ?? '') }));
      return { reason: `HTTP ${status}`, ...(after === undefined ? {} : { retryAfterMs: after }) };
    } catch (error) {
      return { reason: reasonOf(error, timeoutMs) };
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

function reasonOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no complete answer in ${timeoutMs / 1_000} s`;
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return `its answer is longer than ${ANSWER_MAX_BYTES / 1_024} KiB`;
  return code !== '' ? code : error.message;
}
