import { setTimeout as sleep } from 'node:timers/promises';
import { onServer } from '../bench-database.js';
import { boundRow, shownRow, skippedRow, type Row } from '../figures.js';
import { PHASES, planOf, type PhaseTime, type Stage } from '../phases.js';
import { percentile } from '../plan.js';
import { runPacedLoad } from '../processes.js';
import { addTo, median, type Rounds } from '../rounds.js';
import { seedMarket, type BenchMarket } from '../seed.js';
import type { CrowdTalk, Receipt } from './crowd-talk.js';
import { OrderedProcess } from './orders.js';

const PEAK = 'invoke at its peak, before the frames';
const CONNECTIONS = 256;
const PROVIDERS = 32;
const WARM_UP_PER_SECOND = 500;
const SEED = 20_261_121;
const OPENED_PER_SECOND = 400;
const ARRIVED_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 50;
const P50_MAX_MS = 20;
const P99_MAX_MS = 150;

/** The two protocols of `/ws`. A client of `c4c.v1` has them all, since its provider is new. */
const PROTOCOLS = [
  { name: 'plain protocol', after: undefined },
  { name: 'c4c.v1', after: 0 },
] as const;

/** From the commit, and from the time that the transaction gave the event. */
type Measured = { p50Ms: number; p99Ms: number; mostMs: number; eventP50Ms: number; eventP99Ms: number };

/** How long after its commit a frame is at the provider, at half of the peak rate of invokes. */
export class FramesRounds {
  readonly failures: string[] = [];
  private readonly measured = new Map<string, Measured[]>();
  private markets = 0;
  private hasCommitTimes = true;

  constructor(
    private readonly stage: Stage,
    private readonly adminKey: string,
    private readonly rounds: Rounds,
  ) {}

  async warmUp(time: PhaseTime): Promise<void> {
    await PHASES.invoke(this.stage, time);
    for (const { after } of PROTOCOLS) await this.measure(after, time, WARM_UP_PER_SECOND, SEED);
  }

  /** @param peakTime of the closed loop
   *  @param time of each open loop */
  async run(peakTime: PhaseTime, time: PhaseTime, round: number): Promise<void> {
    const peak = await PHASES.invoke(this.stage, peakTime);
    addTo(this.rounds, PEAK, peak);
    for (const { name, after } of PROTOCOLS) {
      const { load, frames } = await this.measure(after, time, peak.perSecond / 2, SEED + round);
      addTo(this.rounds, `an invoke at half of the peak rate, its provider on a socket (${name})`, load);
      this.measured.set(name, [...(this.measured.get(name) ?? []), frames]);
    }
  }

  rows(): Row[] {
    return PROTOCOLS.flatMap(({ name }) => {
      const middle = (of: keyof Measured): { value: number; unit: string } => ({
        value: median((this.measured.get(name) ?? []).map((one) => one[of])),
        unit: 'ms',
      });
      const at = `frame at the provider at half of the peak rate, ${name}`;
      return [
        ...this.commitRows(`commit → ${at}`, middle),
        shownRow({ what: `event → ${at}: p50`, figure: middle('eventP50Ms') }),
        shownRow({
          what: `event → ${at}: p99`,
          figure: middle('eventP99Ms'),
          note: 'from the time that the transaction gave the event, before its other statements and its commit',
        }),
      ];
    });
  }

  private commitRows(what: string, middle: (of: keyof Measured) => { value: number; unit: string }): Row[] {
    const [p50, p99] = [{ atMost: P50_MAX_MS }, { atMost: P99_MAX_MS }];
    if (!this.hasCommitTimes) {
      const reason = 'this server keeps no times of commits (track_commit_timestamp)';
      return [
        skippedRow({ what: `${what}: p50`, must: p50, reason }),
        skippedRow({ what: `${what}: p99`, must: p99, reason }),
      ];
    }
    return [
      boundRow({ what: `${what}: p50`, figure: middle('p50Ms'), must: p50 }),
      boundRow({
        what: `${what}: p99`,
        figure: middle('p99Ms'),
        must: p99,
        note: 'from the time in the commit record, before its flush, on the same clock',
      }),
      shownRow({ what: `${what}: the slowest`, figure: middle('mostMs') }),
    ];
  }

