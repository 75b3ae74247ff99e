import type { Egress, Log } from '#platform';
import type { DeliveryBodies } from './delivery-bodies.js';
import type { DueDelivery, Refusal } from './delivery.js';
import type { DeliveryStore } from './delivery.store.js';
import type { EndpointStore } from './endpoint.store.js';
import type { Judge } from './judge.js';
import type { Outcomes } from './outcomes.js';
import type { Places } from './places.js';
import type { RateStore } from './rate.store.js';
import { LEASE_AFTER_TRY_MS, tryTimeoutMs } from './schedule.js';
import type { SenderMetrics } from './sender.metrics.js';
import { sign } from './signing.js';
import { cameOf, headersOf, outcomeOf, type Try } from './try.js';

export type DeparturesParts = {
  deliveries: Pick<DeliveryStore, 'claim' | 'release'>;
  rates: RateStore;
  bodies: DeliveryBodies;
  endpoints: Pick<EndpointStore, 'liveSecrets'>;
  egress: Pick<Egress, 'post'>;
  metrics: SenderMetrics;
  log: Log;
};

type Ready = { due: DueDelivery; body: Buffer };
type Refused = { due: DueDelivery; refusal: Refusal };
type Judged = { ready: Ready[]; refused: Refused[] };

// What could not be made ready is due again so soon.
const AGAIN_MS = 500;

/** Sends what is claimed: asks the judge and the endpoints' rates, makes the bytes, signs them, and tells what each try came to. */
export class Departures {
  private readonly underWay = new Set<Promise<void>>();
  private inFlight = 0;
  private isStopped = false;

  constructor(
    private readonly parts: DeparturesParts,
    private readonly judge: Judge,
    private readonly outcomes: Outcomes,
    private readonly isDueIn: (ms: number) => void,
  ) {}

  get flying(): number {
    return this.inFlight;
  }

  /** Sends what was claimed as it was made, and gives back what is not to be sent now. Each has a place. */
  send(claimId: string, claimed: readonly DueDelivery[], places: Places): void {
    const atMs = performance.now();
    this.follow(
      this.judgeAll(claimed).then(
        async (judged) => {
          await this.release(claimId, judged.refused, places);
          await this.depart(claimId, judged.ready, atMs, places);
        },
        async (error: unknown) => {
          this.parts.log.error({ err: error, deliveries: claimed.length }, 'deliveries could not be made ready');
          const refusal: Refusal = { do: 'wait', inMs: AGAIN_MS };
          await this.release(
            claimId,
            claimed.map((due) => ({ due, refusal })),
            places,
          );
        },
      ),
    );
  }

  /** Claims what is due, as many as there are places, and sends it. Answers how many were due. */
  async claim(limit: number, places: Places): Promise<number> {
    let judged: Judged = { ready: [], refused: [] };
    let atMs = 0;
    try {
      const { claimId, read } = await this.parts.deliveries.claim(limit, async (due) => {
        atMs = performance.now();
        judged = await this.judgeAll(due);
        const refusals = new Map(judged.refused.map(({ due: { id }, refusal }) => [id, refusal]));
        return due.map((one) => refusals.get(one.id) ?? { do: 'send', leaseMs: leaseMs(one) });
      });
      this.tellRefused(judged.refused);
      places.give(limit - judged.ready.length);
      this.follow(this.depart(claimId, judged.ready, atMs, places));
      return read;
    } catch (error) {
      // What was claimed all the same falls due again by itself.
      for (const { due } of judged.ready) this.judge.leave(due);
      places.give(limit);
      throw error;
    }
  }

  /** Begins no other try; resolves when those under way have ended, 10 s at most each. */
  async stop(): Promise<void> {
    this.isStopped = true;
    while (this.underWay.size > 0) await Promise.all(this.underWay);
  }

  private follow(work: Promise<void>): void {
    const followed = work.finally(() => this.underWay.delete(followed));
    this.underWay.add(followed);
  }

