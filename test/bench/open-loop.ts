import { actionOf } from './actions.js';
import { HttpConnection, type Answer } from './http-connection.js';
import { judge } from './judge.js';
import { percentile, type LoadPlan, type Pace, type PacedResult } from './plan.js';
import { arrivalsMs } from './schedule.js';

const OPENED_AT_ONCE = 64;
// Whoever is not answered by then would have hung up long ago.
const ANSWERED_WITHIN_MS = 10_000;

/**
 * Requests leave on a schedule that does not look at the answers, so a server that stalls is charged for everybody who would
 * have come meanwhile ("no coordinated omission").
 */
export async function runPaced(plan: LoadPlan, pace: Pace): Promise<PacedResult> {
  const connections = await openAll(plan);
  const loop = new OpenLoop(plan, pace, connections);
  await loop.sendAll();
  await loop.allAnswered();
  return loop.result();
}

class OpenLoop {
  private readonly act: (connection: HttpConnection) => Promise<Answer>;
  private readonly planned: number[];
  private readonly waiting: number[] = [];
  private startMs = 0;
  private underWay = 0;
  private served = 0;
  private refused = 0;
  private sent = 0;
  private leftOut = 0;
  private failures = 0;
  private firstFailure: string | undefined;
  private readonly tookMs: number[] = [];
  private readonly servedMs: number[] = [];
  private readonly lateMs: number[] = [];

  constructor(
    private readonly plan: LoadPlan,
    private readonly pace: Pace,
    private readonly free: HttpConnection[],
  ) {
    this.act = actionOf(plan);
    this.planned = arrivalsMs({ ...pace, durationMs: plan.rampMs + plan.measureMs });
  }

  async sendAll(): Promise<void> {
    this.startMs = performance.now();
    for (let next = 0; next < this.planned.length;) {
      const nowMs = this.sinceStart();
      for (; (this.planned[next] ?? Infinity) <= nowMs; next += 1) this.arrive(this.planned[next] ?? 0);
      const gapMs = (this.planned[next] ?? 0) - this.sinceStart();
      if (next < this.planned.length)
        await new Promise((resolve) => setTimeout(resolve, Math.max(1, Math.ceil(gapMs))));
    }
  }

  async allAnswered(): Promise<void> {
    const untilMs = performance.now() + ANSWERED_WITHIN_MS;
    while (this.underWay + this.waiting.length > 0 && performance.now() < untilMs) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const lost = this.underWay + this.waiting.length;
    if (lost > 0)
      this.fail(`${String(lost)} requests had no answer ${String(ANSWERED_WITHIN_MS)} ms after the last one`, lost);
  }

  result(): PacedResult {
    for (const list of [this.tookMs, this.servedMs, this.lateMs]) list.sort((a, b) => a - b);
    const aSecond = (count: number): number => (count * 1_000) / this.plan.measureMs;
    return {
      perSecond: aSecond(this.served),
      p50Ms: percentile(this.tookMs, 0.5),
      p99Ms: percentile(this.tookMs, 0.99),
      failures: this.failures,
      firstFailure: this.firstFailure,
      offeredPerSecond: aSecond(this.sent),
      refusedPerSecond: aSecond(this.refused),
      leftOutPerSecond: aSecond(this.leftOut),
      servedP99Ms: percentile(this.servedMs, 0.99),
      latenessP99Ms: percentile(this.lateMs, 0.99),
    };
  }

  private arrive(dueMs: number): void {
    const connection = this.free.pop();
    if (connection !== undefined) void this.send(connection, dueMs);
    else if (this.pace.whenTaken === 'wait') this.waiting.push(dueMs);
    else if (this.counts(dueMs)) this.leftOut += 1;
  }

  private async send(connection: HttpConnection, dueMs: number): Promise<void> {
    const sentMs = this.sinceStart();
    this.underWay += 1;
    if (this.counts(sentMs)) this.sent += 1;
    if (this.counts(dueMs)) this.lateMs.push(sentMs - dueMs);
    try {
      this.note(await this.act(connection), dueMs, sentMs);
    } catch (error) {
      this.fail(String(error));
    }
    this.underWay -= 1;
    await this.putBack(connection);
  }

  private note(answer: Answer, dueMs: number, sentMs: number): void {
    const judged = judge(answer, this.pace.mayRefuse);
    const doneMs = this.sinceStart();
    switch (judged.kind) {
      case 'served':
        if (this.counts(doneMs)) this.served += 1;
        if (this.counts(dueMs)) this.tookMs.push(doneMs - dueMs);
        if (this.counts(dueMs)) this.servedMs.push(doneMs - sentMs);
        return;
      case 'refused':
        if (this.counts(doneMs)) this.refused += 1;
        return;
      case 'failure':
        this.fail(judged.text);
        return;
    }
  }

  /** The next one who waits takes the connection; a closed one is replaced first. */
  private async putBack(connection: HttpConnection): Promise<void> {
    let usable = connection;
    if (!connection.isOpen) {
      connection.close();
      try {
        usable = await HttpConnection.open(new URL(this.plan.url));
      } catch (error) {
        this.fail(String(error));
        return;
      }
    }
    const dueMs = this.waiting.shift();
    if (dueMs === undefined) this.free.push(usable);
    else void this.send(usable, dueMs);
  }

  private counts(atMs: number): boolean {
    return atMs >= this.plan.rampMs && atMs < this.plan.rampMs + this.plan.measureMs;
  }

  private fail(text: string, count = 1): void {
    this.failures += count;
    this.firstFailure ??= text;
  }

  private sinceStart(): number {
    return performance.now() - this.startMs;
  }
}

async function openAll({ url, connections }: LoadPlan): Promise<HttpConnection[]> {
  const opened: HttpConnection[] = [];
  while (opened.length < connections) {
    const count = Math.min(OPENED_AT_ONCE, connections - opened.length);
    opened.push(...(await Promise.all(Array.from({ length: count }, () => HttpConnection.open(new URL(url))))));
  }
  return opened;
}