  /** Providers of its own each time: whoever connects by the plain protocol is first sent everything that is pending. */
  private async measure(
    after: number | undefined,
    time: PhaseTime,
    perSecond: number,
    seed: number,
  ): Promise<{ load: Awaited<ReturnType<typeof runPacedLoad>>; frames: Measured }> {
    this.markets += 1;
    const size = { callers: 0, providers: PROVIDERS, name: `frames ${String(this.markets)}` };
    const { providers } = await seedMarket(this.stage.url, this.adminKey, size);
    const market = { callers: this.stage.market.callers, providers };
    const crowd = OrderedProcess.start<CrowdTalk>('crowd.js');
    try {
      const keys = market.providers.map(({ key }) => key);
      await crowd.ask('open', { url: this.stage.url, keys, socketsPerKey: 1, perSecond: OPENED_PER_SECOND, after });
      const plan = { ...planOf({ ...this.stage, market }, time, 'invoke'), connections: CONNECTIONS };
      const reset = sleep(time.rampMs).then(() => crowd.ask('reset', null));
      const load = await runPacedLoad(plan, { perSecond, seed, whenTaken: 'wait', mayRefuse: false });
      await reset;
      await this.whenAllCame(crowd, market);
      const frames = measuredOf(await crowd.ask('receipts', null), await this.commitsOf(market));
      return { load, frames };
    } finally {
      await crowd.stop();
    }
  }

  private async whenAllCame(crowd: OrderedProcess<CrowdTalk>, { providers }: BenchMarket): Promise<void> {
    const ids = providers.map(({ agentId }) => agentId).join(',');
    const [written] = await onServer<{ events: string }>(
      this.stage.adminUrl,
      `select sum(next_seq - 1) as events from market.agent_stream where agent_id in (${ids})`,
    );
    const events = Number(written?.events ?? 0);
    const untilMs = performance.now() + ARRIVED_WITHIN_MS;
    let figures = await crowd.ask('figures', null);
    while (figures.frames < events && performance.now() < untilMs) {
      await sleep(LOOK_EVERY_MS);
      figures = await crowd.ask('figures', null);
    }
    if (figures.frames !== events || figures.ended > 0)
      this.failures.push(
        `frames: ${String(figures.frames)} of ${String(events)} came, ${String(figures.ended)} sockets ended ${figures.firstEnd ?? ''}`,
      );
  }

  /** When the transaction of each event was committed, by the event's id. */
  private async commitsOf({ providers }: BenchMarket): Promise<Map<string, number>> {
    const [setting] = await onServer<{ keeps: string }>(
      this.stage.adminUrl,
      `select current_setting('track_commit_timestamp') as keeps`,
    );
    this.hasCommitTimes = setting?.keeps === 'on';
    if (!this.hasCommitTimes) return new Map();
    const ids = providers.map(({ agentId }) => agentId).join(',');
    const rows = await onServer<{ eventId: string; atMs: number }>(
      this.stage.adminUrl,
      `select event_id as "eventId", (extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000)::float8 as "atMs"
      from market.agent_event where agent_id in (${ids})`,
    );
    return new Map(rows.map(({ eventId, atMs }) => [`evt_${eventId}`, atMs]));
  }
}

/** A receipt whose commit is not known came never, which no bound keeps. */
function measuredOf(receipts: readonly Receipt[], commits: ReadonlyMap<string, number>): Measured {
  const sorted = (times: number[]): number[] => times.sort((a, b) => a - b);
  const sinceCommit = sorted(
    receipts.map(({ eventId, atMs }) => atMs - (commits.get(eventId) ?? Number.NEGATIVE_INFINITY)),
  );
  const sinceEvent = sorted(receipts.map(({ sinceEventMs }) => sinceEventMs));
  return {
    p50Ms: percentile(sinceCommit, 0.5),
    p99Ms: percentile(sinceCommit, 0.99),
    mostMs: sinceCommit.at(-1) ?? Number.NaN,
    eventP50Ms: percentile(sinceEvent, 0.5),
    eventP99Ms: percentile(sinceEvent, 0.99),
  };
}
