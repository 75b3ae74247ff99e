import { boundRow, shownRow, skippedRow, type Row } from './figures.js';
import type { MemorySample } from './processes.js';
import { median } from './rounds.js';

const MEMORY_MAX_MB = 400;
// What a collector that runs when it likes may add between two minutes without anything being kept.
const GROWTH_MAX_PERCENT = 5;
const MINUTE_MS = 60_000;
const MB = 2 ** 20;

/** Resident memory at its highest, over everything that has been measured so far. */
export function peakRow(samples: readonly MemorySample[]): Row {
  const heap = Math.max(...samples.map(({ heapUsed }) => heapUsed));
  return boundRow({
    what: 'memory of the API process at its peak',
    figure: residentAtMost(samples),
    must: { atMost: MEMORY_MAX_MB },
    note: `of it heap at most ${String(Math.round(heap / MB))} MB; ${String(samples.length)} samples`,
  });
}

/** The same after the overload, when many more connections were open than are ever served at once. */
export function overloadMemoryRow(samples: readonly MemorySample[]): Row {
  return shownRow({
    what: 'memory of the API process at three times the peak rate',
    figure: residentAtMost(samples),
    note: 'with all connections of the overload open',
  });
}

function residentAtMost(samples: readonly MemorySample[]): { value: number; unit: string } {
  return { value: Math.round(Math.max(...samples.map(({ rss }) => rss)) / MB), unit: 'MB' };
}

const FLAT = 'growth of that memory over ten minutes at peak, in %';

/** The first minute is left out: caches fill and the collector finds its size. */
export function flatRow(samples: readonly MemorySample[], startMs: number, endMs: number): Row {
  const second = minuteFrom(samples, startMs + MINUTE_MS);
  const last = minuteFrom(samples, endMs - MINUTE_MS);
  const growth = (of: 'rss' | 'heapUsed'): number =>
    (median(last.map((sample) => sample[of])) / median(second.map((sample) => sample[of])) - 1) * 100;
  return boundRow({
    what: FLAT,
    figure: { value: growth('rss'), unit: '' },
    must: { atMost: GROWTH_MAX_PERCENT },
    note: `the last minute against the second, medians; heap in use ${growth('heapUsed').toFixed(1)} %`,
  });
}

export function flatSkippedRow(reason: string): Row {
  return skippedRow({ what: FLAT, must: { atMost: GROWTH_MAX_PERCENT }, reason });
}

function minuteFrom(samples: readonly MemorySample[], fromMs: number): MemorySample[] {
  return samples.filter(({ atMs }) => atMs >= fromMs && atMs < fromMs + MINUTE_MS);
}
