import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BASE } from '../support/api.js';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { EventStreamClient } from '../support/event-stream.js';
import { Fleet, type FleetShop } from '../support/fleet.js';
import {
  ConsumerListener,
  PlainListener,
  PollListener,
  reach,
  StreamListener,
  type Listener,
} from '../support/listeners.js';
import { INSPECTED, keptBytes } from '../support/inspected.js';
import type { AppProcess } from '../support/processes.js';
import { Client } from './client.js';

const AT_ONCE = 16;
const NEIGHBOURS_SHARE = 10;
const LOOK_AT_MEMORY_MS = 100;
const LATE_MAX_MS = 2_500;
const REACHED_WITHIN_MS = 60_000;
const MB = 1_048_576;

/**
 * Writes so many events of an agent, each with an input of so many bytes: twice with clients that read, then beside clients of all kinds
 * that never read. Holds that these cost the process hardly any memory and others no time, and that they find everything when they come back.
 */
export function bearsWhoNeverReads(wish: { events: number; inputBytes: number; growthMaxBytes: number }): void {
  let database: TestDatabase;
  let fleet: Fleet;
  let api: AppProcess;

  beforeAll(async () => {
    database = await createTestDatabase();
    fleet = await Fleet.on(database);
    api = await fleet.start('api', INSPECTED);
  });
  afterAll(async () => {
    await expectInvariants(database);
    await fleet.end();
    await database.drop();
  });

  it(`${wish.events} events with ${wish.inputBytes} bytes each`, { timeout: 400_000 }, async () => {
    const door = (): AppProcess => api;
    const options = { avgResponseMs: 3_600_000 };
    const [shop, neighbour] = [await fleet.shop(api, options, '100000'), await fleet.shop(api, options, '100000')];
    const { key } = shop.provider;
    const awake = await new ConsumerListener(key, door, 'awake').start();
    const nearby = await new ConsumerListener(neighbour.provider.key, door, 'nearby').start();
    const made = new Burst(api, wish.inputBytes);
    const everybodyHasAll = (): Promise<number[]> =>
      Promise.all([
        reach([awake], made.of(shop), REACHED_WITHIN_MS),
        reach([nearby], made.of(neighbour), REACHED_WITHIN_MS),
      ]);

    // The first time the process grows by what it needs to work at all.
    await made.write(shop, neighbour, wish.events);
    await everybodyHasAll();
    const reading = await made.write(shop, neighbour, wish.events);
    await everybodyHasAll();
    const keptByReaders = await keptBytes(api);
    const sleepers = await fallAsleep(api, key);
    const startedAt = performance.now();
    const beside = await made.write(shop, neighbour, wish.events);
    await everybodyHasAll();
    const growth = (await keptBytes(api)) - keptByReaders;
    const late = [awake, nearby].map((listener) => made.latest(listener, startedAt));
    console.log(
      `resident with readers: ${mib(keptByReaders)} after a collection, ${mib(reading)} at most; beside ${sleepers.count} that never read: ` +
        `${mib(growth)} more, ${mib(beside - reading)} more at most; frames of others late by ${late.map((ms) => ms.toFixed(0)).join(' and ')} ms at most; ` +
        `${((performance.now() - startedAt) / 1_000).toFixed(1)} s`,
    );
    expect(growth).toBeLessThan(wish.growthMaxBytes);
    for (const ms of late) expect(ms).toBeLessThan(LATE_MAX_MS);

    sleepers.hangUp();
    await awake.stop();
    const back: Listener[] = [
      new ConsumerListener(key, door, 'asleep'),
      new PlainListener('plain socket', key, door),
      new StreamListener('stream', key, door),
      new PollListener('poll', key, door),
    ];
    for (const listener of back) {
      await listener.start();
      await reach([listener], made.of(shop), REACHED_WITHIN_MS);
      await listener.stop();
    }
    await nearby.stop();
    expect(api.errors.filter((line) => line.includes('"level"'))).toEqual([]);
  });
}

function mib(bytes: number): string {
  return `${(bytes / MB).toFixed(1)} MiB`;
}

/** Invocations, many at once over connections that stay. */
class Burst {
  private readonly answeredAt = new Map<FleetShop, Map<number, number>>();
  private readonly text: string;

  constructor(
    private readonly api: AppProcess,
    inputBytes: number,
  ) {
    this.text = 'x'.repeat(inputBytes);
  }

  of(shop: FleetShop): number[] {
    return [...(this.answeredAt.get(shop)?.keys() ?? [])];
  }

  /** @returns the most memory that the process had meanwhile, in bytes */
  async write(shop: FleetShop, neighbour: FleetShop, count: number): Promise<number> {
    let left = count;
    const client = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await this.invoke(shop);
        if (left % NEIGHBOURS_SHARE === 0) await this.invoke(neighbour);
      }
    };
    const writing = Promise.all(Array.from({ length: AT_ONCE }, client));
    let highest = 0;
    const look = async (): Promise<void> => {
      for (; left > 0; await sleep(LOOK_AT_MEMORY_MS)) highest = Math.max(highest, await this.api.residentBytes());
    };
    await Promise.all([writing, look()]);
    return highest;
  }

  /** How late the latest of those that were made since then came after its answer, in milliseconds. */
  latest({ cameAt }: Listener, since: number): number {
    const late = [...this.answeredAt.values()].flatMap((made) =>
      [...made].flatMap(([id, at]) => (at < since ? [] : [(cameAt.get(id) ?? at) - at])),
    );
    return Math.max(...late);
  }

  private async invoke(shop: FleetShop): Promise<void> {
    const response = await fetch(`${this.api.url}${BASE}/agent/me/service-invocations`, {
      method: 'POST',
      headers: { 'x-api-key': shop.caller.key, 'content-type': 'application/json' },
      body: JSON.stringify({ serviceId: shop.serviceId, input: { text: this.text } }),
    });
    const { data } = (await response.json()) as { data: { invocationId: number } };
    if (response.status !== 200) throw new Error(`answered ${response.status}`);
    const made = this.answeredAt.get(shop) ?? new Map<number, number>();
    this.answeredAt.set(shop, made.set(data.invocationId, performance.now()));
  }
}

/** A client of each kind that asks for everything there is and reads nothing of it. */
async function fallAsleep(api: AppProcess, key: string): Promise<{ count: number; hangUp(): void }> {
  const port = Number(new URL(api.url).port);
  const plain = await Client.open(port, key);
  const consumer = await Client.open(port, key, {}, '', ['c4c.v1']);
  consumer.send({ type: 'hello', consumer: 'asleep', after: 0 });
  await consumer.until(() => consumer.welcome !== undefined);
  for (const { ws } of [plain, consumer]) ws.pause();
  const events = `${api.url}${BASE}/agent/me/events`;
  const stream = await EventStreamClient.open(`${events}/stream?after=0`, { 'x-api-key': key });
  stream.response.pause();
  const poll = get(`${events}?after=0&limit=100&wait=25`, { headers: { 'x-api-key': key }, agent: false });
  // Whoever takes the response and listens to nothing reads nothing.
  poll.on('response', (response) => response.on('error', () => undefined)).on('error', () => undefined);
  return {
    count: 4,
    hangUp() {
      for (const { ws } of [plain, consumer]) ws.terminate();
      stream.hangUp();
      poll.destroy();
    },
  };
}
