import { expect, it } from 'vitest';
import { until } from './cli.js';
import { connectStage } from './connect-stage.js';
import type { Connection } from './connection.js';

export type Faults = {
  /** How long the process stands still, and how many invocations arrive meanwhile. */
  frozen: { ms: number; invocations: number };
  /** How long the receiver is down, and how many invocations arrive meanwhile. */
  down: { ms: number; invocations: number };
  /** How often it is killed while these are worked off. */
  killed: { times: number; invocations: number };
  /** How long the rest may take. */
  limitMs: number;
};

/** What `c4c connect` is put through; whatever happens, every invocation reaches the webhook and none is forgotten. */
export function connectSurvives({ frozen, down, killed, limitMs }: Faults): void {
  const room = { maxPending: 10_000, maxPendingPerCaller: 10_000 };
  const stage = connectStage({ price: '1', avgResponseMs: 900_000, ...room });

  /** Spread over the time. */
  async function invoke(count: number, ms: number): Promise<number[]> {
    const made: number[] = [];
    const began = performance.now();
    for (let n = 0; n < count; n += 1) {
      made.push(await stage.invoke(stage.service, String(n)));
      const wait = began + ((n + 1) * ms) / count - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    }
    return made;
  }

  const arrived = (): number[] =>
    stage.receiver.bodies('service_invocation').map((body) => Number(body['invocationId']));

  async function allArrive(made: readonly number[], connection: () => Connection): Promise<void> {
    const missing = (): number[] => {
      const got = new Set(arrived());
      return made.filter((id) => !got.has(id));
    };
    await until('every invocation reaches the webhook', () => missing().length === 0, limitMs).catch((error: Error) => {
      throw new Error(`${error.message}; missing ${missing().length}: ${connection().stdout.slice(-3_000)}`);
    });
  }

  it('standing still while invocations arrive', { timeout: limitMs + frozen.ms + 30_000 }, async () => {
    const connection = stage.connect();
    await connection.saw('connected');
    connection.signal('SIGSTOP');
    const made = await invoke(frozen.invocations, frozen.ms);
    connection.signal('SIGCONT');
    await allArrive(made, () => connection);
    await until('all are acknowledged', () => connection.all('acked').length >= made.length, limitMs);
    expect(arrived().sort(byNumber)).toEqual(made);
  });

  it('a receiver that is down', { timeout: limitMs + down.ms + 30_000 }, async () => {
    const connection = stage.connect();
    await connection.saw('connected');
    await stage.receiver.down();
    const made = await invoke(down.invocations, down.ms);
    await stage.receiver.up();
    await allArrive(made, () => connection);
    await until('all are acknowledged', () => connection.all('acked').length >= made.length, limitMs);
    expect(arrived().sort(byNumber)).toEqual(made);
    expect(connection.all('forward.expired')).toEqual([]);
  });

  it('a signal while the webhook does not come to an end', { timeout: limitMs + 30_000 }, async () => {
    const connection = stage.connect({ args: ['--webhook', stage.receiver.url, '--timeout', '10m'] });
    await connection.saw('connected');
    stage.receiver.delayMs = 600_000;
    const [invocation] = await invoke(1, 0);
    await until('the webhook works', () => stage.receiver.busy > 0);
    const began = performance.now();
    connection.signal('SIGTERM');
    expect(await connection.ended).toBe(0);
    expect(performance.now() - began).toBeLessThan(15_000);
    stage.receiver.delayMs = 0;
    const next = stage.connect();
    expect((await next.saw('acked'))['invocationId']).toBe(invocation);
  });

  it('kills in the middle of the work', { timeout: 2 * limitMs + 30_000 }, async () => {
    stage.receiver.delayMs = 20;
    const coming = invoke(killed.invocations, killed.times * 300);
    let connection = stage.connect();
    for (let n = 0; n < killed.times; n += 1) {
      await connection.saw('forward.ok', 5, limitMs);
      await connection.kill();
      connection = stage.connect();
    }
    const made = await coming;
    await allArrive(made, () => connection);
    // What was in the webhook's hands at a kill comes again; what it had answered does not, but for the instant until it is written.
    const doubled = arrived().length - new Set(arrived()).size;
    expect(doubled).toBeLessThanOrEqual(killed.times * CONCURRENCY);
    connection.signal('SIGTERM');
    expect(await connection.ended).toBe(0);
  });
}

const CONCURRENCY = 8;

function byNumber(a: number, b: number): number {
  return a - b;
}
