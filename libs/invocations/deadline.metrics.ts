import { Injectable } from '@nestjs/common';
import type { Counter } from 'prom-client';
import { Metrics, type Series } from '#platform';
import { CloseStore } from './close.store.js';

const LATENESS_BOUNDS_S = [0.1, 0.25, 0.5, 1, 1.5, 2, 5, 10, 30, 60, 300, 3_600];
// More than this is read from the index at no scrape; whoever sees it knows enough.
const OVERDUE_MAX = 1_000;

/** How well deadlines are kept. */
@Injectable()
export class DeadlineMetrics {
  private readonly lateness: Series;
  private readonly refunds: Counter;

  constructor(metrics: Metrics, store: CloseStore) {
    this.lateness = metrics
      .histogram(
        'c4c_deadline_lateness_seconds',
        'Time from a deadline to the refund that the platform made for it.',
        LATENESS_BOUNDS_S,
      )
      .labels({});
    this.refunds = metrics.counter('c4c_deadline_refunds_total', 'Refunds that the platform made for deadlines.');
    metrics.sample(
      'c4c_deadlines_overdue',
      `Pending invocations past their deadline in the whole database, at most ${OVERDUE_MAX}.`,
      async () => (await store.due(OVERDUE_MAX)).length,
    );
  }

  /** The platform refunded at `settledAt` what was due at `deadlineAt`. */
  refunded(deadlineAt: Date, settledAt: Date): void {
    this.refunds.inc();
    this.lateness.observe((settledAt.getTime() - deadlineAt.getTime()) / 1_000);
  }
}
