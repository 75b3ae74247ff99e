import { setTimeout as sleep } from 'node:timers/promises';
import { percentile } from '../plan.js';
import { CrowdClient, type Ears } from './crowd-client.js';
import type { Checked, CrowdFigures, CrowdPlan, CrowdTalk, Receipt, StormFigures } from './crowd-talk.js';
import { obey } from './orders.js';

const OPEN_WITHIN_MS = 300_000;
const LOOK_EVERY_MS = 20;

/** The process of the socket clients. */
class Crowd implements Ears {
  /** By key, then by consumer. */
  private readonly clients: CrowdClient[][] = [];
  private came: Receipt[] = [];
  private endings = 0;
  private firstEnd: string | undefined;
  private refusals = 0;
  private isDropping = false;
  private caughtUpAtMs: number[] = [];

  async open({ url, keys, socketsPerKey, perSecond, after }: CrowdPlan): Promise<{ tookMs: number }> {
    const startMs = performance.now();
    const made: CrowdClient[] = [];
    for (const key of keys) {
      const own = Array.from(
        { length: socketsPerKey },
        (_, n) => new CrowdClient({ url, key, consumer: `c${String(n)}`, after }, this),
      );
      this.clients.push(own);
      made.push(...own);
    }
    for (const [n, client] of made.entries()) {
      const dueMs = (n * 1_000) / perSecond - (performance.now() - startMs);
      if (dueMs > 0) await sleep(dueMs);
      client.connect();
    }
    await this.until(() => made.every(({ isCaughtUp }) => isCaughtUp), OPEN_WITHIN_MS);
    if (!made.every(({ isCaughtUp }) => isCaughtUp)) throw new Error(`not all opened: ${this.firstEnd ?? 'too slow'}`);
    return { tookMs: performance.now() - startMs };
  }

  reset(): null {
    this.came = [];
    return null;
  }

  figures(): CrowdFigures {
    const sorted = this.came.map(({ sinceEventMs }) => sinceEventMs).sort((a, b) => a - b);
    return {
      open: this.all().filter(({ isOpen }) => isOpen).length,
      ended: this.endings,
      firstEnd: this.firstEnd,
      frames: this.all().reduce((sum, { frames }) => sum + frames, 0),
      p50Ms: percentile(sorted, 0.5),
      p99Ms: percentile(sorted, 0.99),
      mostMs: sorted.at(-1) ?? Number.NaN,
    };
  }

  receipts(): Receipt[] {
    return this.came;
  }

  async drop(withinMs: number): Promise<StormFigures> {
    const all = this.all();
    const dropped = all.filter(({ isOpen }) => isOpen).length;
    [this.caughtUpAtMs, this.refusals, this.isDropping] = [[], 0, true];
    const startMs = performance.now();
    for (const client of all) client.drop();
    // The sockets tell of their end a turn later.
    await sleep(0);
    await this.until(() => this.caughtUpAtMs.length >= dropped && all.every(({ isCaughtUp }) => isCaughtUp), withinMs);
    this.isDropping = false;
    return {
      dropped,
      back: all.filter(({ isCaughtUp }) => isCaughtUp).length,
      lastMs: (this.caughtUpAtMs.at(-1) ?? Number.NaN) - startMs,
      middleMs: percentile(this.caughtUpAtMs, 0.5) - startMs,
      refused: this.refusals,
    };
  }

  async check(heads: readonly number[], withinMs: number): Promise<Checked> {
    const lost = (): number =>
      this.clients.reduce(
        (sum, own, n) => sum + own.reduce((missing, { made }) => missing + (heads[n] ?? 0) - made.size, 0),
        0,
      );
    await this.until(() => lost() === 0, withinMs);
    const all = this.all();
    return {
      lost: lost(),
      doubled: all.reduce((sum, { made }) => sum + [...made.values()].filter((times) => times > 1).length, 0),
      repeated: all.reduce((sum, { repeated }) => sum + repeated, 0),
      events: all.reduce((sum, { made }) => sum + made.size, 0),
    };
  }

  invoked(receipt: Receipt): void {
    this.came.push(receipt);
  }

  ended(_client: CrowdClient, why: string): void {
    if (this.isDropping) return;
    this.endings += 1;
    this.firstEnd ??= why;
  }

  caughtUp(): void {
    this.caughtUpAtMs.push(performance.now());
  }

  refused(): void {
    this.refusals += 1;
  }

  private all(): CrowdClient[] {
    return this.clients.flat();
  }

  private async until(isSo: () => boolean, withinMs: number): Promise<void> {
    const untilMs = performance.now() + withinMs;
    while (!isSo() && performance.now() < untilMs) await sleep(LOOK_EVERY_MS);
  }
}

const crowd = new Crowd();
obey<CrowdTalk>({
  open: (plan) => crowd.open(plan),
  reset: () => crowd.reset(),
  figures: () => crowd.figures(),
  receipts: () => crowd.receipts(),
  drop: ({ withinMs }) => crowd.drop(withinMs),
  check: ({ heads, withinMs }) => crowd.check(heads, withinMs),
});
