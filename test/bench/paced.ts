import { flushP99Ms } from './disk.js';
import { boundRow, ratioRow, shownRow, type Row } from './figures.js';
import { PHASES, planOf, type PhaseTime, type Stage } from './phases.js';
import type { PacedResult } from './plan.js';
import { runLoad, runPacedLoad } from './processes.js';
import { addTo, median, p99Row, type Rounds } from './rounds.js';

const PEAK = 'invoke at its peak, before the open loops';
const BARE = 'a bare authenticated POST at half of the peak rate';
const INVOKE = 'an invoke at half of the peak rate';
const OVERLOAD = 'invokes at three times the peak rate';

// More than half of the peak ever needs at once: a request waits for the server, not for a connection.
const LATENCY_CONNECTIONS = 256;
const OVERLOAD_FACTOR = 3;
const OVERLOAD_CONNECTIONS = 2_000;
// On a real installation the clients stand on machines of their own. Here three times the peak would take the processor
// from the server under test, so the generator steps back for it.
const OVERLOAD_NICENESS = 10;
const SERVED_P99_MAX_MS = 1_000;
const SEED = 20_261_121;

export type PacedParts = { latency: boolean; overload: boolean };

/** What open loops tell: each time the peak, then half of it on both routes, then three times as much. */
export class PacedRounds {
  private readonly overloads: { peak: number; result: PacedResult }[] = [];
  private readonly lateMs: number[] = [];
  private readonly flushMs: number[] = [];

  constructor(
    private readonly parts: PacedParts,
    private readonly rounds: Rounds,
  ) {}

  /** Both routes a first time: code that was never run is slow, and would make the bare one look slow. */
  async warmUp(stage: Stage, time: PhaseTime): Promise<void> {
    await PHASES.invoke(stage, time);
    await runLoad(planOf(stage, time, 'bare post'));
  }

  /** @param time of each of its phases */
  async run(stage: Stage, time: PhaseTime, round: number): Promise<void> {
    const { perSecond: peak } = await this.noted(PEAK, PHASES.invoke(stage, time));
    if (this.parts.latency) await this.runLatency(stage, time, peak / 2, SEED + round);
    if (this.parts.overload) await this.runOverload(stage, time, peak, SEED + round);
  }

  rows(): Row[] {
    return [...(this.parts.latency ? this.latencyRows() : []), ...(this.parts.overload ? this.overloadRows() : [])];
  }

  private async runLatency(stage: Stage, time: PhaseTime, perSecond: number, seed: number): Promise<void> {
    this.flushMs.push(await flushP99Ms(time.measureMs / 2));
    const pace = { perSecond, seed, whenTaken: 'wait', mayRefuse: false } as const;
    for (const [name, kind] of [
      [BARE, 'bare post'],
      [INVOKE, 'invoke'],
    ] as const) {
      const plan = { ...planOf(stage, time, kind), connections: LATENCY_CONNECTIONS };
      const { latenessP99Ms } = await this.noted(name, runPacedLoad(plan, pace));
      this.lateMs.push(latenessP99Ms);
    }
  }

  private async runOverload(stage: Stage, time: PhaseTime, peak: number, seed: number): Promise<void> {
    const plan = {
      ...planOf(stage, time, 'invoke'),
      connections: OVERLOAD_CONNECTIONS,
      niceness: OVERLOAD_NICENESS,
    };
    const pace = { perSecond: OVERLOAD_FACTOR * peak, seed, whenTaken: 'leave out', mayRefuse: true } as const;
    this.overloads.push({ peak, result: await this.noted(OVERLOAD, runPacedLoad(plan, pace)) });
  }

  private latencyRows(): Row[] {
    const late = Math.max(...this.lateMs).toFixed(1);
    const note = `open loop; the generator itself was late by ${late} ms at its p99`;
    const what = 'p99 of an invoke ÷ of a bare POST, at half of the peak rate';
    return [
      p99Row(this.rounds, { what, above: INVOKE, below: BARE, must: { atMost: 4 }, note }),
      shownRow({
        what: 'p99 of 8 kB written and flushed, nothing else going on',
        figure: { value: median(this.flushMs), unit: 'ms' },
        note: 'the disk alone, just before; a durable answer waits for one flush or for two',
      }),
    ];
  }

  private overloadRows(): Row[] {
    const middle = (of: (one: { peak: number; result: PacedResult }) => number): number =>
      median(this.overloads.map(of));
    const rate = (value: number): { value: number; unit: string } => ({ value, unit: '/s' });
    const peak = rate(middle((one) => one.peak));
    return [
      ratioRow({
        what: 'goodput at three times the peak rate ÷ peak',
        figure: rate(middle(({ result }) => result.perSecond)),
        reference: peak,
        ratio: middle((one) => one.result.perSecond / one.peak),
        must: { atLeast: 0.8 },
      }),
      boundRow({
        what: 'p99 of what is served then',
        figure: { value: middle(({ result }) => result.servedP99Ms), unit: 'ms' },
        must: { atMost: SERVED_P99_MAX_MS },
      }),
      boundRow({
        what: 'what is neither served nor refused in order then',
        figure: { value: this.overloads.reduce((sum, { result }) => sum + result.failures, 0), unit: '' },
        must: { atMost: 0 },
        note: 'in order is 429 or 503 with Retry-After',
      }),
      shownRow({
        what: 'really offered then ÷ peak',
        figure: rate(middle(({ result }) => result.offeredPerSecond)),
        reference: peak,
        ratio: middle((one) => one.result.offeredPerSecond / one.peak),
        note: `refused ${middle(({ result }) => result.refusedPerSecond).toFixed(0)}/s; with all of ${String(OVERLOAD_CONNECTIONS)} connections taken, the generator left out ${middle(({ result }) => result.leftOutPerSecond).toFixed(0)}/s`,
      }),
    ];
  }

  private async noted<R extends PacedResult | Awaited<ReturnType<(typeof PHASES)['invoke']>>>(
    name: string,
    running: Promise<R>,
  ): Promise<R> {
    const result = await running;
    addTo(this.rounds, name, result);
    return result;
  }
}
