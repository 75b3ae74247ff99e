import { setTimeout as sleep } from 'node:timers/promises';
import { invoke, type Fleet, type FleetShop } from '../support/fleet.js';
import {
  ConsumerListener,
  PlainListener,
  PollListener,
  reach,
  StreamListener,
  WebhookListener,
  type Door,
  type Listener,
} from '../support/listeners.js';
import type { AppProcess } from '../support/processes.js';

const REPEAT_WITHIN_MS = 30_000;

/** A provider with every channel but a webhook, and one with a webhook alone: what a live channel has is not sent to it. */
export class Channels {
  private constructor(
    readonly live: FleetShop,
    readonly hooked: FleetShop,
    /** Several in one group share what comes; each group gets everything. */
    readonly groups: readonly (readonly Listener[])[],
    readonly webhook: WebhookListener,
  ) {}

  /** @param doors processes to come to; sockets are spread over them */
  static async open(fleet: Fleet, api: AppProcess, doors: readonly Door[]): Promise<Channels> {
    const options = { avgResponseMs: 300_000 };
    const [live, hooked] = [await fleet.shop(api, options, '100000'), await fleet.shop(api, options, '100000')];
    const { key } = live.provider;
    const at = (n: number): Door => doors[n % doors.length] ?? (() => api);
    const groups = [
      [new ConsumerListener(key, at(0), 'pool'), new ConsumerListener(key, at(1), 'pool')],
      [new ConsumerListener(key, at(1), 'alone')],
      [new PlainListener('plain socket', key, at(1))],
      [new StreamListener('stream', key, at(0))],
      [new PollListener('polls', key, at(1))],
    ];
    const webhook = new WebhookListener('webhook', hooked.provider.key, at(0));
    await Promise.all([...groups.flat(), webhook].map((listener) => listener.start()));
    return new Channels(live, hooked, groups, webhook);
  }

  /** Holds that every channel has got each of them once. @returns how long the slowest took, in milliseconds */
  async reach(made: Made, withinMs: number): Promise<number> {
    const took = await Promise.all([
      ...this.groups.map((group) => reach(group, made.of(this.live), withinMs)),
      reach([this.webhook], made.of(this.hooked), withinMs),
    ]);
    return Math.max(...took);
  }

  /** How late each invocation was on each channel, after its answer, by channel; sorted. */
  lateness(made: Made, since: (answeredAt: number) => boolean = () => true): Record<string, number[]> {
    return Object.fromEntries(
      [...this.groups, [this.webhook]].map((group) => {
        const late = made.all.flatMap(({ id, answeredAt }) => {
          const came = group.flatMap(({ cameAt }) => cameAt.get(id) ?? []);
          return came.length === 0 || !since(answeredAt) ? [] : [Math.max(0, Math.min(...came) - answeredAt)];
        });
        return [group[0]?.channel ?? '', late.sort((a, b) => a - b)];
      }),
    );
  }

  async close(): Promise<void> {
    await Promise.all([...this.groups.flat(), this.webhook].map((listener) => listener.stop()));
  }
}

/** Invocations that were answered with 200. */
export class Made {
  readonly all: { shop: FleetShop; id: number; answeredAt: number; tookMs: number }[] = [];
  /** Requests that were not answered so, and were repeated. */
  repeated = 0;
  private asked = 0;
  private isOver = false;
  private running: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly door: Door,
    private readonly shops: readonly FleetShop[],
  ) {}

  /** So many clients invoke one after the other, with a pause, and repeat with the same key what is not answered with 200. */
  start(clients: number, pauseMs: number): void {
    const client = async (): Promise<void> => {
      for (; !this.isOver; await sleep(pauseMs)) await this.one();
    };
    this.isOver = false;
    this.running = Promise.all(Array.from({ length: clients }, client));
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await this.running;
  }

  of(shop: FleetShop): number[] {
    return this.all.filter((each) => each.shop === shop).map(({ id }) => id);
  }

  private async one(): Promise<void> {
    const key = `made ${(this.asked += 1)}`;
    const shop = this.shops[this.asked % this.shops.length];
    if (shop === undefined) throw new Error('no shop');
    for (const until = Date.now() + REPEAT_WITHIN_MS; Date.now() < until; await sleep(50)) {
      const askedAt = performance.now();
      const answer = await invoke(this.door(), shop, { key }).catch(() => undefined);
      const answeredAt = performance.now();
      if (answer?.status === 200) {
        this.all.push({ shop, id: answer.data.invocationId, answeredAt, tookMs: answeredAt - askedAt });
        return;
      }
      this.repeated += 1;
    }
    throw new Error('an invoke was not answered');
  }
}
