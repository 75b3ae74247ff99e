import type { DueDelivery, Refusal } from './delivery.js';
import { RecentFailures } from './failures.js';
import { HostBreaker } from './host-breaker.js';
import { Pace } from './pace.js';

/** What is paused, or not verified yet, is looked at again after so long; `DeliveryStore.wake` makes it sooner. */
const PAUSED_MS = 60_000;
/** Beyond this the ones that were used longest ago are forgotten, unless something is under way. */
const KNOWN_MAX = 10_000;
// A try that was let in while another one probed.
const JITTER_MS = 1_000;

export type Verdict = 'send' | Refusal;

/** A try arrived, failed at its address, or did not even get a connection to its host. */
export type Came = 'delivered' | 'failed' | 'unreached';

type Known = { pace: Pace; recent: RecentFailures };

/** Says of due deliveries whether they are sent now, from what this process knows of their endpoints and hosts. */
export class Judge {
  private readonly endpoints = new Map<bigint, Known>();
  private readonly hosts = new Map<string, HostBreaker>();
  private readonly hostNames = new Map<string, string>();

  constructor(private readonly random: () => number = Math.random) {}

  /** `send` takes a place, which is given back by `tried` or `leave`. */
  of(due: DueDelivery, nowMs: number): Verdict {
    if (due.isDeleted) return { do: 'end', status: 'cancelled' };
    if (due.isSuperseded) return { do: 'end', status: 'superseded' };
    // What was never tried is, however little time is left: the receiver may have become quicker.
    const neededMs = due.attempt === 0 ? 0 : this.usualMs(due.endpointId);
    if (due.leftMs !== null && due.leftMs <= neededMs) return { do: 'end', status: 'expired' };
    if (due.state === 'disabled') return { do: 'end', status: 'failed' };
    if (due.state === 'paused' || due.state === 'unverified') return this.wait(due, PAUSED_MS);
    if (due.breakerMs > 0) return this.wait(due, due.breakerMs + JITTER_MS * this.random());
    const host = this.hostOf(due.url);
    const hostMs = host.waitMs(nowMs);
    if (hostMs > 0) return this.wait(due, hostMs + JITTER_MS * this.random());
    const paceMs = this.known(due).pace.waitMs(nowMs, due.ratePerSecond, due.isHalfOpen ? 1 : undefined);
    if (paceMs === 0) return 'send';
    host.leave();
    return this.wait(due, paceMs);
  }

  /** The endpoint's rate has no try to give for so long. */
  later(due: DueDelivery, waitMs: number): Refusal {
    return this.wait(due, waitMs);
  }

  /** Nothing was sent after all. */
  leave(due: DueDelivery): void {
    const known = this.endpoints.get(due.endpointId);
    if (known !== undefined) known.pace.inFlight -= 1;
    this.hostOf(due.url).leave();
  }

  tried(due: DueDelivery, tookMs: number, came: Came, nowMs: number): void {
    const { pace, recent } = this.known(due);
    pace.ended(tookMs, came === 'delivered');
    recent.add(came !== 'delivered', nowMs);
    // A host that takes a connection is there: whatever one address of it then does, it may not close it to others.
    this.hostOf(due.url).tried(came === 'unreached', nowMs);
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

  /** How many hosts are left alone just now. */
  openHosts(nowMs: number): number {
    return [...this.hosts.values()].filter((host) => host.isOpen(nowMs)).length;
  }

  /** Work that would wait past its deadline is looked at again when that has come. */
  private wait({ leftMs }: DueDelivery, ms: number): { do: 'wait'; inMs: number } {
    return { do: 'wait', inMs: Math.max(1, Math.ceil(leftMs === null ? ms : Math.min(ms, leftMs))) };
  }

  private known(due: DueDelivery): Known {
    let known = this.endpoints.get(due.endpointId);
    if (known === undefined) {
      known = { pace: new Pace(), recent: new RecentFailures() };
      this.endpoints.set(due.endpointId, known);
      if (this.endpoints.size > KNOWN_MAX) {
        const [oldest] = this.endpoints;
        if (oldest !== undefined && oldest[1].pace.inFlight === 0) this.endpoints.delete(oldest[0]);
      }
    }
    return known;
  }

  private hostOf(url: string): HostBreaker {
    const host = this.hostNames.get(url) ?? this.readHost(url);
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

  private readHost(url: string): string {
    const host = URL.parse(url)?.host ?? url;
    if (this.hostNames.size >= KNOWN_MAX) this.hostNames.clear();
    this.hostNames.set(url, host);
    return host;
  }
}
