import { EVENT_TYPES, EVENTS } from '#events';
import { Marks } from '#invocations';
import type { Bus, Egress, Log } from '#platform';
import type { DeliveryBodies } from './delivery-bodies.js';
import type { DeliveryStore, Decision, DueDelivery } from './delivery.store.js';
import type { EndpointHealthStore } from './endpoint-health.store.js';
import type { EndpointStore } from './endpoint.store.js';
import { Judge, type Verdict } from './judge.js';
import { tryTimeoutMs } from './schedule.js';
import { sign } from './signing.js';
import { headersOf, isDelivered, outcomeOf, type Outcome, type Try } from './try.js';

export type SenderParts = {
  deliveries: DeliveryStore;
  health: EndpointHealthStore;
  bodies: DeliveryBodies;
  marks: Pick<Marks, 'handedOver' | 'acknowledgeAll'>;
  endpoints: Pick<EndpointStore, 'liveSecrets'>;
  egress: Pick<Egress, 'post'>;
  bus: Bus;
  log: Log;
};

const WORK_TYPES = EVENT_TYPES.filter((type) => EVENTS[type].class === 'work');
// Nothing has to announce an event or a try that is due: they are found within this.
const POLL_MS = 250;
const IN_FLIGHT_MAX = 256;
const CLAIM_MAX = 100;
const DIRTY_MAX = 1_000;
/** A claim outlives its try by so much; then another worker takes the delivery. */
const LEASE_AFTER_TRY_MS = 3_000;

/**
 * Sends deliveries: from the log to rows, from rows that are due to tries, from tries back to rows. Any number of processes may run it.
 * Hints of the bus make it quick; whatever no hint announced is found by looking.
 */
export class Sender {
  private readonly judge = new Judge();
  private readonly dirty = new Set<bigint>();
  private readonly flying = new Set<Promise<void>>();
  private done: Outcome[] = [];
  private writing: Promise<void> | undefined;
  private readonly unwell = new Set<bigint>();
  private running: Promise<void> | undefined;
  private unsubscribe: (() => void) | undefined;
  private isStopped = false;
  private isHinted = false;
  private isFailing = false;
  private wakeUp: (() => void) | undefined;
  private readonly alarms = new Set<NodeJS.Timeout>();

  constructor(private readonly parts: SenderParts) {}

  start(): void {
    this.unsubscribe = this.parts.bus.subscribe('agent-event', ({ agentId }) => {
      if (this.dirty.size < DIRTY_MAX) this.dirty.add(BigInt(agentId));
      this.wake();
    });
    this.running = this.run();
  }

  /** Begins nothing more, and waits for the tries under way, 10 s at most each. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.unsubscribe?.();
    for (const alarm of this.alarms) clearTimeout(alarm);
    this.wake();
    await this.running;
    await Promise.all(this.flying);
    while (this.writing !== undefined) await this.writing;
  }

  /** Looks now and not only at the next poll. */
  wake(): void {
    this.isHinted = true;
    this.wakeUp?.();
  }

  private async run(): Promise<void> {
    while (!this.isStopped) {
      this.isHinted = false;
      try {
        const isMore = await this.round();
        this.isFailing = false;
        if (isMore) continue;
      } catch (error) {
        // An outage is told once; nothing is lost, since the rows wait.
        if (!this.isFailing) this.parts.log.error({ err: error }, 'deliveries could not be read');
        this.isFailing = true;
        this.isHinted = false;
      }
      await this.pause();
    }
  }

  /** Whether there may be more to do at once. */
  private async round(): Promise<boolean> {
    const { deliveries } = this.parts;
    const agentIds = [...this.dirty];
    this.dirty.clear();
    const isPoll = agentIds.length === 0;
    const read = await deliveries.fanOut(isPoll ? null : agentIds, WORK_TYPES);
    const free = Math.min(IN_FLIGHT_MAX - this.flying.size, CLAIM_MAX);
    if (free <= 0) return false;
    const due = await this.claimAndSend(free);
    return read > 0 || due === free;
  }

  /** Answers how many were due. */
  private async claimAndSend(limit: number): Promise<number> {
    let placed: readonly DueDelivery[] = [];
    try {
      const { claimId, claimed, read } = await this.parts.deliveries.claim(limit, async (due) => {
        const nowMs = Date.now();
        const judged = due.map((one) => ({ due: one, verdict: this.judge.of(one, nowMs) }));
        placed = judged.filter(({ verdict }) => verdict === 'send').map((one) => one.due);
        return this.decide(judged, await this.parts.bodies.of(placed));
      });
      const tries = await this.signed(claimId, claimed);
      const flown = new Set(tries.map(({ due }) => due.id));
      for (const due of placed) if (!flown.has(due.id)) this.judge.leave(due);
      placed = [];
      for (const one of tries) this.fly(one);
      return read;
    } catch (error) {
      // What was claimed all the same falls due again by itself.
      for (const due of placed) this.judge.leave(due);
      throw error;
    }
  }

