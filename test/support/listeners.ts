import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { Client } from '../gateway/client.js';
import { BASE } from './api.js';
import { Hook } from '../webhooks/hook.js';
import { EventStreamClient } from './event-stream.js';
import { send, want } from './fleet.js';

/** The api process to come to at the moment. */
export type Door = () => { url: string };

const CONNECTED_WITHIN_MS = 10_000;
const COME_BACK_MS = 100;
const COME_BACK_MAX_MS = 1_000;
const INVOKED = 'invocation.invoked';
const WEBHOOKS = '/agent/me/webhooks';

/**
 * A provider on one channel, as it should be: it comes back whenever it is cut off, goes on where it was, and takes what comes
 * twice once.
 */
export abstract class Listener {
  /** The invocations that were announced, by the id of the event. */
  readonly invoked = new Map<string, number>();
  /** When each invocation came, by `performance.now()`. */
  readonly cameAt = new Map<number, number>();
  /** How often one came that had come before. */
  repeated = 0;
  /** How often it was connected. */
  connects = 0;
  /** How often it was refused, or cut off with an error. */
  failures = 0;
  protected readonly over = new AbortController();
  private running: Promise<void> | undefined;

  constructor(
    readonly channel: string,
    protected readonly key: string,
    protected readonly door: Door,
  ) {}

  /** Begins, and resolves when it is connected for the first time. */
  async start(): Promise<this> {
    this.running = this.run();
    await until(`${this.channel}: a connection`, () => this.connects > 0, CONNECTED_WITHIN_MS);
    return this;
  }

  async stop(): Promise<void> {
    this.over.abort();
    await this.running;
  }

  /** Connects and reads until that has ended. */
  protected abstract read(): Promise<void>;

  protected took(eventId: unknown, invocationId: unknown): void {
    const id = Number(invocationId);
    if (this.invoked.has(String(eventId))) this.repeated += 1;
    this.invoked.set(String(eventId), id);
    if (!this.cameAt.has(id)) this.cameAt.set(id, performance.now());
  }

  private async run(): Promise<void> {
    for (let delayMs = COME_BACK_MS; !this.over.signal.aborted; delayMs = Math.min(delayMs * 2, COME_BACK_MAX_MS)) {
      const { connects } = this;
      // Refused or cut off: it comes again.
      await this.read().catch(() => (this.failures += 1));
      if (this.connects > connects) delayMs = COME_BACK_MS;
      await sleep(delayMs * (0.5 + Math.random()));
    }
  }
}

/** A socket of the plain protocol. */
export class PlainListener extends Listener {
  protected async read(): Promise<void> {
    const client = await Client.open(portOf(this.door), this.key);
    await this.hear(client, () => {
      for (const { event, messageId, data } of client.frames.splice(0))
        if (event === 'service_invoked') this.took(messageId, data?.invocationId);
    });
  }

  protected async hear(client: Client, take: () => void): Promise<void> {
    this.connects += 1;
    const end = (): void => client.ws.terminate();
    this.over.signal.addEventListener('abort', end);
    client.ws.on('message', () => {
      take();
      client.texts.length = 0;
    });
    take();
    if (this.over.signal.aborted) end();
    if (client.closed === undefined) await once(client.ws, 'close');
    this.over.signal.removeEventListener('abort', end);
  }
}

/** A socket of `c4c.v1` that acknowledges what it gets. */
export class ConsumerListener extends PlainListener {
  constructor(
    key: string,
    door: Door,
    private readonly consumer: string,
  ) {
    super(`consumer ${consumer}`, key, door);
  }

  protected override async read(): Promise<void> {
    const client = await Client.open(portOf(this.door), this.key, {}, '', ['c4c.v1']);
    client.send({ type: 'hello', consumer: this.consumer, types: [INVOKED] });
    await this.hear(client, () => {
      for (const { type, id, seq, attempt, data } of client.frames.splice(0)) {
        if (type !== 'event') continue;
        this.took(id, data?.invocationId);
        client.send({ type: 'ack', seq, attempt });
      }
    });
  }
}

/** A stream of server-sent events. */
export class StreamListener extends Listener {
  private seen = 0;

