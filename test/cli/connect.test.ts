import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLog, openPlatform } from '#platform';
import { startApi } from '../../apps/api/api.js';
import { dataOf } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';
import { Cli, until } from './cli.js';
import { Connections, type Connection } from './connection.js';
import { Receiver } from './receiver.js';

type Server = { url: string; close(): Promise<void> };

let world: World;
let cli: Cli;
let receiver: Receiver;
let provider: AgentActor;
let caller: AgentActor;
let service: number;
const connections = new Connections(() => cli);

beforeAll(async () => {
  world = await startWorld();
});
beforeEach(async () => {
  cli = new Cli({ C4C_API_ENDPOINT: world.url });
  receiver = await Receiver.start();
  provider = await world.agent();
  caller = await world.agent();
  await world.fund(caller.owner, '1000');
  service = await world.service(provider, { outputSchema: null, price: '2.50' });
});
afterEach(async () => {
  await connections.end();
  await receiver.down();
  cli.close();
});
afterAll(() => world.close());

function connect({
  key = provider.key,
  env = {},
  args = ['--webhook', receiver.url],
}: { key?: string; env?: Record<string, string>; args?: string[] } = {}): Connection {
  return connections.start(args, { C4C_API_TOKEN: key, ...env });
}

async function invoke(to = service, text = 'to be'): Promise<number> {
  const body = { serviceId: to, input: { text } };
  return dataOf<{ invocationId: number }>(await caller.api.post('/agent/me/service-invocations', body)).invocationId;
}

