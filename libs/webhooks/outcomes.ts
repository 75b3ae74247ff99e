import type { Marks } from '#invocations';
import type { Bus, Log } from '#platform';
import type { DeliveryStore } from './delivery.store.js';
import type { EndpointHealthStore } from './endpoint-health.store.js';
import type { Judge } from './judge.js';
import type { SenderMetrics } from './sender.metrics.js';
import type { Places } from './places.js';
import type { Outcome } from './try.js';

export type OutcomesParts = {
  deliveries: Pick<DeliveryStore, 'complete'>;
  health: Pick<EndpointHealthStore, 'tried'>;
  marks: Pick<Marks, 'taken'>;
  metrics: SenderMetrics;
  bus: Bus;
  log: Log;
};

type Ended = { outcome: Outcome; places: Places };

const BATCH_MAX = 500;

/** Writes down what tries came to, and what follows from it: when the next one is, work that is taken on, the health of endpoints. */
export class Outcomes {
  private done: Ended[] = [];
  private writing: Promise<void> | undefined;
  private following: Promise<void> = Promise.resolve();
  private readonly unwell = new Set<bigint>();

  constructor(
    private readonly parts: OutcomesParts,
    private readonly judge: Judge,
    private readonly isDueIn: (ms: number) => void,
  ) {}

  /** Its place is given back when it is written down. */
  add(outcome: Outcome, places: Places): void {
    this.done.push({ outcome, places });
    this.writing ??= this.write().finally(() => (this.writing = undefined));
  }

  /** Resolves when everything is written down. */
  async written(): Promise<void> {
    while (this.writing !== undefined) await this.writing;
    await this.following;
  }

  /** Writes down what came to an end while the last batch was written. */
  private async write(): Promise<void> {
    // What ends in the same turn of the event loop goes together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.done.length > 0) {
      const batch = this.done.splice(0, BATCH_MAX);
      const outcomes = batch.map(({ outcome }) => outcome);
      const before = this.following;
      try {
        const written = new Set(await this.parts.deliveries.complete(outcomes));
        const mine = outcomes.filter(({ id }) => written.has(id));
        for (const { next } of mine) {
          if (next.status === 'pending') this.isDueIn(next.inMs);
          else this.parts.metrics.ended(next.status);
        }
        // While the next batch is written, and no further behind.
        await before;
        this.following = this.follow(mine);
      } catch (error) {
        // The claims end by themselves and the deliveries are tried again: twice rather than never.
        this.parts.log.error({ err: error, tries: batch.length }, 'what tries came to could not be written down');
      }
      for (const [places, own] of Map.groupBy(batch, (ended) => ended.places)) places.give(own.length);
    }
  }

  private async follow(mine: readonly Outcome[]): Promise<void> {
    try {
      await this.acknowledge(mine);
      await this.tellHealth(mine);
    } catch (error) {
      this.parts.log.error({ err: error, tries: mine.length }, 'what follows from tries could not be written down');
    }
  }

  /** The 2xx of a provider's webhook says that it has the work. */
  private async acknowledge(tried: readonly Outcome[]): Promise<void> {
    const handed = tried.flatMap(({ due, isDelivered, timings }) =>
      isDelivered && due.class === 'work' && due.invocationId !== null
        ? [{ invocationId: due.invocationId, agoMs: Math.round(timings.totalMs) }]
        : [],
    );
    if (handed.length > 0) await this.parts.marks.taken(handed, 'webhook');
  }

  private async tellHealth(tried: readonly Outcome[]): Promise<void> {
    // What an address came to is told of that address: the endpoint may have another one since.
    for (const own of Map.groupBy(tried, ({ due }) => `${due.endpointId} ${due.url}`).values()) {
      const [first] = own;
      if (first === undefined) continue;
      const { endpointId, url } = first.due;
      const failed = own.filter(({ isDelivered: arrived }) => !arrived).length;
      const hasSucceeded = own.at(-1)?.isDelivered === true;
      const isKnownWell = own.every(({ due }) => !due.hasFailed) && !this.unwell.has(endpointId);
      if (failed === 0 && isKnownWell) continue;
      const health = await this.parts.health.tried({
        endpointId,
        url,
        failed,
        hasSucceeded,
        isGone: own.some(({ isGone }) => isGone),
        hasFailedOften: this.judge.hasFailedOften(endpointId, Date.now()),
      });
      if (health === undefined) continue;
      if (hasSucceeded) this.unwell.delete(endpointId);
      else this.unwell.add(endpointId);
      if (!health.isNoticed) continue;
      this.parts.log.info({ endpointId: String(endpointId), state: health.state }, 'a webhook endpoint has changed');
      this.parts.bus.publish('agent-event', { agentId: String(health.agentId) });
    }
  }
}