  protected async read(): Promise<void> {
    const stream = await EventStreamClient.open(`${this.door().url}${BASE}/agent/me/events/stream?types=${INVOKED}`, {
      'x-api-key': this.key,
      'last-event-id': String(this.seen),
    });
    const end = (): void => stream.hangUp();
    this.over.signal.addEventListener('abort', end);
    if (stream.status === 200) this.connects += 1;
    while (!stream.isEnded && !this.over.signal.aborted) {
      await stream.until(() => stream.blocks.length > 0 || stream.isEnded, 600_000);
      for (const { id, event, data } of stream.blocks.splice(0)) {
        if (id !== undefined) this.seen = Number(id);
        if (event === undefined && data !== undefined) this.took(data['id'], invocationOf(data));
      }
    }
    this.over.signal.removeEventListener('abort', end);
  }
}

/** One long poll after the other. */
export class PollListener extends Listener {
  private seen = 0;

  protected async read(): Promise<void> {
    for (;;) {
      const query = `after=${this.seen}&wait=25&limit=100&types=${INVOKED}`;
      const answering = fetch(`${this.door().url}${BASE}/agent/me/events?${query}`, {
        headers: { 'x-api-key': this.key, connection: 'close' },
        signal: this.over.signal,
      });
      if (this.connects === 0) this.connects = 1;
      const response = await answering;
      if (response.status !== 200) throw new Error(`answered ${response.status}`);
      this.connects += 1;
      const page = (await response.json()) as { data: { events: Record<string, unknown>[]; nextAfter: number } };
      for (const event of page.data.events) this.took(event['id'], invocationOf(event));
      this.seen = page.data.nextAfter;
    }
  }
}

/** An endpoint of its own, which answers 204. */
export class WebhookListener extends Listener {
  protected async read(): Promise<void> {
    const hook = await Hook.start((response, { headers, body }) => {
      if (body['challenge'] !== undefined) return void response.end(JSON.stringify(body));
      if (body['invocationId'] !== undefined) this.took(headers['webhook-id'], body['invocationId']);
      return void response.writeHead(204).end();
    });
    const wish = { url: hook.url, eventTypes: [INVOKED], ratePerSecond: 1_000 };
    const made = send<{ endpoint: { id: number } }>(this.door(), this.key, 'POST', WEBHOOKS, wish);
    const { endpoint } = await want(made);
    await want(send(this.door(), this.key, 'POST', `${WEBHOOKS}/${endpoint.id}/verify`));
    this.connects += 1;
    if (!this.over.signal.aborted) await once(this.over.signal, 'abort');
    await hook.stop();
  }
}

/** Waits until these have got all of them between them, and holds that each came once when repetitions count once.
 *  @returns how long that took, in milliseconds */
export async function reach(
  listeners: readonly Listener[],
  invocationIds: readonly number[],
  withinMs: number,
): Promise<number> {
  const startedAt = performance.now();
  const channel = listeners.map((listener) => listener.channel).join(' and ');
  const hasAll = (): boolean => {
    // Mostly it is seen without looking at each, which with tens of thousands would take the time from those who are to read.
    if (listeners.reduce((sum, { invoked }) => sum + invoked.size, 0) < invocationIds.length) return false;
    const got = new Set(listeners.flatMap(({ invoked }) => [...invoked.values()]));
    return invocationIds.every((id) => got.has(id));
  };
  await until(`${channel}: all ${invocationIds.length} invocations`, hasAll, withinMs);
  const tookMs = performance.now() - startedAt;
  const events = new Map(listeners.flatMap(({ invoked }) => [...invoked]));
  expect([...events.values()].sort(byNumber), channel).toEqual([...invocationIds].sort(byNumber));
  return tookMs;
}

async function until(what: string, holds: () => boolean, withinMs: number): Promise<void> {
  for (const end = performance.now() + withinMs; !holds(); await sleep(10))
    if (performance.now() > end) throw new Error(`${what}: not within ${withinMs} ms`);
}

function byNumber(a: number, b: number): number {
  return a - b;
}

function portOf(door: Door): number {
  return Number(new URL(door().url).port);
}

function invocationOf(event: Record<string, unknown>): unknown {
  return (event['data'] as { invocationId?: unknown } | undefined)?.invocationId;
}
