import type { ChildProcess } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLog, openPlatform } from '#platform';
import { startApi } from '../../apps/api/api.js';
import { dataOf } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';
import { Cli, until } from './cli.js';
import { Receiver } from './receiver.js';

type Line = { event: string; [fact: string]: unknown };
type Server = { url: string; close(): Promise<void> };

let world: World;
let cli: Cli;
let receiver: Receiver;
let provider: AgentActor;
let caller: AgentActor;
let service: number;
const connections: Connection[] = [];

beforeAll(async () => {
  world = await startWorld();
  cli = new Cli({ C4C_API_ENDPOINT: world.url });
});
beforeEach(async () => {
  receiver = await Receiver.start();
  provider = await world.agent();
  caller = await world.agent();
  await world.fund(caller.owner, '1000');
  service = await world.service(provider, { outputSchema: null, price: '2.50' });
});
afterEach(async () => {
  await Promise.all(connections.splice(0).map((connection) => connection.kill()));
  await receiver.down();
});
afterAll(async () => {
  cli.close();
  await world.close();
});

/** A running `c4c connect` and what it has said. */
class Connection {
  stdout = '';
  stderr = '';
  readonly ended: Promise<number | null>;

  constructor(readonly child: ChildProcess) {
    child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.ended = new Promise((resolve) => child.once('exit', resolve));
    connections.push(this);
  }

