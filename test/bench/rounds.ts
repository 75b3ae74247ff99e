import type { LoadResult } from './plan.js';

/** One measurement a round, by name. */
export type Rounds = Map<string, LoadResult[]>;

export type Figure = { name: string; perSecond: number; p50Ms: number; p99Ms: number };
export type Ratio = { name: string; value: number; goal: string };

/** The middle of what the rounds gave. */
export function figuresOf(rounds: Rounds): Figure[] {
  return [...rounds].map(([name, results]) => ({
    name,
    perSecond: median(results.map((result) => result.perSecond)),
    p50Ms: median(results.map((result) => result.p50Ms)),
    p99Ms: median(results.map((result) => result.p99Ms)),
  }));
}

/** The middle of the rounds' own ratios: the two were measured within the same half minute, so a busy neighbour met both. */
export function ratioOf(rounds: Rounds, name: string, to: string, goal: string): Ratio {
  const [above = [], below = []] = [rounds.get(name), rounds.get(to)];
  const values = above.map((result, round) => result.perSecond / (below[round]?.perSecond ?? Number.NaN));
  return { name: `${name} ÷ ${to}`, value: median(values), goal };
}

export function tableOf(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, perSecond, p50Ms, p99Ms }) => [
    name,
    perSecond.toFixed(0),
    p50Ms.toFixed(2),
    p99Ms.toFixed(2),
  ]);
  return columns([['figure', 'per second', 'p50 ms', 'p99 ms'], ...rows]);
}

export function ratioTableOf(ratios: readonly Ratio[]): string {
  return columns([
    ['ratio', 'measured', 'goal'],
    ...ratios.map(({ name, value, goal }) => [name, value.toFixed(2), goal]),
  ]);
}

function columns(rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) =>
      row.map((cell, n) => (n === 0 ? cell.padEnd(widths[n] ?? 0) : cell.padStart(widths[n] ?? 0))).join('  '),
    )
    .join('\n');
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = Number.NaN, high = Number.NaN] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  return (low + high) / 2;
}
