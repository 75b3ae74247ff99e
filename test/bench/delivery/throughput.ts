import { setTimeout as sleep } from 'node:timers/promises';
import { onServer } from '../bench-database.js';
import { ratioRow, shownRow, type Row } from '../figures.js';
import { planOf } from '../phases.js';
import { runLoad, type ApiProcess } from '../processes.js';
import { median } from '../rounds.js';
import type { Run } from '../run.js';
import { seedMarket, type BenchMarket } from '../seed.js';
import { addEndpoint } from './endpoints.js';
import type { OwnMarket } from './market.js';
import { OrderedProcess } from './orders.js';
import type { ReceiverFigures, ReceiverTalk } from './receiver-talk.js';
import type { UndiciTalk } from './undici-talk.js';

export const WEBHOOKS_WHAT = 'webhook deliveries, an attempt row each ÷ a bare undici loop with as many in flight';
export const WEBHOOKS_MUST = { atLeast: 0.4 };

const MARKET = { callers: 64, providers: 64, name: 'webhooks' };
const ROUNDS = 3;
const BACKLOG_MS = { warmUp: 1_000, round: 4_000 };
const DELIVERED_WITHIN_MS = 120_000;
const WRITTEN_WITHIN_MS = 20_000;
const LOOK_EVERY_MS = 20;
const BARE_TIME = { warmUpMs: 1_000, measureMs: 3_000 };

type Drained = { perSecond: number; inFlight: number; seen: ReceiverFigures };
type Round = Drained & { bare: number; bareOnAll: number };

/** A backlog that the worker finds is sent until the last attempt is written down, and then the same is sent by a bare loop. */
export async function throughputRows(run: Run, own: OwnMarket, receiver: OrderedProcess<ReceiverTalk>): Promise<Row[]> {
  const market = await seedMarket(own.api.url, own.adminKey, MARKET);
  const { url } = await receiver.ask('listen', null);
  for (const provider of market.providers) await addEndpoint(own, provider, url);
  const worker = await own.startWorker();
  const bare = OrderedProcess.start<UndiciTalk>('undici-loop.js');
  const rounds: Round[] = [];
  try {
    // It is not held before it has reached its database.
    await drain(own, market, undefined, receiver, BACKLOG_MS.warmUp);
    for (let round = 0; round < ROUNDS; round += 1) {
      const drained = await drain(own, market, worker, receiver, BACKLOG_MS.round);
      const rates: number[] = [];
      for (const connections of [drained.inFlight, drained.seen.connections]) {
        const order = { url, connections, bytes: drained.seen.bytes, ...BARE_TIME };
        const { perSecond, failures } = await bare.ask('run', order);
        if (failures > 0) run.failures.push(`the bare loop: ${String(failures)} requests were not answered with 204`);
        rates.push(perSecond);
      }
      const [rate = Number.NaN, onAll = Number.NaN] = rates;
      rounds.push({ ...drained, bare: rate, bareOnAll: onAll });
    }
  } finally {
    await bare.stop();
  }
  const middle = (of: (round: Round) => number): number => median(rounds.map(of));
  return [
    ratioRow({
      what: WEBHOOKS_WHAT,
      figure: { value: middle(({ perSecond }) => perSecond), unit: '/s' },
      reference: { value: middle((round) => round.bare), unit: '/s' },
      ratio: middle((round) => round.perSecond / round.bare),
      must: WEBHOOKS_MUST,
      note: `${String(middle(({ inFlight }) => inFlight))} requests in flight on average, of ${String(middle(({ seen }) => seen.connections))} connections; bodies of ${String(middle(({ seen }) => seen.bytes))} B, backlogs of ${String(middle(({ seen }) => seen.hits))} deliveries`,
    }),
    shownRow({
      what: 'the same ÷ a bare undici loop that keeps every connection of the sender busy',
      figure: { value: middle(({ perSecond }) => perSecond), unit: '/s' },
      reference: { value: middle((round) => round.bareOnAll), unit: '/s' },
      ratio: middle((round) => round.perSecond / round.bareOnAll),
    }),
    shownRow({
      what: 'of them a second while requests were going out, the last rows not waited for',
      figure: { value: middle(({ seen }) => (seen.hits * 1_000) / (seen.lastAtMs - seen.firstAtMs)), unit: '/s' },
    }),
  ];
}

/** Lets events gather while the worker is held, then times it. */
async function drain(
  own: OwnMarket,
  market: BenchMarket,
  worker: ApiProcess | undefined,
  receiver: OrderedProcess<ReceiverTalk>,
  gatherMs: number,
): Promise<Drained> {
  worker?.signal('SIGSTOP');
  await receiver.ask('reset', null);
  const before = await attemptsOf(own);
  const gathering = planOf({ url: own.api.url, market, listBytes: 0 }, { rampMs: 0, measureMs: gatherMs }, 'invoke');
  const { failures, firstFailure } = await runLoad(gathering);
  if (failures > 0) throw new Error(`the backlog of webhooks: ${firstFailure ?? ''}`);
  const events = await invocationsOf(own);
  // What the load has left to be written goes to the disk now and not beside the deliveries.
  await onServer(own.database.adminUrl, 'checkpoint');
  worker?.signal('SIGCONT');
  const seen = await receiver.ask('until', { hits: events - before, withinMs: DELIVERED_WITHIN_MS });
  const writtenAtMs = await whenWritten(own, events);
  if (seen.hits !== events - before)
    throw new Error(`${String(seen.hits)} requests for ${String(events - before)} deliveries`);
  const tookMs = writtenAtMs - seen.firstAtMs;
  const inFlight = Math.max(1, Math.round((await underWayMs(own, seen.hits)) / (seen.lastAtMs - seen.firstAtMs)));
  return { perSecond: (seen.hits * 1_000) / tookMs, inFlight, seen };
}

/** How long the newest tries took, all together: over the time of sending, that is how many were under way on average. */
async function underWayMs({ database }: OwnMarket, tries: number): Promise<number> {
  const [row] = await onServer<{ ms: number }>(
    database.adminUrl,
    `select sum(total_ms)::float8 as ms from (
      select total_ms from market.delivery_attempt order by at desc limit ${String(tries)}) newest`,
  );
  return row?.ms ?? Number.NaN;
}

/** When every delivery has ended and has its attempt. */
async function whenWritten(own: OwnMarket, events: number): Promise<number> {
  const untilMs = performance.now() + WRITTEN_WITHIN_MS;
  while (performance.now() < untilMs) {
    const [left] = await onServer<{ pending: string }>(
      own.database.adminUrl,
      `select count(*) as pending from market.delivery where status = 'pending'`,
    );
    const atMs = performance.timeOrigin + performance.now();
    if (left?.pending === '0' && (await attemptsOf(own)) === events) return atMs;
    await sleep(LOOK_EVERY_MS);
  }
  throw new Error('the attempts of webhooks were not all written down');
}

async function attemptsOf({ database }: OwnMarket): Promise<number> {
  const [row] = await onServer<{ attempts: string }>(
    database.adminUrl,
    'select count(*) as attempts from market.delivery_attempt',
  );
  return Number(row?.attempts ?? 0);
}

async function invocationsOf({ database }: OwnMarket): Promise<number> {
  const [row] = await onServer<{ invocations: string }>(
    database.adminUrl,
    'select count(*) as invocations from market.invocation',
  );
  return Number(row?.invocations ?? 0);
}
