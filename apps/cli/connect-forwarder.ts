import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError, CliError, reasonOf } from './cli-error.js';
import type { Delivery } from './connect-frame.js';
import type { Log } from './connect-log.js';
import type { Result, Target } from './connect-target.js';
import { EXIT } from './exit-codes.js';
import { Slots } from './slots.js';

/** What to do with an event that the target did not take in time. */
export type OnExhausted = 'drop' | 'fail' | 'exit';

export type ForwarderOptions = {
  target: Target;
  concurrency: number;
  /** How often one event is tried again; without it until its time is over. */
  maxRetries?: number | undefined;
  onExhausted: OnExhausted;
  log: Log;
  /** The server's time, by which deadlines are told. */
  now: () => number;
  /** What is finished, also by an earlier run. */
  finished: { has(id: string): boolean; add(id: string): Promise<void> };
  /** False when it could not be said: the server hands the event over again. */
  acknowledge: (delivery: Delivery) => boolean;
  progress: (delivery: Delivery) => void;
  /** @throws {ApiError} what the API refused; other errors mean that another try may help */
  submit: (invocationId: number, result: Result) => Promise<unknown>;
  /** The run cannot go on. */
  fatal: (error: unknown) => void;
};

type Working = { delivery: Delivery };

const RETRY_BASE_MS = 200;
const RETRY_MAX_MS = 5_000;
/** News have no deadline; a target that is up and refuses one for so long will not take it. */
const NEWS_LIFE_MS = 3_600_000;
/** A failure must be in before the deadline to count. */
const FAIL_BEFORE_MS = 1_000;
/** A target that takes longer than this is reported on, before the server looks for somebody else. */
const REPORT_AFTER_MS = 1_000;
const DRAIN_MS = 10_000;

/** Hands events to the target, each until it took it or its time is over, and acknowledges what is finished. */
export class Forwarder {
  /** By event id; the delivery is the newest hand-over, the one that an acknowledgement must name. */
  private readonly working = new Map<string, Working>();
  private readonly running = new Set<Promise<void>>();
  private readonly slots: Slots;
  private readonly stopping = new AbortController();
  private reportEveryMs = REPORT_AFTER_MS;

  constructor(private readonly options: ForwarderOptions) {
    this.slots = new Slots(options.concurrency);
    // One listener for each delivery that waits: many of them are no leak.
    setMaxListeners(0, this.stopping.signal);
  }

  /** The numbers of the events that are neither acknowledged nor given up. */
  get inHand(): number[] {
    return [...this.working.values()].map(({ delivery }) => delivery.seq);
  }

  /** From now on the server hears once in so long that the target is at work on an event. */
  reportEvery(ms: number): void {
    this.reportEveryMs = ms;
  }

  accept(delivery: Delivery): void {
    if (this.stopping.signal.aborted) return;
    const { id } = delivery;
    const working = this.working.get(id);
    if (working !== undefined || this.options.finished.has(id)) {
      this.options.log('event.duplicate', factsOf(delivery));
      // Handed over again although it is finished: the acknowledgement did not arrive.
      if (working === undefined) this.acknowledge(delivery);
      else working.delivery = delivery;
      return;
    }
    const work = { delivery };
    this.working.set(id, work);
    const run = this.forward(work)
      .catch(this.options.fatal)
      .finally(() => {
        this.working.delete(id);
        this.running.delete(run);
      });
    this.running.add(run);
  }