/** The server writes it down a moment after it has heard of it. */
async function reaches(invocation: number, phase: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while ((await phaseOf(invocation)) !== phase) {
    if (Date.now() > deadline) throw new Error(`${invocation} does not reach ${phase}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function phaseOf(invocation: number): Promise<string> {
  return (await invocationOf(invocation)).phase;
}

async function invocationOf(invocation: number): Promise<{ phase: string; status: string; output?: object }> {
  return dataOf(await caller.api.get(`/agent/me/service-invocations/${invocation}`));
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
    await reaches(invocation, 'acknowledged');
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

  it('is signed with a secret that is shown once, and has the headers of a direct webhook', async () => {
    const first = connect();
    const { secret } = await first.saw('secret.created');
    await first.saw('connected');
    const invocation = await invoke();
    await first.saw('acked');
    const [{ text = '', headers = {} } = {}] = receiver.received;
    expect(new Webhook(String(secret)).verify(text, headers)).toMatchObject({ invocationId: invocation });
    expect(headers).toMatchObject({ 'x-c4c-event': 'invocation.invoked', 'x-c4c-attempt': '1' });
    expect(Date.parse(headers['x-c4c-deadline'] ?? '')).toBeGreaterThan(Date.now());
    await first.kill();

    const second = connect();
    await second.saw('connected');
    expect(second.all('secret.created')).toEqual([]);
    expect(second.stdout).not.toContain(String(secret));
  });

  it('comes again after a kill before the webhook answered, and not after one behind it', async () => {
    const first = connect();
    await first.saw('connected');
    const done = await invoke();
    await first.saw('acked');
    receiver.delayMs = 60_000;
    const begun = await invoke();
    await until('the webhook works', () => receiver.busy > 0);
    await first.kill();
    receiver.delayMs = 0;
    const second = connect();
    await second.saw('acked');
    expect(second.all('forward.ok').map((line) => line['invocationId'])).toEqual([begun]);
    expect(done).not.toBe(begun);
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

describe('what is not taken in time', () => {
  let hasty: number;
  beforeEach(async () => {
    hasty = await world.service(provider, { title: 'Hasty', avgResponseMs: 1_500, outputSchema: null });
    receiver.status = 500;
  });

  it('is failed a moment before the deadline, so that the caller has the money back', async () => {
    const connection = connect({ args: ['--webhook', receiver.url, '--on-exhausted', 'fail'] });
    await connection.saw('connected');
    const invocation = await invoke(hasty);
    expect(await connection.saw('submitted')).toMatchObject({ status: 'failed', invocationId: invocation });
    expect(await invocationOf(invocation)).toMatchObject({ status: 'failed', phase: 'failed' });
  });

  it('ends the run with 10, and stays unacknowledged', async () => {
    const args = ['--webhook', receiver.url, '--on-exhausted', 'exit'];
    const connection = connect({ args });
    await connection.saw('connected');
    await invoke(hasty);
    expect(await connection.ended).toBe(10);
    expect(JSON.parse(connection.stderr)).toMatchObject({ error: { code: 'TARGET_FAILED' } });
    expect(connection.all('acked')).toEqual([]);
  });
});

describe('a command', () => {
  let worker: string;
  beforeEach(() => {
    worker = join(mkdtempSync(join(cli.home, 'worker-')), 'worker.mjs');
    writeFileSync(
      worker,
      `import { json } from 'node:stream/consumers';
      const { input } = await json(process.stdin);
      if (input.text === 'bad') { console.error('cannot read this'); process.exit(3); }
      console.log(JSON.stringify(input.text === 'odd' ? { letters: 1 } : { words: input.text.split(' ').length }));`,
    );
  });

  it('gets the invocation and gives its result, or its failure', async () => {
    const strict = await world.service(provider);
    const connection = connect({ args: ['--exec', `node '${worker}'`] });
    await connection.saw('connected');
    const good = await invoke(strict, 'to be or not');
    const bad = await invoke(strict, 'bad');
    const odd = await invoke(strict, 'odd');
    await connection.saw('acked', 3);
    expect(await invocationOf(good)).toMatchObject({ status: 'completed', output: { words: 4 } });
    expect(await invocationOf(bad)).toMatchObject({ status: 'failed' });
    expect(await invocationOf(odd)).toMatchObject({ status: 'failed' });
    const submitted = connection.all('submitted');
    expect(submitted.find((line) => line['invocationId'] === bad)).toMatchObject({
      error: 'cannot read this (it ended with 3)',
    });
  });

  it('works off what there is and ends, with --once', async () => {
    const strict = await world.service(provider);
    const waiting = [await invoke(strict, 'one'), await invoke(strict, 'one two')];
    const connection = connect({ args: ['--exec', `node '${worker}'`, '--once'] });
    expect(await connection.ended).toBe(0);
    for (const invocation of waiting) expect(await invocationOf(invocation)).toMatchObject({ status: 'completed' });
  });
});

describe('a second copy', () => {
  it('ends with 5 while the first lives, frozen or not, and not after it was killed', async () => {
    const first = connect();
    await first.saw('connected');
    first.signal('SIGSTOP');
    const second = connect();
    expect(await second.ended).toBe(5);
    expect(JSON.parse(second.stderr)).toMatchObject({ error: { code: 'CONNECTED_ELSEWHERE' } });
    expect(second.all('connected')).toEqual([]);
    await first.kill();
    await connect().saw('connected');
  });

  it('for another target is a consumer of the same name, and shares the work', async () => {
    const other = await Receiver.start();
    try {
      const copies = [connect(), connect({ args: ['--webhook', other.url] })];
      await Promise.all(copies.map((copy) => copy.saw('connected')));
      const invocations = await Promise.all(Array.from({ length: 20 }, () => invoke()));
      await until('all are done', () => copies.flatMap((copy) => copy.all('acked')).length === invocations.length);
      const got = [...receiver.bodies('service_invocation'), ...other.bodies('service_invocation')];
      expect(got.map((body) => body['invocationId']).sort()).toEqual(invocations.sort());
    } finally {
      await connections.end();
      await other.down();
    }
  });

  it('of another name gets everything too', async () => {
    const copies = [connect(), connect({ args: ['--webhook', receiver.url, '--consumer', 'audit'] })];
    await Promise.all(copies.map((copy) => copy.saw('connected')));
    await invoke();
    await Promise.all(copies.map((copy) => copy.saw('acked')));
    expect(receiver.bodies('service_invocation')).toHaveLength(2);
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
    await reaches(invocation, 'acknowledged');
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
