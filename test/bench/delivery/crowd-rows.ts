import { setTimeout as sleep } from 'node:timers/promises';
import { onServer } from '../bench-database.js';
import { boundRow, shownRow, skippedRow, type Measure, type Must, type Row } from '../figures.js';
import { planOf } from '../phases.js';
import type { PacedResult } from '../plan.js';
import { runPacedLoad } from '../processes.js';
import type { Run } from '../run.js';
import type { BenchMarket } from '../seed.js';
import type { Checked, CrowdFigures, CrowdTalk, StormFigures } from './crowd-talk.js';
import { withOwnMarket, type OwnMarket } from './market.js';
import { OrderedProcess } from './orders.js';
import { seedCrowd } from './seed-crowd.js';

const AGENTS_A_SIDE = 1_000;
const SOCKETS_PER_AGENT = 5;
const SOCKETS = 2 * AGENTS_A_SIDE * SOCKETS_PER_AGENT;
// Below the 500 that a node takes, so that nobody is refused before the storm.
const OPENED_PER_SECOND = 200;
const LIVES = { perSecond: 100, seed: 20_261_121, whenTaken: 'wait', mayRefuse: false } as const;
const OPEN_TIME = { rampMs: 0, measureMs: 30_000 };
const STORM_TIME = { rampMs: 0, measureMs: 75_000 };
// Lives are under way when the sockets are dropped.
const STORM_AFTER_MS = 5_000;
const STORM_WITHIN_MS = 120_000;
const CHECKED_WITHIN_MS = 60_000;
const CONNECTIONS = 64;
const MB = 2 ** 20;

const OPEN = `authenticated sockets open after half a minute of ${String(LIVES.perSecond)} lives/s`;
const OPEN_MUST = { atLeast: SOCKETS };
const MEMORY = `memory of the API process with ${String(SOCKETS)} sockets`;
const MEMORY_MUST = { atMost: 400 };
const BACK = `seconds until ${String(SOCKETS)} sockets dropped at once are back and caught up`;
const BACK_MUST = { atMost: 60 };
const LOST = 'events lost in that storm';
const DOUBLED = 'events doubled in it after de-duplication';
const NONE = { atMost: 0 };

/** Ten thousand sockets of `c4c.v1`, five to an agent, each a consumer of its own; then all of them dropped at once. */
export async function crowdRows(run: Run, serverUrl: string): Promise<Row[]> {
  const isStorm = run.parts.has('storm');
  const wanted: readonly (readonly [string, Must])[] = [
    ...(run.parts.has('sockets')
      ? ([
          [OPEN, OPEN_MUST],
          [MEMORY, MEMORY_MUST],
        ] as const)
      : []),
    ...(isStorm
      ? ([
          [BACK, BACK_MUST],
          [LOST, NONE],
          [DOUBLED, NONE],
        ] as const)
      : []),
  ];
  if (wanted.length === 0) return [];
  if (run.isQuick) {
    const reason = 'takes minutes; run without --quick';
    return wanted.map(([what, must]) => skippedRow({ what, must, reason }));
  }
  run.say(`\n${String(SOCKETS)} sockets.`);
  return withOwnMarket(run, serverUrl, { hasWorker: false }, async (own) => {
    const market = await seedCrowd(own.api.url, own.adminKey, AGENTS_A_SIDE);
    const crowd = OrderedProcess.start<CrowdTalk>('crowd.js');
    try {
      const keys = agentsOf(market).map(({ key }) => key);
      const plan = { url: own.api.url, keys, socketsPerKey: SOCKETS_PER_AGENT, perSecond: OPENED_PER_SECOND, after: 0 };
      const { tookMs } = await crowd.ask('open', plan);
      run.say(`All open after ${(tookMs / 1_000).toFixed(0)} s.`);
      const rows = run.parts.has('sockets') ? await openRows(run, own, market, crowd) : [];
      return isStorm ? [...rows, ...(await stormRows(run, own, market, crowd))] : rows;
    } finally {
      await crowd.stop();
    }
  });
}