  /** What is sent now has its place with the judge; what is not has none. */
  private async judgeAll(due: readonly DueDelivery[]): Promise<Judged> {
    const placed: DueDelivery[] = [];
    const refused: Refused[] = [];
    const nowMs = Date.now();
    for (const one of due) {
      const verdict = this.judge.of(one, nowMs);
      if (verdict === 'send') placed.push(one);
      else refused.push({ due: one, refusal: verdict });
    }
    try {
      const [waits, bodies] = await Promise.all([this.parts.rates.take(placed), this.parts.bodies.of(placed)]);
      const ready: Ready[] = [];
      for (const one of placed) {
        const waitMs = waits.get(one.id);
        const body = bodies.get(one.id);
        if (waitMs === undefined && body !== undefined) {
          ready.push({ due: one, body });
          continue;
        }
        // Without a body there is nothing to tell any more: the event is of a kind that this version does not know, or what it was about is gone.
        const gone: Refusal = { do: 'end', status: 'cancelled' };
        refused.push({ due: one, refusal: waitMs === undefined ? gone : this.judge.later(one, waitMs) });
        this.judge.leave(one);
      }
      return { ready, refused };
    } catch (error) {
      for (const one of placed) this.judge.leave(one);
      throw error;
    }
  }

  private async release(claimId: string, refused: readonly Refused[], places: Places): Promise<void> {
    if (refused.length === 0) return;
    try {
      await this.parts.deliveries.release(claimId, refused);
      this.tellRefused(refused);
    } catch (error) {
      // They fall due again when their claim has ended.
      this.parts.log.error({ err: error, deliveries: refused.length }, 'deliveries could not be given back');
    } finally {
      places.give(refused.length);
    }
  }

  private tellRefused(refused: readonly Refused[]): void {
    for (const { refusal } of refused) {
      if (refusal.do === 'end') this.parts.metrics.ended(refusal.status);
      else this.isDueIn(refusal.inMs);
    }
  }

  private async depart(claimId: string, ready: readonly Ready[], claimedAtMs: number, places: Places): Promise<void> {
    if (ready.length === 0) return;
    const tries = await this.signed(claimId, ready).catch((error: unknown) => {
      // They fall due again when their claim has ended.
      this.parts.log.error({ err: error, deliveries: ready.length }, 'deliveries could not be signed');
      return [];
    });
    const flown = new Set<bigint>();
    for (const one of this.isStopped ? [] : tries) {
      flown.add(one.due.id);
      this.parts.metrics.began(one.due.lateMs + performance.now() - claimedAtMs);
      this.follow(this.try(one, places));
    }
    const left = ready.filter(({ due }) => !flown.has(due.id));
    for (const { due } of left) this.judge.leave(due);
    if (!this.isStopped) return places.give(left.length);
    // Who takes over need not wait for the end of this claim.
    await this.release(
      claimId,
      left.map(({ due }) => ({ due, refusal: { do: 'wait', inMs: 0 } })),
      places,
    );
  }

  private async signed(claimId: string, ready: readonly Ready[]): Promise<Try[]> {
    const secrets = await this.parts.endpoints.liveSecrets([...new Set(ready.map(({ due }) => due.endpointId))]);
    const at = new Date();
    return ready.flatMap(({ due, body }) => {
      const own = secrets.get(due.endpointId) ?? [];
      if (own.length === 0) {
        // It was deleted this moment, which the next look at the delivery says; or no secret of it can be opened.
        this.parts.log.warn({ endpointId: String(due.endpointId) }, 'a webhook endpoint has no secret to sign with');
        return [];
      }
      return [{ due, claimId, body, signature: sign(own, due.eventId, at, body) }];
    });
  }

  private async try(one: Try, places: Places): Promise<void> {
    const { due, body } = one;
    const beganMs = performance.now();
    this.inFlight += 1;
    const result = await this.parts.egress.post({
      url: due.url,
      reuse: `endpoint ${due.endpointId}`,
      headers: headersOf(one),
      body,
      totalMs: tryTimeoutMs(due.class, due.leftMs),
    });
    this.inFlight -= 1;
    const tookMs = performance.now() - beganMs;
    this.judge.tried(due, tookMs, cameOf(result), Date.now());
    this.parts.metrics.tried(result, tookMs);
    this.outcomes.add(outcomeOf(one, result, tookMs, this.judge.usualMs(due.endpointId)), places);
  }
}

function leaseMs({ class: eventClass, leftMs }: DueDelivery): number {
  return tryTimeoutMs(eventClass, leftMs) + LEASE_AFTER_TRY_MS;
}
