import { ratioRow, type Must, type Row } from './figures.js';
import type { LoadResult } from './plan.js';

/** One measurement a round, by phase. */
export type Rounds = Map<string, LoadResult[]>;

export type Figure = { name: string; perSecond: number; p50Ms: number; p99Ms: number };

export function addTo(rounds: Rounds, name: string, result: LoadResult): void {
  rounds.set(name, [...(rounds.get(name) ?? []), result]);
}

/** The middle of what the rounds gave. */
export function figuresOf(rounds: Rounds): Figure[] {
  return [...rounds.keys()].map((name) => ({
    name,
    perSecond: middleOf(rounds, name, 'perSecond'),
    p50Ms: middleOf(rounds, name, 'p50Ms'),
    p99Ms: middleOf(rounds, name, 'p99Ms'),
  }));
}

/** One phase's rate over another's: the middle of the rounds' own ratios. The two were measured within the same half minute, so
 *  a busy neighbour met both. */
export function rateRow(rounds: Rounds, row: { above: string; below: string; must: Must; note?: string }): Row {
  const { above, below, must, note } = row;
  return ratioRow({
    what: `${above} ÷ ${below}`,
    figure: { value: middleOf(rounds, above, 'perSecond'), unit: '/s' },
    reference: { value: middleOf(rounds, below, 'perSecond'), unit: '/s' },
    ratio: median(quotients(rounds, above, below, 'perSecond')),
    must,
    ...(note === undefined ? {} : { note }),
  });
}

/** The same of two latencies. */
export function p99Row(
  rounds: Rounds,
  row: { what: string; above: string; below: string; must: Must; note: string },
): Row {
  const { what, above, below, must, note } = row;
  return ratioRow({
    what,
    figure: { value: middleOf(rounds, above, 'p99Ms'), unit: 'ms' },
    reference: { value: middleOf(rounds, below, 'p99Ms'), unit: 'ms' },
    ratio: median(quotients(rounds, above, below, 'p99Ms')),
    must,
    note,
  });
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = Number.NaN, high = Number.NaN] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  return (low + high) / 2;
}

type Of = 'perSecond' | 'p50Ms' | 'p99Ms';

function middleOf(rounds: Rounds, name: string, of: Of): number {
  return median((rounds.get(name) ?? []).map((result) => result[of]));
}

function quotients(rounds: Rounds, above: string, below: string, of: Of): number[] {
  const references = rounds.get(below) ?? [];
  return (rounds.get(above) ?? []).map((result, round) => result[of] / (references[round]?.[of] ?? Number.NaN));
}