async function openRows(
  run: Run,
  own: OwnMarket,
  market: BenchMarket,
  crowd: OrderedProcess<CrowdTalk>,
): Promise<Row[]> {
  await crowd.ask('reset', null);
  const lives = await runLives(run, own, market, OPEN_TIME);
  const figures = await crowd.ask('figures', null);
  const highest = Math.max(...own.api.memory.map(({ rss }) => rss)) / MB;
  return [
    boundRow({ what: OPEN, figure: { value: figures.open, unit: '' }, must: OPEN_MUST, note: noteOf(figures, lives) }),
    boundRow({
      what: MEMORY,
      figure: { value: Math.round(highest), unit: 'MB' },
      must: MEMORY_MUST,
      note: 'the highest since its start, so with the opening of all sockets and the lives',
    }),
  ];
}

async function stormRows(
  run: Run,
  own: OwnMarket,
  market: BenchMarket,
  crowd: OrderedProcess<CrowdTalk>,
): Promise<Row[]> {
  const living = runLives(run, own, market, STORM_TIME);
  await sleep(STORM_AFTER_MS);
  const storm = await crowd.ask('drop', { withinMs: STORM_WITHIN_MS });
  const lives = await living;
  const checked = await crowd.ask('check', {
    heads: await headsOf(own, market),
    withinMs: CHECKED_WITHIN_MS,
  });
  const highest = Math.max(...own.api.memory.map(({ rss }) => rss)) / MB;
  return [
    boundRow({ what: BACK, figure: seconds(storm), must: BACK_MUST, note: stormNote(storm, lives) }),
    boundRow({ what: LOST, figure: { value: checked.lost, unit: '' }, must: NONE, note: checkedNote(checked) }),
    boundRow({ what: DOUBLED, figure: { value: checked.doubled, unit: '' }, must: NONE }),
    shownRow({ what: 'memory of the API process after it', figure: { value: Math.round(highest), unit: 'MB' } }),
  ];
}

async function runLives(
  run: Run,
  { api }: OwnMarket,
  market: BenchMarket,
  time: { rampMs: number; measureMs: number },
): Promise<PacedResult> {
  const plan = { ...planOf({ url: api.url, market, listBytes: 0 }, time, 'life'), connections: CONNECTIONS };
  const lives = await runPacedLoad(plan, LIVES);
  if (lives.failures > 0)
    run.failures.push(`lives beside the sockets: ${String(lives.failures)} failed; ${lives.firstFailure ?? ''}`);
  return lives;
}

/** How many events each agent's stream has, in the order of the clients. */
async function headsOf({ database }: OwnMarket, market: BenchMarket): Promise<number[]> {
  const rows = await onServer<{ agentId: string; head: string }>(
    database.adminUrl,
    'select agent_id as "agentId", next_seq - 1 as head from market.agent_stream',
  );
  const heads = new Map(rows.map(({ agentId, head }) => [Number(agentId), Number(head)]));
  return agentsOf(market).map(({ agentId }) => heads.get(agentId) ?? 0);
}

function agentsOf({ callers, providers }: BenchMarket): { agentId: number; key: string }[] {
  return [...callers, ...providers];
}

/** Who did not come back at all is not back in time. */
function seconds({ dropped, back, lastMs }: StormFigures): Measure {
  return { value: dropped === SOCKETS && back === SOCKETS ? lastMs / 1_000 : Number.POSITIVE_INFINITY, unit: 's' };
}

function noteOf({ ended, firstEnd, p50Ms, p99Ms }: CrowdFigures, lives: PacedResult): string {
  const ends = ended === 0 ? '' : `; ${String(ended)} ended meanwhile: ${firstEnd ?? ''}`;
  return `event → frame p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms, five frames each; ${livesNote(lives)}${ends}`;
}

function stormNote({ dropped, back, middleMs, refused }: StormFigures, lives: PacedResult): string {
  return `${String(dropped)} dropped, ${String(back)} back, half of them within ${(middleMs / 1_000).toFixed(1)} s; ${String(refused)} upgrades refused on the way; ${livesNote(lives)}`;
}

function livesNote({ perSecond, p50Ms, p99Ms }: PacedResult): string {
  return `${perSecond.toFixed(0)} lives/s, p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`;
}

function checkedNote({ events, repeated }: Checked): string {
  return `${String(events)} events made something of, ${String(repeated)} came again and were known by their id`;
}
