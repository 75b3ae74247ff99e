import { MARKET_PATH } from './actions.js';
import { runPgbench, type DirectPlan } from './direct.js';
import { withoutEvents } from './event-log.js';
import type { LoadPlan, LoadResult } from './plan.js';
import { runLoad } from './processes.js';
import type { BenchMarket } from './seed.js';

/** Where a phase finds what it loads. */
export type Stage = {
  url: string;
  market: BenchMarket;
  appUrl: string;
  adminUrl: string;
  /** Undefined where there is none: the direct phases are left out then. */
  pgbench: string | undefined;
  conventionalUrl: string;
  /** Length of the market list's answer, for the bare GET of the same size. */
  listBytes: number;
};

/** A phase of a round: named, and run as long as it is told to. */
export type Phase = (stage: Stage, time: PhaseTime) => Promise<LoadResult>;
export type PhaseTime = { rampMs: number; measureMs: number };

export const CONNECTIONS = 64;

/** What is measured with closed loops, in the order of a round: what is compared stands close together. */
export const PHASES = {
  'authenticated GET': http('get'),
  'bare GET': http('bare get'),
  'market list': http('market'),
  'invoke, the conventional way': (stage, time) =>
    runLoad({ ...planOf(stage, time, 'invoke'), url: stage.conventionalUrl }),
  invoke: http('invoke'),
  'invoke, no event written': noEvents(http('invoke')),
  'direct invoke': direct('invoke'),
  'direct invoke, no event written': noEvents(direct('invoke')),
  'invoke, 9 of 10 on one provider': http('invoke', { hotOfTen: 9 }),
  'invoke, one wallet': http('invoke', { isOneWallet: true }),
  life: http('life'),
  'direct life': direct('life'),
  'life, 9 of 10 on one provider': http('life', { hotOfTen: 9 }),
  'life, one wallet': http('life', { isOneWallet: true }),
} satisfies Record<string, Phase>;

export type PhaseName = keyof typeof PHASES;

/** The load of one action on the API by 64 connections, as the phases use it. */
export function planOf(
  { url, market, listBytes }: Pick<Stage, 'url' | 'market' | 'listBytes'>,
  time: PhaseTime,
  kind: LoadPlan['kind'],
): LoadPlan {
  return { kind, url, market, hotOfTen: 0, connections: CONNECTIONS, bytes: listBytes, ...time };
}

/** How many bytes the market list's answer has now. */
export async function listBytesOf(url: string): Promise<number> {
  const response = await fetch(`${url}${MARKET_PATH}`);
  if (!response.ok) throw new Error(`the market list answered ${String(response.status)}`);
  return (await response.arrayBuffer()).byteLength;
}

function http(kind: LoadPlan['kind'], spread: { hotOfTen?: number; isOneWallet?: boolean } = {}): Phase {
  return (stage, time) => {
    const { callers, providers } = stage.market;
    const market = { callers: spread.isOneWallet === true ? callers.slice(0, 1) : callers, providers };
    return runLoad({ ...planOf(stage, time, kind), market, hotOfTen: spread.hotOfTen ?? 0 });
  };
}

function direct(kind: DirectPlan['kind']): Phase {
  return ({ appUrl, market, pgbench }, { measureMs }) => {
    if (pgbench === undefined) throw new Error('there is no pgbench');
    return runPgbench(pgbench, { kind, appUrl, market, seconds: Math.max(1, Math.round(measureMs / 1_000)) });
  };
}

function noEvents(phase: Phase): Phase {
  return (stage, time) => withoutEvents(stage.adminUrl, () => phase(stage, time));
}
