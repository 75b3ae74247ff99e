import { setMaxListeners } from 'node:events';
import { ApiError } from './cli-error.js';
import type { Delivery } from './connect-frame.js';
import type { Log } from './connect-log.js';
import { Slots } from './slots.js';

export type ForwarderOptions = {
  webhookUrl: string;
  userAgent: string;
  acknowledge: (invocationId: number) => Promise<unknown>;
  log: Log;
};

type Progress = { isForwarded: boolean; isAcked: boolean };
type Attempt = { status: number } | { reason: string };

const CONCURRENCY = 8;
const TIMEOUT_MS = 10_000;
const RETRY_BASE_MS = 200;
const RETRY_MAX_MS = 5_000;
/** How many deliveries are remembered, and how many may wait at once. */
const MEMORY_MAX = 10_000;
const WAITING_MAX = 10_000;
const DRAIN_MS = 10_000;

/** Hands deliveries to the local webhook, each until it answered 2xx or its time is over, and acknowledges work. */
export class Forwarder {
  /** In order of arrival, so that the oldest is forgotten first. */
  private readonly known = new Map<string, Progress>();
  private readonly running = new Set<Promise<void>>();
  private readonly slots = new Slots(CONCURRENCY);
  private readonly stopping = new AbortController();

  constructor(private readonly options: ForwarderOptions) {
    // One listener for each delivery that waits: many of them are no leak.
    setMaxListeners(0, this.stopping.signal);
  }

  accept(delivery: Delivery): void {
    if (this.stopping.signal.aborted) return;
    const facts = factsOf(delivery);
    const before = delivery.names.map((name) => this.known.get(name)).find((progress) => progress !== undefined);
    if (before !== undefined) {
      this.options.log('event.duplicate', facts);
      // Announced again although the webhook has it: the acknowledgement did not arrive.
      if (before.isForwarded && !before.isAcked && delivery.isWork) this.run(this.acknowledge(delivery, before));
      return;
    }
    if (this.running.size >= WAITING_MAX) {
      this.options.log('forward.dropped', facts);
      return;
    }
    const progress = { isForwarded: false, isAcked: false };
    this.remember(delivery, progress);
    this.run(this.forward(delivery, progress));
  }

  /** Takes nothing more, lets what is on its way arrive (at most 10 s), leaves what was waiting for another try. */
  async drain(): Promise<void> {
    this.stopping.abort();
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<void>((resolve) => (timer = setTimeout(resolve, DRAIN_MS)));
    await Promise.race([Promise.all(this.running), tooLong]);
    clearTimeout(timer);
  }

  private async forward(delivery: Delivery, progress: Progress): Promise<void> {
    const { log } = this.options;
    const facts = factsOf(delivery);
    for (let attempt = 1; ; attempt += 1) {
      await this.slots.take();
      // A wait for a slot or for the next try is not worth finishing: what is not forwarded is announced again.
      if (this.stopping.signal.aborted) return this.slots.free();
      const started = performance.now();
      const result = await this.post(delivery, attempt).finally(() => this.slots.free());
      const ms = Math.round(performance.now() - started);
      if ('status' in result && result.status >= 200 && result.status < 300) {
        progress.isForwarded = true;
        log('forward.ok', { ...facts, attempt, status: result.status, ms });
        if (delivery.isWork) await this.acknowledge(delivery, progress);
        return;
      }
      const reason = 'status' in result ? `HTTP ${result.status}` : result.reason;
      const retryInMs = retryDelayMs(attempt);
      if (Date.now() + retryInMs >= delivery.deadlineAt) {
        this.forget(delivery);
        log('forward.expired', { ...facts, attempt, reason, ms });
        return;
      }
      log('forward.retry', { ...facts, attempt, reason, ms, retryInMs });
      if (this.stopping.signal.aborted) return;
      await this.pause(retryInMs);
      if (this.stopping.signal.aborted) return;
    }
  }

  private async post(delivery: Delivery, attempt: number): Promise<Attempt> {
    try {
      const response = await fetch(this.options.webhookUrl, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': this.options.userAgent,
          'webhook-id': delivery.messageId,
          'x-c4c-event': delivery.event,
          'x-c4c-attempt': String(attempt),
        },
        body: JSON.stringify(delivery.body),
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      // The answer's body says nothing to us; not reading it to its end would keep its connection.
      await response.body?.cancel();
      return { status: response.status };
    } catch (error) {
      if (error instanceof Error && error.name === 'TimeoutError')
        return { reason: `no answer in ${TIMEOUT_MS / 1_000} s` };
      const cause = error instanceof Error ? (error.cause ?? error) : error;
      const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
      return { reason: code !== '' ? code : cause instanceof Error ? cause.message : String(cause) };
    }
  }

  private async acknowledge(delivery: Delivery, progress: Progress): Promise<void> {
    if (delivery.invocationId === undefined) return;
    try {
      await this.options.acknowledge(delivery.invocationId);
      progress.isAcked = true;
      this.options.log('acked', factsOf(delivery));
    } catch (error) {
      // The handler was faster: what has ended, or is not there any more, needs no acknowledgement.
      if (error instanceof ApiError && [404, 409].includes(error.status)) {
        progress.isAcked = true;
        return;
      }
      const reason = error instanceof Error ? error.message : String(error);
      this.options.log('ack.failed', { ...factsOf(delivery), reason });
    }
  }

  private run(work: Promise<void>): void {
    const tracked = work.finally(() => this.running.delete(tracked));
    this.running.add(tracked);
  }

  private remember(delivery: Delivery, progress: Progress): void {
    for (const name of delivery.names) this.known.set(name, progress);
    for (const name of this.known.keys()) {
      if (this.known.size <= MEMORY_MAX) return;
      this.known.delete(name);
    }
  }

  private forget(delivery: Delivery): void {
    for (const name of delivery.names) this.known.delete(name);
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.stopping.signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.stopping.signal.addEventListener('abort', done);
    });
  }
}

/** 0.2 s doubled up to 5 s, half of it by chance: quick while the receiver restarts, gentle when it is down. */
export function retryDelayMs(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(RETRY_MAX_MS, RETRY_BASE_MS * 2 ** (attempt - 1));
  return Math.round(ceiling * (0.5 + random() / 2));
}

function factsOf(delivery: Delivery): Record<string, unknown> {
  const { messageId, event, invocationId } = delivery;
  return { name: event, messageId, ...(invocationId === undefined ? {} : { invocationId }) };
}
