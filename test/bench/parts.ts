import { skippedRow, type Must, type Row } from './figures.js';
import type { PhaseName } from './phases.js';
import { rateRow, type Rounds } from './rounds.js';

/** A part of the table that comes from closed loops: two phases compared in each round. */
type Comparison = { above: PhaseName; below: PhaseName; must: Must; note?: string };

/** What `--only` can name, with the rows that stand behind it, in the order of the table. */
export const COMPARISONS = {
  invoke: [{ above: 'invoke', below: 'direct invoke', must: { atLeast: 1 } }],
  life: [{ above: 'life', below: 'direct life', must: { atLeast: 0.8 } }],
  hot: [
    { above: 'invoke, 9 of 10 on one provider', below: 'invoke', must: { atLeast: 0.85 } },
    { above: 'life, 9 of 10 on one provider', below: 'life', must: { atLeast: 0.85 } },
  ],
  wallet: [
    { above: 'invoke, one wallet', below: 'invoke', must: { atLeast: 0.6 } },
    { above: 'life, one wallet', below: 'life', must: { atLeast: 0.6 } },
  ],
  conventional: [{ above: 'invoke', below: 'invoke, the conventional way', must: { atLeast: 12 } }],
  log: [
    { above: 'invoke', below: 'invoke, no event written', must: { atLeast: 0.85 } },
    { above: 'direct invoke', below: 'direct invoke, no event written', must: { atLeast: 0.85 } },
  ],
  market: [{ above: 'market list', below: 'bare GET', must: { atLeast: 0.5 } }],
} satisfies Record<string, Comparison[]>;

export type ComparisonPart = keyof typeof COMPARISONS;

const OVER_HTTP = ['latency', 'overload', 'memory', 'frames'] as const;
/** On servers and in databases of their own. */
const APART = ['sockets', 'storm', 'webhooks', 'dead-endpoint', 'ledger', 'growth', 'crash'] as const;

export type Part = ComparisonPart | (typeof OVER_HTTP)[number] | (typeof APART)[number];

export const PARTS: readonly Part[] = [...(Object.keys(COMPARISONS) as ComparisonPart[]), ...OVER_HTTP, ...APART];

/** Whether any of these parts needs the API that all rows over HTTP share. */
export function needsHttp(parts: ReadonlySet<Part>): boolean {
  const apart: readonly Part[] = APART;
  return [...parts].some((part) => !apart.includes(part));
}

/** The phases that these parts need; each runs once a round, however many rows want it. */
export function phasesOf(parts: ReadonlySet<Part>, hasPgbench: boolean): Set<PhaseName> {
  const names = comparisonsOf(parts).flatMap(({ above, below }) => [above, below]);
  return new Set(names.filter((name) => hasPgbench || !name.startsWith('direct')));
}

export function comparisonRows(parts: ReadonlySet<Part>, rounds: Rounds, hasPgbench: boolean): Row[] {
  return comparisonsOf(parts).map((comparison) => {
    const { above, below, must } = comparison;
    if (hasPgbench || !below.startsWith('direct')) return rateRow(rounds, comparison);
    return skippedRow({ what: `${above} ÷ ${below}`, must, reason: 'there is no pgbench here' });
  });
}

/** @throws a sentence for the person at the terminal */
export function partsFrom(only: string | undefined): Set<Part> {
  const names = only === undefined ? PARTS : only.split(',').map((name) => name.trim());
  return new Set(
    names.map((name) => {
      const part = PARTS.find((known) => known === name);
      if (part === undefined) throw new Error(`--only knows ${PARTS.join(', ')}; not "${name}"`);
      return part;
    }),
  );
}

function comparisonsOf(parts: ReadonlySet<Part>): Comparison[] {
  return Object.entries(COMPARISONS).flatMap(([part, comparisons]: [string, Comparison[]]) =>
    parts.has(part as ComparisonPart) ? comparisons : [],
  );
}
