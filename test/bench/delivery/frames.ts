import { setTimeout as sleep } from 'node:timers/promises';
import { onServer } from '../bench-database.js';
import { boundRow, shownRow, type Row } from '../figures.js';
import { PHASES, planOf, type PhaseTime, type Stage } from '../phases.js';
import { runPacedLoad } from '../processes.js';
import { addTo, median, type Rounds } from '../rounds.js';
import { seedMarket, type BenchMarket } from '../seed.js';
import type { CrowdTalk } from './crowd-talk.js';
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

/** The two protocols of `/ws`. A client of `c4c.v1` begins at the head, however far that is. */
const PROTOCOLS = [
  { name: 'plain protocol', after: undefined },
  { name: 'c4c.v1', after: Number.MAX_SAFE_INTEGER },
] as const;

type Measured = { p50Ms: number; p99Ms: number; mostMs: number };

/** How long after its event a frame is at the provider, at half of the peak rate of invokes. */
export class FramesRounds {
  readonly failures: string[] = [];
  private readonly measured = new Map<string, Measured[]>();
  private markets = 0;

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
      const what = `event → frame at the provider at half of the peak rate, ${name}`;
      return [
        boundRow({ what: `${what}: p50`, figure: middle('p50Ms'), must: { atMost: P50_MAX_MS } }),
        boundRow({
          what: `${what}: p99`,
          figure: middle('p99Ms'),
          must: { atMost: P99_MAX_MS },
          note: 'from the time that the transaction gave the event, before its commit, on the same clock',
        }),
        shownRow({ what: `${what}: the slowest`, figure: middle('mostMs') }),
      ];
    });
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
      const frames = await this.whenAllCame(crowd, market);
      return { load, frames };
    } finally {
      await crowd.stop();
    }
  }

  private async whenAllCame(crowd: OrderedProcess<CrowdTalk>, { providers }: BenchMarket): Promise<Measured> {
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
    return figures;
  }
}