  private async pause(): Promise<void> {
    if (this.isHinted || this.isStopped) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, POLL_MS);
      this.wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wakeUp = undefined;
  }

  private decide(
    judged: readonly { due: DueDelivery; verdict: Verdict }[],
    bodies: ReadonlyMap<bigint, Buffer>,
  ): Decision[] {
    return judged.map(({ due, verdict }): Decision => {
      if (verdict !== 'send') {
        if (verdict.do === 'wait') this.lookAgainIn(verdict.inMs);
        return verdict;
      }
      const body = bodies.get(due.id);
      // There is nothing to tell any more: the event is of a kind that this version does not know, or what it was about is gone.
      if (body === undefined) return { do: 'end', status: 'cancelled' };
      return { do: 'send', body, leaseMs: tryTimeoutMs(due.class, due.leftMs) + LEASE_AFTER_TRY_MS };
    });
  }

  private async signed(claimId: string, claimed: readonly { due: DueDelivery; body: Buffer }[]): Promise<Try[]> {
    if (claimed.length === 0) return [];
    const secrets = await this.parts.endpoints.liveSecrets([...new Set(claimed.map(({ due }) => due.endpointId))]);
    const at = new Date();
    return claimed.flatMap(({ due, body }) => {
      const own = secrets.get(due.endpointId) ?? [];
      // It was deleted this moment: the next look at the delivery says so.
      if (own.length === 0) return [];
      return [{ due, claimId, body, signature: sign(own, due.eventId, at, body) }];
    });
  }

  private fly(one: Try): void {
    const flight = this.try(one).finally(() => {
      const wasFull = this.flying.size >= IN_FLIGHT_MAX;
      this.flying.delete(flight);
      if (wasFull) this.wake();
    });
    this.flying.add(flight);
  }

  private async try(one: Try): Promise<void> {
    const { due, body } = one;
    const beganMs = performance.now();
    const result = await this.parts.egress.post({
      url: due.url,
      reuse: `endpoint ${due.endpointId}`,
      headers: headersOf(one),
      body,
      totalMs: tryTimeoutMs(due.class, due.leftMs),
    });
    const tookMs = performance.now() - beganMs;
    const came = isDelivered(result) ? 'delivered' : result.kind === 'answered' ? 'refused' : 'unanswered';
    this.judge.tried(due, tookMs, came, Date.now());
    const usualMs = this.judge.usualMs(due.endpointId);
    this.done.push(outcomeOf(one, result, tookMs, usualMs));
    this.writing ??= this.write().finally(() => (this.writing = undefined));
  }

  /** Writes down what came to an end while the last batch was written. */
  private async write(): Promise<void> {
    // What ends in the same turn of the event loop goes together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.done.length > 0) {
      const batch = this.done.splice(0, 500);
      try {
        const written = new Set(await this.parts.deliveries.complete(batch));
        const mine = batch.filter(({ id }) => written.has(id));
        for (const { next } of mine) if (next.status === 'pending') this.lookAgainIn(next.inMs);
        await this.acknowledge(mine);
        await this.tellHealth(mine);
      } catch (error) {
        // The claims end by themselves and the deliveries are tried again: twice rather than never.
        this.parts.log.error({ err: error, tries: batch.length }, 'what tries came to could not be written down');
      }
    }
  }

  /** The 2xx of a provider's webhook says that it has the work. */
  private async acknowledge(tried: readonly Outcome[]): Promise<void> {
    const work = tried.filter(({ due, isDelivered: arrived }) => arrived && due.class === 'work');
    const handed = work.flatMap(({ due, timings }) =>
      due.invocationId === null ? [] : [{ invocationId: due.invocationId, agoMs: Math.round(timings.totalMs) }],
    );
    if (handed.length === 0) return;
    await this.parts.marks.handedOver(handed, 'webhook');
    await this.parts.marks.acknowledgeAll(handed.map(({ invocationId }) => invocationId));
  }

  private async tellHealth(tried: readonly Outcome[]): Promise<void> {
    for (const [endpointId, own] of Map.groupBy(tried, ({ due }) => due.endpointId)) {
      const failed = own.filter(({ isDelivered: arrived }) => !arrived).length;
      const hasSucceeded = own.at(-1)?.isDelivered === true;
      const isKnownWell = own.every(({ due }) => !due.hasFailed) && !this.unwell.has(endpointId);
      if (failed === 0 && isKnownWell) continue;
      const health = await this.parts.health.tried({
        endpointId,
        failed,
        hasSucceeded,
        isGone: own.some(({ isGone }) => isGone),
        hasFailedOften: this.judge.hasFailedOften(endpointId, Date.now()),
      });
      if (hasSucceeded) this.unwell.delete(endpointId);
      else this.unwell.add(endpointId);
      if (health?.isNoticed !== true) continue;
      this.parts.log.info({ endpointId: String(endpointId), state: health.state }, 'a webhook endpoint does not work');
      this.parts.bus.publish('agent-event', { agentId: String(health.agentId) });
    }
  }

  /** What falls due before the next poll is looked for then. */
  private lookAgainIn(ms: number): void {
    if (ms >= POLL_MS || this.alarms.size > 0 || this.isStopped) return;
    const alarm = setTimeout(() => {
      this.alarms.delete(alarm);
      this.wake();
    }, ms + 1);
    this.alarms.add(alarm);
  }
}
