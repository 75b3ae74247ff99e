import { ratioRow, shownRow, type Must, type Row } from '../figures.js';
import { median } from '../rounds.js';
import type { LedgerDatabase } from './ledger-database.js';
import {
  BATCH,
  HOLD,
  HOLD_AND_SETTLE,
  HOLD_AND_SETTLE_MANY,
  SETTINGS_OF_THE_CALLERS,
  VARIABLES,
} from './ledger-scripts.js';
import { fillPgbenchTables, transactionsPerSecond } from './pgbench.js';

const TPCB_SCALE = 50;
const CLIENTS = 8;
const HOT = 'nine of ten on one provider';

type Shape = { what: string; text: string; clients: number; perTransaction: number; must?: Must; isUnsafe?: true };

const SHAPES: readonly Shape[] = [
  { what: `ledger: hold, ${HOT}`, text: HOLD, clients: CLIENTS, perTransaction: 1, must: { atLeast: 1.8 } },
  {
    what: `ledger: hold and settle in two commits, ${HOT}`,
    text: HOLD_AND_SETTLE,
    clients: CLIENTS,
    perTransaction: 1,
    must: { atLeast: 0.9 },
  },
  {
    what: `ledger: hold and settle, ${String(BATCH)} a call on one connection, ${HOT}`,
    text: HOLD_AND_SETTLE_MANY,
    clients: 1,
    perTransaction: BATCH,
    must: { atLeast: 4 },
  },
  {
    what: `ledger, not durable: hold and settle in two commits, ${HOT}`,
    text: HOLD_AND_SETTLE,
    clients: CLIENTS,
    perTransaction: 1,
    isUnsafe: true,
  },
];

/** What these rows must keep, where they cannot be measured. */
export const LEDGER_MUSTS = SHAPES.flatMap(({ what, must }) =>
  must === undefined ? [] : [{ what: nameOf(what), must }],
);

/** The ledger's functions alone as multiples of pgbench's TPC-B-like script: the same server, and in every round one after the other. */
export async function ledgerRows(
  { ledgerUrl, tpcbUrl }: LedgerDatabase,
  { pgbench, rounds, seconds, isQuick }: { pgbench: string; rounds: number; seconds: number; isQuick: boolean },
): Promise<Row[]> {
  const common = { pgbench, for: { seconds } };
  const measure = async ({ text, clients, perTransaction, isUnsafe }: Shape, forSeconds: number): Promise<number> =>
    perTransaction *
    (await transactionsPerSecond({
      ...common,
      for: { seconds: forSeconds },
      url: ledgerUrl,
      script: { text },
      clients,
      variables: VARIABLES,
      settings: { ...SETTINGS_OF_THE_CALLERS, ...(isUnsafe === true ? { synchronous_commit: 'off' } : {}) },
    }));
  const tpcb = (): Promise<number> =>
    transactionsPerSecond({ ...common, url: tpcbUrl, script: { builtin: 'tpcb-like' }, clients: CLIENTS });

  // What must keep nothing is shown where there is time for it.
  const shapes = SHAPES.filter(({ must }) => must !== undefined || !isQuick);
  await fillPgbenchTables(pgbench, tpcbUrl, TPCB_SCALE);
  // Empty tables have neither pages nor plans.
  for (const shape of shapes) await measure(shape, 1);
  const measured = new Map<Shape, { perSecond: number; reference: number }[]>();
  for (let round = 0; round < rounds; round += 1) {
    for (const shape of shapes) {
      const reference = await tpcb();
      const perSecond = await measure(shape, seconds);
      measured.set(shape, [...(measured.get(shape) ?? []), { perSecond, reference }]);
    }
  }
  return [...measured].map(([shape, values]) => rowOf(shape, values));
}

function rowOf({ what, must, isUnsafe }: Shape, values: readonly { perSecond: number; reference: number }[]): Row {
  const row = {
    what: nameOf(what),
    figure: { value: median(values.map(({ perSecond }) => perSecond)), unit: '/s' },
    reference: { value: median(values.map(({ reference }) => reference)), unit: '/s' },
    ratio: median(values.map(({ perSecond, reference }) => perSecond / reference)),
    note:
      isUnsafe === true
        ? 'synchronous_commit = off, which may lose what was acknowledged; the product never uses it'
        : `TPC-B-like at scale ${String(TPCB_SCALE)} with ${String(CLIENTS)} clients`,
  };
  return must === undefined ? shownRow(row) : ratioRow({ ...row, must });
}

function nameOf(what: string): string {
  return `${what} ÷ TPC-B-like`;
}
