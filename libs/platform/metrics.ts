import { Counter, Gauge, Registry } from 'prom-client';
import { Histogram, type MetricLabels } from './histogram.js';
import { within } from './within.js';

/** What a lane tells of its items. Each call takes well under 1 µs and never throws. */
export type LaneObserver = {
  /** An item was taken after so many milliseconds in the queue. */
  waited(ms: number): void;
  /** A call with so many items has come back, committed, after so many milliseconds. */
  committed(items: number, ms: number): void;
  /** An item left the queue, or never entered it, without having been sent. */
  refused(reason: 'full' | 'displaced' | 'cancelled'): void;
};

/** Bounds of buckets in seconds, for what takes from half a millisecond to the limit of a statement. */
const STATEMENT_BOUNDS_S = [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1, 2.5, 5];
const BATCH_BOUNDS = [1, 2, 4, 8, 16, 32, 64, 96, 128];
// A scraper asks every 15 s or so; whoever asks more often gets the same figure and costs the database nothing.
const SAMPLE_LIVES_MS = 5_000;
// A database that is away must not take the other figures with it.
const SAMPLE_WITHIN_MS = 1_000;

/**
 * The figures of this process, in a registry of its own: several applications may run in one process. Asking again for a
 * figure of the same name gives the same one, so API and worker can share a registry.
 */
export class Metrics {
  readonly contentType: string = Registry.PROMETHEUS_CONTENT_TYPE;
  private readonly registry = new Registry();
  private readonly counters = new Map<string, Counter>();
  private readonly histograms = new Map<string, Histogram>();
  private readonly readers = new Map<string, Reader[]>();
  private readonly lanes = new Map<string, LaneObserver>();
  private readonly sampled = new Set<string>();

  /** The observer of a lane; several lanes of one name are shown as one, with the sum of their depths. */
  lane(name: string, depth: () => number): LaneObserver {
    this.gauge('c4c_lane_depth', 'Items that wait to be taken by the lane.', depth, { lane: name });
    const observer = this.lanes.get(name) ?? this.observerOf({ lane: name });
    this.lanes.set(name, observer);
    return observer;
  }

  counter(name: string, help: string, labelNames: readonly string[] = []): Counter {
    const known = this.counters.get(name);
    if (known !== undefined) return known;
    const counter = new Counter({ name, help, labelNames, registers: [this.registry] });
    this.counters.set(name, counter);
    return counter;
  }

  histogram(name: string, help: string, bounds: readonly number[]): Histogram {
    const histogram = this.histograms.get(name) ?? new Histogram(name, help, bounds);
    this.histograms.set(name, histogram);
    return histogram;
  }

  /** A figure that is read at each scrape. Several readers of the same name and labels are added up. */
  gauge(name: string, help: string, read: () => number, labels: MetricLabels = {}): void {
    this.readAtScrape(Gauge, name, help, { labels, read });
  }

  /** The same for a number that only grows and that something else counts already. */
  counted(name: string, help: string, read: () => number, labels: MetricLabels = {}): void {
    this.readAtScrape(Counter, name, help, { labels, read });
  }

  /**
   * A figure of the whole database, asked for at a scrape and then kept for 5 s. It is NaN while it cannot be had. The first
   * one to offer it is asked: what several parts of a process know is the same number.
   */
  sample(name: string, help: string, read: () => Promise<number>): void {
    if (this.sampled.has(name)) return;
    this.sampled.add(name);
    let readAtMs = Number.NEGATIVE_INFINITY;
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [this.registry],
      collect: async () => {
        if (performance.now() - readAtMs < SAMPLE_LIVES_MS) return;
        readAtMs = performance.now();
        gauge.set(await within(SAMPLE_WITHIN_MS, read(), name).catch(() => Number.NaN));
      },
    });
  }

  /** All figures in Prometheus' text format. */
  async text(): Promise<string> {
    return [await this.registry.metrics(), ...[...this.histograms.values()].map((one) => one.text())].join('\n');
  }

  /** The names of all figures. */
  names(): string[] {
    return [...this.registry.getMetricsAsArray().map(({ name }) => name), ...this.histograms.keys()];
  }

  private observerOf(labels: { lane: string }): LaneObserver {
    const wait = this.histogram(
      'c4c_lane_wait_seconds',
      'Time an item waited before it was sent.',
      STATEMENT_BOUNDS_S,
    ).labels(labels);
    const batch = this.histogram('c4c_lane_batch_items', 'Items in one call that committed.', BATCH_BOUNDS).labels(
      labels,
    );
    const commit = this.histogram(
      'c4c_lane_commit_seconds',
      'Time of one call, from sending it to its commit.',
      STATEMENT_BOUNDS_S,
    ).labels(labels);
    const refused = { full: 0, displaced: 0, cancelled: 0 };
    const help = 'Items that left without having been sent.';
    this.counted('c4c_lane_refused_total', help, () => refused.full, { ...labels, reason: 'full' });
    this.counted('c4c_lane_refused_total', help, () => refused.displaced, { ...labels, reason: 'displaced' });
    this.counted('c4c_lane_refused_total', help, () => refused.cancelled, { ...labels, reason: 'cancelled' });
    return {
      waited: (ms) => wait.observe(ms / 1_000),
      committed: (items, ms) => {
        batch.observe(items);
        commit.observe(ms / 1_000);
      },
      refused: (reason) => void (refused[reason] += 1),
    };
  }

  private readAtScrape(kind: typeof Gauge | typeof Counter, name: string, help: string, reader: Reader): void {
    const known = this.readers.get(name);
    if (known !== undefined) {
      known.push(reader);
      return;
    }
    const readers = [reader];
    this.readers.set(name, readers);
    const metric: Gauge | Counter = new kind({
      name,
      help,
      labelNames: Object.keys(reader.labels),
      registers: [this.registry],
      collect: () => {
        metric.reset();
        for (const { labels, read } of readers) metric.inc(labels, read());
      },
    });
  }
}

type Reader = { labels: MetricLabels; read: () => number };
