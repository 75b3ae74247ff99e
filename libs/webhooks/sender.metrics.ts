import { Injectable } from '@nestjs/common';
import type { Counter } from 'prom-client';
import { Metrics, type EgressResult, type Series } from '#platform';
import type { EndStatus } from './delivery.js';
import { DeliveryStore } from './delivery.store.js';
import { EndpointHealthStore } from './endpoint-health.store.js';
import { ReplayStore } from './replay.store.js';

const TRY_BOUNDS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const LATENESS_BOUNDS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
// More than this is read from no index at a scrape; whoever sees it knows enough.
const COUNTED_MAX = 10_000;

type Outcome = 'delivered' | 'refused' | 'failed';

/** How well webhooks are delivered, as the process that sends them sees it. */
@Injectable()
export class SenderMetrics {
  private readonly madeTotal: Counter;
  private readonly endedTotal: Counter;
  private readonly triesTotal: Counter;
  private readonly seconds: Record<Outcome, Series>;
  private readonly lateness: Series;

  constructor(
    private readonly metrics: Metrics,
    deliveries: DeliveryStore,
    health: EndpointHealthStore,
    replays: ReplayStore,
  ) {
    this.madeTotal = metrics.counter('c4c_webhook_deliveries_made_total', 'Deliveries made from the event log.');
    this.endedTotal = metrics.counter(
      'c4c_webhook_deliveries_ended_total',
      'Deliveries that this process ended, by status.',
      ['status'],
    );
    this.triesTotal = metrics.counter(
      'c4c_webhook_tries_total',
      'Tries that have ended: delivered, refused with a class of status, failed for a reason.',
      ['outcome', 'cause'],
    );
    const seconds = metrics.histogram(
      'c4c_webhook_try_seconds',
      'Time of one try, from the look-up of the name to the end of the answer.',
      TRY_BOUNDS_S,
    );
    this.seconds = {
      delivered: seconds.labels({ outcome: 'delivered' }),
      refused: seconds.labels({ outcome: 'refused' }),
      failed: seconds.labels({ outcome: 'failed' }),
    };
    this.lateness = metrics
      .histogram(
        'c4c_webhook_try_lateness_seconds',
        'Time from when a try was due to when it began.',
        LATENESS_BOUNDS_S,
      )
      .labels({});
    metrics.sample(
      'c4c_webhook_deliveries_pending',
      `Deliveries that have not ended in the whole database, at most ${COUNTED_MAX}.`,
      () => deliveries.countPending(COUNTED_MAX),
    );
    metrics.sample(
      'c4c_webhook_oldest_due_seconds',
      'How long the delivery that is due the longest has been due, in the whole database.',
      () => deliveries.oldestDueS(),
    );
    metrics.sample(
      'c4c_webhook_breakers_open',
      `Endpoints that are left alone for a while, in the whole database, at most ${COUNTED_MAX}.`,
      () => health.countOpenBreakers(COUNTED_MAX),
    );
    metrics.sample(
      'c4c_webhook_replays_pending',
      `Replays that have not made all of their deliveries, in the whole database, at most ${COUNTED_MAX}.`,
      () => replays.countPending(COUNTED_MAX),
    );
  }

  /** What a sender knows of itself at any time. */
  watch(inFlight: () => number, openHosts: () => number): void {
    this.metrics.gauge('c4c_webhook_tries_in_flight', 'Tries under way.', inFlight);
    this.metrics.gauge(
      'c4c_webhook_host_breakers_open',
      'Hosts that this process leaves alone for a while.',
      openHosts,
    );
  }

  made(deliveries: number): void {
    if (deliveries > 0) this.madeTotal.inc(deliveries);
  }

  ended(status: EndStatus): void {
    this.endedTotal.inc({ status });
  }

  began(lateMs: number): void {
    this.lateness.observe(Math.max(0, lateMs) / 1_000);
  }

  tried(result: EgressResult, tookMs: number): void {
    const [outcome, cause] = verdictOn(result);
    this.triesTotal.inc({ outcome, cause });
    this.seconds[outcome].observe(tookMs / 1_000);
  }
}

function verdictOn(result: EgressResult): [Outcome, string] {
  if (result.kind === 'failed') return ['failed', result.reason];
  const statusClass = `${Math.floor(result.status / 100)}xx`;
  return [statusClass === '2xx' ? 'delivered' : 'refused', statusClass];
}
