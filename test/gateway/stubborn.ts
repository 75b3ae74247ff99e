import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from './client.js';

/** A client as it should be: it acknowledges, remembers, and comes back with a growing delay for as long as it is wanted. */
export class Stubborn {
  readonly seqs = new Set<number>();
  attempts = 0;
  private client: Client | undefined;
  private isWanted = true;

  constructor(
    private readonly agent: { key: string },
    private readonly port: () => number,
    private readonly consumer: string,
  ) {}

  async run(): Promise<void> {
    for (let delayMs = 50; this.isWanted; delayMs = Math.min(delayMs * 2, 2_000)) {
      try {
        this.attempts += 1;
        const client = await Client.open(this.port(), this.agent.key, {}, '?v=1');
        this.client = client;
        client.send({ type: 'hello', consumer: this.consumer });
        client.ws.on('message', () => this.take(client));
        if (client.closed === undefined) await once(client.ws, 'close');
      } catch {
        // Refused or cut off: it comes again.
      }
      await sleep(delayMs * (0.5 + Math.random()));
    }
  }

  get isCaughtUp(): boolean {
    return this.client?.closed === undefined && this.client?.ofType('caught_up').length === 1;
  }

  drop(): void {
    this.client?.ws.terminate();
  }

  stop(): void {
    this.isWanted = false;
    this.client?.ws.terminate();
  }

  private take(client: Client): void {
    const frame = client.frames.at(-1);
    client.texts.length = 0;
    if (frame?.type !== 'event') return;
    this.seqs.add(Number(frame['seq']));
    client.send({ type: 'ack', seq: frame['seq'], attempt: frame['attempt'] });
  }
}

/** Waits until it holds, at most so long. */
export async function until(holds: () => boolean, limitMs: number): Promise<void> {
  const end = Date.now() + limitMs;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`did not come in ${String(limitMs)} ms`);
    await sleep(20);
  }
}
