import { setTimeout as sleep } from 'node:timers/promises';
import { invoke, send, submit, type Answer, type FleetShop } from '../support/fleet.js';

/** Where requests can be sent at the moment; processes come and go. */
export type Doors = () => { url: string }[];

/** What one client was told about one invocation. */
export type Told = {
  key: string;
  shop: FleetShop;
  id: number | undefined;
  end: 'completed' | 'failed' | 'cancelled' | 'silent' | 'unknown';
  completedAt?: string | undefined;
};

/** Answers that are a fair "no" in such times, and what they mean for the request. */
const LATER = ['UNAVAILABLE', 'OVERLOADED', 'IDEMPOTENCY_IN_PROGRESS', 'SERVICE_BUSY'];
const ENDED_OTHERWISE = [
  'DEADLINE_PASSED',
  'ALREADY_SETTLED',
  'ALREADY_ACKNOWLEDGED',
  'ALREADY_REVIEWED',
  'NOT_COMPLETED',
];

const INVOCATIONS = '/agent/me/service-invocations';
const PATIENCE_MS = 60_000;

/** Clients that live one life after the other until told to stop, repeat what was not answered, and write down what was. */
export class Load {
  readonly told: Told[] = [];
  /** Answers that nobody may get, by status and code. */
  readonly unexpected: Record<string, number> = {};
  requests = 0;
  repeated = 0;
  private isOver = false;
  private running: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly doors: Doors,
    private readonly shops: readonly FleetShop[],
  ) {}

  start(clients: number): void {
    this.running = Promise.all(Array.from({ length: clients }, (_, n) => this.client(n)));
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await this.running;
  }

  private async client(n: number): Promise<void> {
    for (let life = 0; !this.isOver; life += 1) {
      const shop = pick(this.shops);
      await this.live(shop, `client ${n} life ${life}`);
      await sleep(Math.random() * 30);
    }
  }

  private async live(shop: FleetShop, key: string): Promise<void> {
    const told: Told = { key, shop, id: undefined, end: 'silent' };
    this.told.push(told);
    const opened = await this.until(() => invoke(this.door(), shop, { key }));
    told.id = opened?.data?.invocationId;
    if (told.id === undefined) return;
    const id = told.id;
    const dice = Math.random();
    if (dice < 0.2) return;
    told.end = 'unknown';
    const path = `${INVOCATIONS}/${id}`;
    const ended = await this.until(() => {
      if (dice < 0.3) return send(this.door(), shop.caller.key, 'POST', `${path}/cancel`, {});
      if (dice < 0.4)
        return send(this.door(), shop.provider.key, 'POST', `${path}/submit`, { status: 'failed', error: 'no' });
      return submit(this.door(), shop, id);
    });
    if (ended?.status !== 200) return;
    told.end = dice < 0.3 ? 'cancelled' : dice < 0.4 ? 'failed' : 'completed';
    told.completedAt = (ended.data as { completedAt?: string }).completedAt;
    if (dice > 0.8) await this.until(() => send(this.door(), shop.caller.key, 'POST', `${path}/review`, { rating: 5 }));
  }

  /** Repeats the request until it is answered; a refusal is an answer. */
  private async until<T>(ask: () => Promise<Answer<T>>): Promise<Answer<T> | undefined> {
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(50 + Math.random() * 200)) {
      this.requests += 1;
      let answer: Answer<T>;
      try {
        answer = await ask();
      } catch {
        this.repeated += 1;
        continue;
      }
      if (answer.status === 200 || ENDED_OTHERWISE.includes(answer.code ?? '')) return answer;
      if (!LATER.includes(answer.code ?? '')) {
        const what = `${answer.status} ${answer.code ?? ''}`;
        this.unexpected[what] = (this.unexpected[what] ?? 0) + 1;
        return answer;
      }
      this.repeated += 1;
    }
    this.unexpected['no answer'] = (this.unexpected['no answer'] ?? 0) + 1;
    return undefined;
  }

  private door(): { url: string } {
    const doors = this.doors();
    if (doors.length === 0) throw new Error('no api runs');
    return pick(doors);
  }
}

export function pick<T>(from: readonly T[]): T {
  const one = from[Math.floor(Math.random() * from.length)];
  if (one === undefined) throw new Error('there is nothing to pick from');
  return one;
}
