import { randomUUID } from 'node:crypto';
import { EVENTS, type AgentEventType, type EventEntry } from '#event-catalogue';
import { isEchoed, isProbeType, newChallenge, PROBE_TYPES, probeBodyOf, type ProbeType } from '#kernel';
import { CliError, usageError } from './cli-error.js';
import { version } from './clone.js';
import { deliveryOf } from './connect-frame.js';
import { WebhookTarget, type Answer, type Posting } from './connect-webhook.js';
import { eventTypeOf } from './event-type.js';
import { EXIT } from './exit-codes.js';
import type { Session } from './session.js';
import { checkWebhookUrl } from './settings.js';
import { localSecret } from './webhook-secret.js';

export type TriggerOptions = { to?: string; secret?: string; timeout?: number };

/** How long the sample of an invocation may be worked on. */
const DEADLINE_MS = 60_000;
/** What a delivery waits for an answer, at most. */
const TIMEOUT_MS = { work: 5_000, info: 10_000 };
const ENDPOINT_ID = 5;

/** A posting, and how its answer has to be. */
type Sample = Posting & { timeoutMs: number; challenge?: string };

/** Posts what a webhook of that event gets: the catalogue's example, as if it happened now; or what its endpoint is tested and
 *  verified with. What a delivery would take for a failure is one here.
 *  @throws {CliError} usage, for an unknown event or address; unavailable, when the target does not take it */
export async function triggerEvent(session: Session, name: string, options: TriggerOptions): Promise<void> {
  const sample = isProbeType(name) ? probeOf(name, new Date()) : sampleOf(eventTypeOf(name, PROBE_TYPES), new Date());
  const url = options.to === undefined ? session.settings.webhookUrl?.value : checkWebhookUrl(options.to);
  if (url === undefined) throw usageError('Name the address to post to: --to http://127.0.0.1:9000/');
  const { secret, file, isNew } = localSecret(options.secret, session.file.path);
  if (isNew) session.out.note(`Signing with ${secret} (made now, kept in ${file ?? ''}).`);
  const timeoutMs = options.timeout ?? sample.timeoutMs;
  const target = new WebhookTarget({ url, secret, timeoutMs, userAgent: `c4c/${version()}` });

  const { id, type, body } = sample;
  const started = performance.now();
  const answer = checked(await target.post(sample, 1), sample);
  const ms = Math.round(performance.now() - started);
  if ('reason' in answer) {
    const message = `${target.name} did not take ${type}: ${answer.reason}.`;
    throw new CliError('TARGET_FAILED', message, EXIT.unavailable, { event: type, id, ms });
  }
  const { status } = answer;
  session.out.result({ event: type, id, to: target.name, status, ms, body }, () => [
    `Posted ${type} ${id} to ${target.name}: HTTP ${status} in ${ms} ms.`,
  ]);
}

function checked(answer: Answer, { challenge }: Sample): Answer {
  if ('reason' in answer || challenge === undefined || isEchoed(Buffer.from(answer.text), challenge)) return answer;
  return { reason: `HTTP ${answer.status}, but not with the challenge` };
}

function probeOf(type: ProbeType, now: Date): Sample {
  const id = `evt_${randomUUID()}`;
  const fields = type === 'endpoint.verify' ? { challenge: newChallenge() } : {};
  return { id, type, body: probeBodyOf(type, id, now, ENDPOINT_ID, fields), timeoutMs: TIMEOUT_MS.info, ...fields };
}

/** The envelope of the catalogue's example. */
function sampleOf(type: AgentEventType, now: Date): Sample {
  const { domain, event, class: eventClass, example }: EventEntry = EVENTS[type];
  const id = `evt_${randomUUID()}`;
  const deadlineAt = eventClass === 'work' ? new Date(now.getTime() + DEADLINE_MS).toISOString() : null;
  const delivery = deliveryOf(1, 1, {
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
  });
  return { ...delivery, timeoutMs: TIMEOUT_MS[eventClass] };
}