  /** Resolves when nothing is at work. */
  async idle(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running);
  }

  /** Takes nothing more, lets what is on its way arrive (at most 10 s), leaves what was waiting to another run. */
  async drain(): Promise<void> {
    this.stopping.abort();
    const tooLong = new AbortController();
    const limit = sleep(DRAIN_MS, undefined, { signal: tooLong.signal }).catch(() => undefined);
    await Promise.race([this.idle(), limit]);
    tooLong.abort();
    this.options.target.end();
  }

  private async forward(work: Working): Promise<void> {
    const { onExhausted, now } = this.options;
    const { delivery } = work;
    const endsAt = delivery.deadlineAt ?? now() + NEWS_LIFE_MS;
    const lastAt =
      onExhausted === 'fail' && delivery.isWork ? endsAt - Math.min(FAIL_BEFORE_MS, (endsAt - now()) / 4) : endsAt;
    for (let attempt = 1; ; attempt += 1) {
      await this.slots.take();
      // The place is kept until it is written down: a kill then doubles no more events than there are places.
      const retryInMs = await this.attempt(work, attempt, { endsAt, lastAt }).finally(() => this.slots.free());
      if (retryInMs === undefined) return;
      await sleep(retryInMs, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    }
  }

  /** One try; answers in how many milliseconds to try again, if at all. */
  private async attempt(
    work: Working,
    attempt: number,
    { endsAt, lastAt }: { endsAt: number; lastAt: number },
  ): Promise<number | undefined> {
    const { target, log, now, maxRetries } = this.options;
    const { delivery } = work;
    const facts = factsOf(delivery);
    // A wait for a place or for the next try is not worth finishing: what is not acknowledged comes again.
    if (this.stopping.signal.aborted) return undefined;
    // Too late: whoever invoked it has been refunded, or is about to be.
    if (now() >= endsAt) return this.giveUp(work, attempt - 1, 'its deadline has passed', true);
    if (delivery.hasEnded === true) {
      log('forward.expired', { ...facts, attempt: attempt - 1, reason: 'it has ended already' });
      return this.finish(work);
    }
    const started = performance.now();
    const outcome = await this.reporting(work, () => target.hand(delivery, attempt));
    const ms = Math.round(performance.now() - started);
    if (outcome.kind === 'taken') {
      log('forward.ok', { ...facts, attempt, ...outcome.facts, ms });
      if (outcome.result !== undefined) await this.submit(delivery, outcome.result, endsAt);
      return this.finish(work);
    }
    const { reason } = outcome;
    const retryInMs = Math.max(retryDelayMs(attempt), outcome.retryAfterMs ?? 0);
    const isLate = now() + retryInMs >= lastAt;
    if (isLate || attempt > (maxRetries ?? Infinity)) return this.giveUp(work, attempt, reason, isLate);
    log('forward.retry', { ...facts, attempt, reason, ms, retryInMs });
    return retryInMs;
  }

  /** While the target is at work the server hears of it; while it is down another copy may take the event over. */
  private async reporting<Value>(work: Working, run: () => Promise<Value>): Promise<Value> {
    const report = (): void => {
      this.options.progress(work.delivery);
      timer = setTimeout(report, this.reportEveryMs);
    };
    let timer = setTimeout(report, REPORT_AFTER_MS);
    return run().finally(() => clearTimeout(timer));
  }

  private async giveUp(work: Working, attempt: number, reason: string, isLate: boolean): Promise<undefined> {
    const { log, onExhausted, now } = this.options;
    const { delivery } = work;
    const event = delivery.isWork && isLate ? 'forward.expired' : 'forward.failed';
    log(event, { ...factsOf(delivery), attempt, reason });
    if (onExhausted === 'exit' && attempt > 0) {
      const message = `The target did not take ${delivery.event} ${delivery.id}: ${reason}.`;
      throw new CliError('TARGET_FAILED', message, EXIT.unavailable);
    }
    if (onExhausted === 'fail' && delivery.isWork && delivery.deadlineAt !== undefined && now() < delivery.deadlineAt) {
      await this.submit(delivery, { status: 'failed', error: 'The provider could not take it' }, delivery.deadlineAt);
    }
    return this.finish(work);
  }

  /** Until the API has it, has its own reason not to, or the deadline has passed. */
  private async submit(delivery: Delivery, result: Result, endsAt: number): Promise<void> {
    const { log, submit, now } = this.options;
    const { invocationId } = delivery;
    if (invocationId === undefined || !delivery.isWork) {
      if (result.status === 'failed') log('forward.failed', { ...factsOf(delivery), attempt: 1, reason: result.error });
      return;
    }
    for (let attempt = 1; ; attempt += 1) {
      try {
        await submit(invocationId, result);
        const error = result.status === 'failed' ? { error: result.error } : {};
        return log('submitted', { ...factsOf(delivery), status: result.status, ...error });
      } catch (error) {
        const reason = reasonOf(error);
        log('submit.failed', { ...factsOf(delivery), reason });
        // No result of this run will be taken: nothing more is worked on, and what is in hand is left to another key.
        if (error instanceof ApiError && error.code === 'SCOPE_MISSING') throw mayNotSubmit(reason);
        const isFinal = error instanceof ApiError && error.status < 500 && error.status !== 429;
        // An output that the service's schema does not allow is a failure of the provider's, and the caller is told.
        if (isFinal && result.status === 'completed' && [400, 413, 422].includes(error.status)) {
          return this.submit(
            delivery,
            { status: 'failed', error: 'The provider made a result that its service does not promise' },
            endsAt,
          );
        }
        if (isFinal || now() >= endsAt) return;
        await sleep(retryDelayMs(attempt));
      }
    }
  }

  /** However it ended: nothing more is to be done, now or in a later run. */
  private async finish(work: Working): Promise<undefined> {
    await this.options.finished.add(work.delivery.id);
    this.acknowledge(work.delivery);
    return undefined;
  }

  private acknowledge(delivery: Delivery): void {
    if (this.options.acknowledge(delivery)) this.options.log('acked', factsOf(delivery));
  }
}

/** 0.2 s doubled up to 5 s, half of it by chance: quick while the target restarts, gentle when it is down. */
export function retryDelayMs(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(RETRY_MAX_MS, RETRY_BASE_MS * 2 ** (attempt - 1));
  return Math.round(ceiling * (0.5 + random() / 2));
}

function mayNotSubmit(reason: string): CliError {
  const message = `Results are submitted with a key that has the scope "provide": ${reason}.`;
  return new CliError('SCOPE_MISSING', message, EXIT.authentication);
}

function factsOf({ seq, id, event, invocationId }: Delivery): Record<string, unknown> {
  return { name: event, seq, id, ...(invocationId === undefined ? {} : { invocationId }) };
}
