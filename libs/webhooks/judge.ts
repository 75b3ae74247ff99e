import type { Decision, DueDelivery } from './delivery.store.js';
import { RecentFailures } from './failures.js';
import { HostBreaker } from './host-breaker.js';
import { Pace } from './pace.js';

/** What is paused, or not verified yet, is looked at again after so long; `DeliveryStore.wake` makes it sooner. */
const PAUSED_MS = 60_000;
/** Beyond this the ones that were used longest ago are forgotten, unless something is under way. */
const KNOWN_MAX = 10_000;
// A try that was let in while another one probed.
const JITTER_MS = 1_000;

export type Verdict = 'send' | Exclude<Decision, { do: 'send' }>;

type Known = { pace: Pace; recent: RecentFailures };

/** Says of due deliveries whether they are sent now, from what this process knows of their endpoints and hosts. */
export class Judge {
  private readonly endpoints = new Map<bigint, Known>();
  private readonly hosts = new Map<string, HostBreaker>();

  constructor(private readonly random: () => number = Math.random) {}

  /** `send` takes a place, which is given back by `tried` or `leave`. */
  of(due: DueDelivery, nowMs: number): Verdict {
    if (due.isDeleted) return { do: 'end', status: 'cancelled' };
    if (due.isSuperseded) return { do: 'end', status: 'superseded' };
    if (due.leftMs !== null && due.leftMs <= this.usualMs(due.endpointId)) return { do: 'end', status: 'expired' };
    if (due.state === 'disabled') return { do: 'end', status: 'failed' };
    if (due.state === 'paused' || due.state === 'unverified') return this.wait(due, PAUSED_MS);
    if (due.breakerMs > 0) return this.wait(due, due.breakerMs + JITTER_MS * this.random());
    const host = this.hostOf(due.url);
    const hostMs = host.waitMs(nowMs);
    if (hostMs > 0) return this.wait(due, hostMs + JITTER_MS * this.random());
    const { pace } = this.known(due, nowMs);
    const paceMs = pace.waitMs(nowMs, due.isHalfOpen ? 1 : undefined);
    if (paceMs === 0) return 'send';
    host.leave();
    return this.wait(due, paceMs);
  }

  /** Nothing was sent after all. */
  leave(due: DueDelivery): void {
    const known = this.endpoints.get(due.endpointId);
    if (known !== undefined) known.pace.inFlight -= 1;
    this.hostOf(due.url).leave();
  }

  tried(due: DueDelivery, tookMs: number, came: 'delivered' | 'refused' | 'unanswered', nowMs: number): void {
    const { pace, recent } = this.known(due, nowMs);
    pace.ended(tookMs);
    recent.add(came !== 'delivered', nowMs);
    // A host that refuses is there: nobody's wrong address may close it to others.
    this.hostOf(due.url).tried(came === 'unanswered', nowMs);
  }

  usualMs(endpointId: bigint): number {
    return this.endpoints.get(endpointId)?.pace.usualMs ?? 0;
  }

  /** Whether too many tries of late failed; told once. */
  hasFailedOften(endpointId: bigint, nowMs: number): boolean {
    const recent = this.endpoints.get(endpointId)?.recent;
    if (recent?.areMany(nowMs) !== true) return false;
    recent.forget();
    return true;
  }

  /** Work that would wait past its deadline is looked at again when that has come. */
  private wait({ leftMs }: DueDelivery, ms: number): { do: 'wait'; inMs: number } {
    return { do: 'wait', inMs: Math.max(1, Math.ceil(leftMs === null ? ms : Math.min(ms, leftMs))) };
  }

  private known(due: DueDelivery, nowMs: number): Known {
    let known = this.endpoints.get(due.endpointId);
    if (known === undefined) {
      known = { pace: new Pace(due.ratePerSecond, nowMs), recent: new RecentFailures() };
      this.endpoints.set(due.endpointId, known);
      if (this.endpoints.size > KNOWN_MAX) {
        const [oldest] = this.endpoints;
        if (oldest !== undefined && oldest[1].pace.inFlight === 0) this.endpoints.delete(oldest[0]);
      }
    }
    known.pace.setRate(due.ratePerSecond);
    return known;
  }

  private hostOf(url: string): HostBreaker {
    const host = URL.parse(url)?.host ?? url;
    let breaker = this.hosts.get(host);
    if (breaker === undefined) {
      breaker = new HostBreaker();
      this.hosts.set(host, breaker);
      if (this.hosts.size > KNOWN_MAX) {
        const [oldest] = this.hosts.keys();
        if (oldest !== undefined) this.hosts.delete(oldest);
      }
    }
    return breaker;
  }
}
