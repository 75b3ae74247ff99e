import { EVENT_TYPES, EVENTS } from '#events';
import type { Bell, Egress } from '#platform';
import type { DeliveryBodies } from './delivery-bodies.js';
import { FAN_OUT_EVENTS, type Decision, type DeliveryStore, type DueDelivery } from './delivery.store.js';
import type { EndpointStore } from './endpoint.store.js';
import { Judge, type Verdict } from './judge.js';
import { Nap } from './nap.js';
import { Outcomes, type OutcomesParts } from './outcomes.js';
import type { RateStore } from './rate.store.js';
import { tryTimeoutMs } from './schedule.js';
import { sign } from './signing.js';
import { cameOf, headersOf, outcomeOf, type Try } from './try.js';

export type SenderParts = OutcomesParts & {
  deliveries: DeliveryStore;
  rates: RateStore;
  bodies: DeliveryBodies;
  endpoints: Pick<EndpointStore, 'liveSecrets'>;
  egress: Pick<Egress, 'post'>;
  /** Tells other processes when something falls due. */
  bell?: Pick<Bell, 'ring'> | undefined;
};

type Judged = { due: DueDelivery; verdict: Verdict };

const WORK_TYPES = EVENT_TYPES.filter((type) => EVENTS[type].class === 'work');
// Nothing has to announce an event or a try that is due: they are found within this.
const POLL_MS = 500;
const IN_FLIGHT_MAX = 256;
const CLAIM_MAX = 100;
const DIRTY_MAX = 1_000;
/** A claim outlives its try by so much; then another worker takes the delivery. */
const LEASE_AFTER_TRY_MS = 3_000;
/** Who hears the bell and has no room asks to hear it again so much later; it may be another process that does. */
const FULL_AGAIN_MS = 100;

/**
 * Sends deliveries: from the log to rows, from rows that are due to tries, from tries back to rows. Any number of processes may run it.
 * Hints of the bus and the bell make it quick; whatever nothing announced is found by looking.
 */
export class Sender {
  private readonly judge = new Judge();
  private readonly outcomes: Outcomes;
  private readonly nap = new Nap();
  private readonly dirty = new Set<bigint>();
  private readonly flying = new Set<Promise<void>>();
  private running: Promise<void> | undefined;
  private unsubscribe: (() => void) | undefined;
  private isStopped = false;
  private isFailing = false;
  private fullLookAtMs = 0;

  constructor(
    private readonly parts: SenderParts,
    private readonly pollMs = POLL_MS,
  ) {
    this.outcomes = new Outcomes(parts, this.judge, (ms) => this.isDueIn(ms));
    parts.metrics.watch(
      () => this.flying.size,
      () => this.judge.openHosts(Date.now()),
    );
  }

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
    this.wake();
    await this.running;
    await Promise.all(this.flying);
    await this.outcomes.written();
  }

  /** Looks now and not only at the next poll. */
  wake(): void {
    this.nap.endIn(0);
  }

  /** The bell rang: something is due. */
  rung(): { againAtMs: number } | undefined {
    if (this.flying.size >= IN_FLIGHT_MAX) return { againAtMs: Date.now() + FULL_AGAIN_MS };
    this.wake();
    return undefined;
  }

  private async run(): Promise<void> {
    while (!this.isStopped) {
      this.nap.plan(this.pollMs);
      try {
        const isMore = await this.round();
        this.isFailing = false;
        if (isMore) continue;
      } catch (error) {
        // An outage is told once; nothing is lost, since the rows wait.
        if (!this.isFailing) this.parts.log.error({ err: error }, 'deliveries could not be read');
        this.isFailing = true;
        this.nap.plan(this.pollMs);
      }
      if (!this.isStopped) await this.nap.take();
    }
  }

  /** Whether there may be more to do at once. */
  private async round(): Promise<boolean> {
    const { deliveries, metrics } = this.parts;
    const agentIds = [...this.dirty];
    this.dirty.clear();
    // Who is behind without having been announced costs a look at all agents that have endpoints.
    const isFull = performance.now() >= this.fullLookAtMs;
    if (isFull) this.fullLookAtMs = performance.now() + this.pollMs;
    const { read, made, nextMs } = await deliveries.fanOut(isFull ? null : agentIds, WORK_TYPES);
    metrics.made(made);
    // One call reads so much and no more.
    if (read > 0 && (isFull || read >= FAN_OUT_EVENTS)) this.fullLookAtMs = 0;
    if (read === 0 && (nextMs === null || nextMs > 0)) {
      if (nextMs !== null) this.isDueIn(nextMs);
      return false;
    }
    const free = Math.min(IN_FLIGHT_MAX - this.flying.size, CLAIM_MAX);
    if (free <= 0) return false;
    const due = await this.claimAndSend(free);
    return read > 0 || due > 0;
  }

  /** Answers how many were due. */
  private async claimAndSend(limit: number): Promise<number> {
    let placed: readonly DueDelivery[] = [];
    let decisions: readonly Decision[] = [];
    let readAtMs = 0;
    try {
      const { claimId, claimed, read } = await this.parts.deliveries.claim(limit, async (due): Promise<Decision[]> => {
        readAtMs = performance.now();
        const judged = due.map((one): Judged => ({ due: one, verdict: this.judge.of(one, Date.now()) }));
        placed = toBeSent(judged);
        const waits = await this.parts.rates.take(placed);
        for (const one of judged) {
          const waitMs = waits.get(one.due.id);
          if (waitMs !== undefined) one.verdict = this.judge.turnDown(one.due, waitMs);
        }
        placed = toBeSent(judged);
        const decided = this.decide(judged, await this.parts.bodies.of(placed));
        decisions = decided;
        return decided;
      });
      for (const one of decisions) if (one.do === 'end') this.parts.metrics.ended(one.status);
      const tries = await this.signed(claimId, claimed);
      const flown = new Set(tries.map(({ due }) => due.id));
      for (const due of placed) if (!flown.has(due.id)) this.judge.leave(due);
      placed = [];
      for (const one of tries) {
        this.parts.metrics.began(one.due.lateMs + performance.now() - readAtMs);
        this.fly(one);
      }
      return read;
    } catch (error) {
      // What was claimed all the same falls due again by itself.
      for (const due of placed) this.judge.leave(due);
      throw error;
    }
  }

  private decide(judged: readonly Judged[], bodies: ReadonlyMap<bigint, Buffer>): Decision[] {
    return judged.map(({ due, verdict }): Decision => {
      if (verdict !== 'send') {
        if (verdict.do === 'wait') this.isDueIn(verdict.inMs);
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
      if (own.length === 0) {
        // It was deleted this moment, which the next look at the delivery says; or no secret of it can be opened.
        this.parts.log.warn({ endpointId: String(due.endpointId) }, 'a webhook endpoint has no secret to sign with');
        return [];
      }
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
    this.judge.tried(due, tookMs, cameOf(result), Date.now());
    this.parts.metrics.tried(result, tookMs);
    this.outcomes.add(outcomeOf(one, result, tookMs, this.judge.usualMs(due.endpointId)));
  }

  /** Something falls due then: this process looks if nobody has taken it, and so does whoever hears the bell. */
  private isDueIn(ms: number): void {
    this.nap.endIn(ms);
    this.parts.bell?.ring(new Date(Date.now() + ms));
  }
}

function toBeSent(judged: readonly Judged[]): DueDelivery[] {
  return judged.filter(({ verdict }) => verdict === 'send').map(({ due }) => due);
}
