import { ratioRow, type Row } from '../figures.js';
import { planOf } from '../phases.js';
import { runPacedLoad } from '../processes.js';
import { median } from '../rounds.js';
import type { Run } from '../run.js';
import { seedMarket, type BenchMarket } from '../seed.js';
import { addEndpoint, deleteEndpoint, eventsOf } from './endpoints.js';
import type { OwnMarket } from './market.js';
import type { OrderedProcess } from './orders.js';
import type { ReceiverFigures, ReceiverTalk } from './receiver-talk.js';

export const DEAD_WHAT = "others' p99 from event to webhook, one of a hundred endpoints dead ÷ none";
export const DEAD_MUST = { atMost: 1.1 };

const ENDPOINTS = 100;
const ROUNDS = 5;
// Two a second to each endpoint.
const PER_SECOND = 200;
const TIME = { rampMs: 0, measureMs: 12_000 };
const WARM_UP = { rampMs: 0, measureMs: 5_000 };
const SEED = 20_261_121;
const CONNECTIONS = 64;
const ARRIVED_WITHIN_MS = 30_000;

type Parties = BenchMarket['providers'];

/** The same deliveries to a hundred endpoints, in turn with and without one among them that takes connections and never answers. */
export async function deadRows(run: Run, own: OwnMarket, receiver: OrderedProcess<ReceiverTalk>): Promise<Row[]> {
  const size = { callers: 64, providers: ENDPOINTS + ROUNDS, name: 'dead' };
  const { callers, providers } = await seedMarket(own.api.url, own.adminKey, size);
  const [living, dying] = [providers.slice(0, ENDPOINTS), providers.slice(ENDPOINTS)];
  const { url } = await receiver.ask('listen', null);
  for (const provider of living) await addEndpoint(own, provider, url);
  await own.startWorker();

  const measure = (targets: Parties, seed: number, time = TIME): Promise<ReceiverFigures> =>
    deliver(run, own, receiver, { market: { callers, providers: targets }, living, seed, time });
  await measure(living, SEED, WARM_UP);
  const rounds: { without: ReceiverFigures; withOne: ReceiverFigures }[] = [];
  for (const [round, dead] of dying.entries()) {
    const without = await measure(living, SEED + round);
    const { url: deadUrl } = await receiver.ask('doomed', null);
    const endpointId = await addEndpoint(own, dead, deadUrl);
    await receiver.ask('die', { url: deadUrl });
    const withOne = await measure([...living.slice(1), dead], SEED + round);
    // What it still has in the queue must not be part of the next round.
    await deleteEndpoint(own, dead, endpointId);
    rounds.push({ without, withOne });
  }
  const middle = (of: (round: (typeof rounds)[number]) => number): number => median(rounds.map(of));
  const p50 = [middle(({ withOne }) => withOne.p50Ms), middle(({ without }) => without.p50Ms)].map((ms) =>
    ms.toFixed(1),
  );
  return [
    ratioRow({
      what: DEAD_WHAT,
      figure: { value: middle(({ withOne }) => withOne.p99Ms), unit: 'ms' },
      reference: { value: middle(({ without }) => without.p99Ms), unit: 'ms' },
      ratio: middle(({ withOne, without }) => withOne.p99Ms / without.p99Ms),
      must: DEAD_MUST,
      note: `p50 ${p50.join(' and ')} ms; ${own.hasRedis ? 'hints through Redis' : 'no Redis here, so the worker finds events by looking every 250 ms'}`,
    }),
  ];
}

/** One round: what the living endpoints got, and when. */
async function deliver(
  run: Run,
  own: OwnMarket,
  receiver: OrderedProcess<ReceiverTalk>,
  { market, living, seed, time }: { market: BenchMarket; living: Parties; seed: number; time: typeof TIME },
): Promise<ReceiverFigures> {
  await receiver.ask('reset', null);
  const before = await eventsOf(own, living);
  const plan = { ...planOf({ url: own.api.url, market, listBytes: 0 }, time, 'invoke'), connections: CONNECTIONS };
  const load = await runPacedLoad(plan, { perSecond: PER_SECOND, seed, whenTaken: 'wait', mayRefuse: false });
  if (load.failures > 0) run.failures.push(`invokes for webhooks: ${load.firstFailure ?? ''}`);
  const events = (await eventsOf(own, living)) - before;
  const seen = await receiver.ask('until', { hits: events, withinMs: ARRIVED_WITHIN_MS });
  if (seen.hits !== events) run.failures.push(`webhooks: ${String(seen.hits)} came of ${String(events)}`);
  return seen;
}