  get lines(): Line[] {
    const complete = this.stdout.slice(0, this.stdout.lastIndexOf('\n') + 1);
    return complete.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Line]));
  }

  /** The n-th line of this event. */
  saw(event: string, times = 1): Promise<Line> {
    return until(
      `${event} (${this.stdout}${this.stderr})`,
      () => this.lines.filter((line) => line.event === event)[times - 1],
    );
  }

  signal(name: 'SIGTERM' | 'SIGINT'): void {
    this.child.kill(name);
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

function connect({
  key = provider.key,
  env = {},
  args = ['--webhook', receiver.url],
}: { key?: string; env?: Record<string, string>; args?: string[] } = {}): Connection {
  return new Connection(cli.start(['connect', ...args], { C4C_API_TOKEN: key, ...env }));
}

async function invoke(to = service): Promise<number> {
  const body = { serviceId: to, input: { text: 'to be' } };
  return dataOf<{ invocationId: number }>(await caller.api.post('/agent/me/service-invocations', body)).invocationId;
}

async function phaseOf(invocation: number): Promise<string> {
  return dataOf<{ phase: string }>(await caller.api.get(`/agent/me/service-invocations/${invocation}`)).phase;
}

describe('what it forwards', () => {
  it('is the body for both kinds of handlers, acknowledged after their 2xx', async () => {
    const connection = connect();
    await connection.saw('connected');
    const invocation = await invoke();
    await connection.saw('acked');
    const [body] = receiver.bodies('service_invocation');
    expect(body).toMatchObject({
      type: 'service_invocation',
      invocationId: invocation,
      serviceId: service,
      input: { text: 'to be' },
      domain: 'service_invocation',
      event: 'service_invoked',
      data: { serviceTitle: 'Word counter', price: '2.5' },
    });
    expect(Date.parse(String(body?.['timestamp']))).toBeGreaterThan(0);
    expect(await phaseOf(invocation)).toBe('acknowledged');
  });

  it('is the frame itself for every other event', async () => {
    const connection = connect();
    await connection.saw('connected');
    const invocation = await invoke();
    await connection.saw('acked');
    await provider.api.post(`/agent/me/service-invocations/${invocation}/submit`, {
      status: 'completed',
      output: { words: 2 },
    });
    await caller.api.post(`/agent/me/service-invocations/${invocation}/review`, { rating: 5 });
    await connection.saw('forward.ok', 2);
    expect(receiver.bodies('notification')).toMatchObject([
      { domain: 'service_invocation', event: 'invocation_reviewed', data: { rating: 5 } },
    ]);
  });

  it('comes once, also when it is announced again', async () => {
    const first = connect();
    await first.saw('connected');
    const invocation = await invoke();
    await first.saw('acked');
    expect(receiver.bodies('service_invocation')).toHaveLength(1);
    await first.kill();
    const second = connect();
    const again = await second.saw('event.received');
    expect(again['invocationId']).toBe(invocation);
  });

  it('goes to eight at a time', async () => {
    const connection = connect();
    await connection.saw('connected');
    receiver.delayMs = 300;
    await Promise.all(Array.from({ length: 20 }, () => invoke()));
    await connection.saw('forward.ok', 20);
    expect(receiver.busyMost).toBe(8);
  });

  it('is shown when there is no webhook', async () => {
    const connection = connect({ args: [] });
    await connection.saw('connected');
    const invocation = await invoke();
    expect(await connection.saw('event.received')).toMatchObject({
      invocationId: invocation,
      frame: { type: 'notification' },
    });
  });
});

describe('a receiver that fails', () => {
  it('gets it when it is up again', async () => {
    const connection = connect();
    await connection.saw('connected');
    await receiver.down();
    const invocation = await invoke();
    await connection.saw('forward.retry', 2);
    expect(await phaseOf(invocation)).not.toBe('completed');
    await receiver.up();
    await connection.saw('acked');
    expect(receiver.bodies('service_invocation')).toHaveLength(1);
  });

  it('is given up at the deadline, and gets the next one', async () => {
    const hasty = await world.service(provider, { title: 'Hasty', avgResponseMs: 600, outputSchema: null });
    const connection = connect();
    await connection.saw('connected');
    receiver.status = 500;
    await invoke(hasty);
    expect(await connection.saw('forward.expired')).toMatchObject({ reason: 'HTTP 500' });
    expect(receiver.received.length).toBeGreaterThan(1);
    receiver.status = 200;
    await invoke();
    await connection.saw('acked');
  });
});

describe('the connection', () => {
  /** A second process of the market, which a test can stop and start again. */
  async function server(port: number): Promise<Server> {
    const platform = openPlatform(world.database.config({ PORT: String(port) }), createLog('silent'));
    const api = await startApi(platform);
    return {
      url: api.url,
      async close() {
        await api.close();
        await platform.close();
      },
    };
  }

  it('comes back after a restart of the server, and takes up what is pending', async () => {
    let market = await server(0);
    const connection = connect({ env: { C4C_API_ENDPOINT: market.url } });
    try {
      await connection.saw('connected');
      const first = await invoke();
      await connection.saw('acked');
      await market.close();
      await connection.saw('disconnected');
      const second = await invoke();
      market = await server(Number(new URL(market.url).port));
      await connection.saw('connected', 2);
      await connection.saw('acked', 2);
      expect(receiver.bodies('service_invocation').map((body) => body['invocationId'])).toEqual([first, second]);
      expect(connection.lines.find((line) => line.event === 'event.duplicate')).toMatchObject({ invocationId: first });
    } finally {
      await connection.kill();
      await market.close();
    }
  });

  it('is not said to stand while it does not', async () => {
    const market = await server(0);
    await market.close();
    const connection = connect({ env: { C4C_API_ENDPOINT: market.url } });
    await connection.saw('disconnected', 2);
    expect(connection.stdout).not.toContain('"connected"');
    connection.signal('SIGTERM');
    expect(await connection.ended).toBe(0);
  });

  it('ends with 4 when the key is wrong, and when it is revoked', async () => {
    const wrong = connect({ key: `${provider.key.slice(0, -6)}000000` });
    expect(await wrong.ended).toBe(4);
    expect(wrong.stdout).not.toContain('"connected"');

    const key = await provider.newKey();
    const revoked = connect({ key });
    await revoked.saw('connected');
    const { keys } = dataOf<{ keys: { id: number }[] }>(
      await provider.owner.api.get(`/owner/agents/${provider.id}/keys`),
    );
    const id = Math.max(...keys.map((one) => one.id));
    await provider.owner.api.delete(`/owner/agents/${provider.id}/keys/${id}`);
    expect(await revoked.ended).toBe(4);
    expect(JSON.parse(revoked.stderr)).toMatchObject({ error: { code: 'UNAUTHENTICATED' } });
  });

  it('tells a person what happens, and no key', async () => {
    const connection = connect({ env: { C4C_OUTPUT: 'text' }, args: ['--webhook', `${receiver.url}?secret=s3cret`] });
    await until('connected', () => connection.stderr.includes('connected to'));
    await invoke();
    await until('acknowledged', () => connection.stderr.includes('acknowledged service_invoked'));
    connection.signal('SIGINT');
    expect(await connection.ended).toBe(0);
    expect(connection.stdout).toBe('');
    expect(connection.stderr).toContain('Word counter, 2.5 shells');
    expect(connection.stderr + connection.stdout).not.toMatch(/s3cret|c4c_agent_/);
  });
});

describe('a signal', () => {
  it('lets the webhook finish and acknowledges, then ends with 0', async () => {
    const connection = connect();
    await connection.saw('connected');
    receiver.delayMs = 1_500;
    const invocation = await invoke();
    await until('the webhook works', () => receiver.busy > 0);
    connection.signal('SIGTERM');
    expect(await connection.ended).toBe(0);
    expect(connection.lines.map((line) => line.event).slice(-3)).toEqual(['forward.ok', 'acked', 'stopped']);
    expect(await phaseOf(invocation)).toBe('acknowledged');
  });

  it('stops at once when it comes again', async () => {
    const connection = connect();
    await connection.saw('connected');
    receiver.delayMs = 5_000;
    await invoke();
    await until('the webhook works', () => receiver.busy > 0);
    connection.signal('SIGTERM');
    await connection.saw('stopping');
    connection.signal('SIGTERM');
    expect(await connection.ended).toBe(143);
  });
});
