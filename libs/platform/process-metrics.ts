import { readdirSync } from 'node:fs';
import {
  constants,
  monitorEventLoopDelay,
  performance,
  PerformanceObserver,
  type PerformanceEntry,
} from 'node:perf_hooks';
import type { Metrics } from './metrics.js';

const DELAY_RESOLUTION_MS = 20;
const GC_BOUNDS_S = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];
const GC_KINDS = new Map<unknown, string>([
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakcb'],
]);
const OPEN_FILES = '/proc/self/fd';

/**
 * The process itself: CPU, memory, event loop, collections. Under the names that every Node process uses, but not by
 * prom-client's own collectors, which can never be ended.
 * @returns a function that ends the watch
 */
export function watchProcess(metrics: Metrics): () => void {
  watchUse(metrics);
  const endLoop = watchLoop(metrics);
  const endCollections = watchCollections(metrics);
  return () => {
    endLoop();
    endCollections();
  };
}

function watchUse(metrics: Metrics): void {
  metrics.counted('process_cpu_seconds_total', 'CPU time of the process, user and system.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  const startedAtS = Math.round(performance.timeOrigin) / 1_000;
  metrics.gauge('process_start_time_seconds', 'When the process began, in seconds since 1970.', () => startedAtS);
  metrics.gauge('process_resident_memory_bytes', 'Memory of the process.', () => process.memoryUsage.rss());
  metrics.gauge('process_open_fds', 'Open files and sockets; 0 where the system does not tell.', openFiles);
  metrics.gauge('nodejs_heap_size_used_bytes', 'JavaScript heap in use.', () => process.memoryUsage().heapUsed);
  metrics.gauge('nodejs_heap_size_total_bytes', 'JavaScript heap reserved.', () => process.memoryUsage().heapTotal);
  metrics.gauge(
    'nodejs_external_memory_bytes',
    'Memory of buffers and other objects outside of the heap.',
    () => process.memoryUsage().external,
  );
}

function watchLoop(metrics: Metrics): () => void {
  const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  delay.enable();
  const help = (which: string): string =>
    `${which} of the time between two looks of the event loop at its timers, which are ${DELAY_RESOLUTION_MS} ms apart when nothing blocks it; since the last scrape.`;
  metrics.gauge('nodejs_eventloop_lag_p50_seconds', help('Median'), () => delay.percentile(50) / 1e9);
  metrics.gauge('nodejs_eventloop_lag_p99_seconds', help('99th percentile'), () => delay.percentile(99) / 1e9);
  metrics.gauge('nodejs_eventloop_lag_max_seconds', help('Maximum'), () => {
    const max = delay.max / 1e9;
    // The last one of the three to be read.
    delay.reset();
    return max;
  });
  let before = performance.eventLoopUtilization();
  metrics.gauge(
    'nodejs_eventloop_utilization',
    'Part of the time in which the event loop was busy, 0 to 1; since the last scrape.',
    () => {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, before);
      before = now;
      return utilization;
    },
  );
  return () => delay.disable();
}

function watchCollections(metrics: Metrics): () => void {
  const durations = metrics.histogram('nodejs_gc_duration_seconds', 'Garbage collections by kind.', GC_BOUNDS_S);
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      durations.labels({ kind: GC_KINDS.get(kindOf(entry)) ?? 'other' }).observe(entry.duration / 1_000);
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return () => observer.disconnect();
}

/** Where Node keeps the kind of a collection, which its types leave out. */
function kindOf(entry: PerformanceEntry): unknown {
  const detail: unknown = Reflect.get(entry, 'detail');
  return typeof detail === 'object' && detail !== null ? Reflect.get(detail, 'kind') : undefined;
}

function openFiles(): number {
  try {
    return readdirSync(OPEN_FILES).length;
  } catch {
    // Only Linux has this folder.
    return 0;
  }
}
