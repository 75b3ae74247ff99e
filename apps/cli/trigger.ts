import { randomUUID } from 'node:crypto';
import { EVENTS, type AgentEventType, type EventEntry } from '#event-catalogue';
import { CliError, usageError } from './cli-error.js';
import { version } from './clone.js';
import { deliveryOf } from './connect-frame.js';
import { WebhookTarget } from './connect-webhook.js';
import { eventTypeOf } from './event-type.js';
import { EXIT } from './exit-codes.js';
import type { Session } from './session.js';
import { checkWebhookUrl } from './settings.js';
import { localSecret } from './webhook-secret.js';

export type TriggerOptions = { to?: string; secret?: string; timeout: number };

/** How long the sample of an invocation may be worked on. */
const DEADLINE_MS = 60_000;

/** Posts what a webhook of that event gets: the catalogue's example, as if it happened now.
 *  @throws {CliError} usage, for an unknown event or address; unavailable, when the target does not answer 2xx */
export async function triggerEvent(session: Session, name: string, options: TriggerOptions): Promise<void> {
  const type = eventTypeOf(name);
  const url = options.to === undefined ? session.settings.webhookUrl?.value : checkWebhookUrl(options.to);
  if (url === undefined) throw usageError('Name the address to post to: --to http://127.0.0.1:9000/');
  const { secret, file, isNew } = localSecret(options.secret, session.file.path);
  if (isNew) session.out.note(`Signing with ${secret} (made now, kept in ${file ?? ''}).`);
  const target = new WebhookTarget({ url, secret, timeoutMs: options.timeout, userAgent: `c4c/${version()}` });

  const delivery = deliveryOf(1, 1, sampleOf(type, new Date()));
  const started = performance.now();
  const outcome = await target.hand(delivery, 1);
  const ms = Math.round(performance.now() - started);
  if (outcome.kind === 'again') {
    const message = `${target.name} did not take ${type}: ${outcome.reason}.`;
    throw new CliError('TARGET_FAILED', message, EXIT.unavailable, { event: type, id: delivery.id, ms });
  }
  const { id, body } = delivery;
  const status = outcome.facts['status'];
  session.out.result({ event: type, id, to: target.name, status, ms, body }, () => [
    `Posted ${type} ${id} to ${target.name}: HTTP ${String(status)} in ${ms} ms.`,
  ]);
}

/** The envelope of the catalogue's example. */
function sampleOf(type: AgentEventType, now: Date): Readonly<Record<string, unknown>> {
  const { domain, event, class: eventClass, example }: EventEntry = EVENTS[type];
  const id = `evt_${randomUUID()}`;
  const deadlineAt = eventClass === 'work' ? new Date(now.getTime() + DEADLINE_MS).toISOString() : null;
  return {
    type: 'notification',
    domain,
    event,
    timestamp: now.toISOString(),
    messageId: id,
    data: { ...example, ...(deadlineAt === null ? {} : { deadlineAt }) },
    id,
    seq: 1,
    attempt: 1,
    eventType: type,
    class: eventClass,
    deadlineAt,
    traceparent: null,
  };
}
