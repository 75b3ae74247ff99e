import { describe, expect, it } from 'vitest';
import { createLog, openPlatform } from '#platform';
import { startApi } from '../../apps/api/api.js';
import { dataOf } from '../support/expect-problem.js';
import { freePort } from '../support/free-port.js';
import { until } from './cli.js';
import { connectStage } from './connect-stage.js';
import { Receiver } from './receiver.js';

type Server = { url: string; close(): Promise<void> };

const stage = connectStage();

/** A second process of the market, which a test can stop and start again. */
async function server(port: number): Promise<Server> {
  const platform = openPlatform(stage.world.database.config({ PORT: String(port) }), createLog('silent'));
  const api = await startApi(platform);
  const end = async (): Promise<void> => {
    await api.close();
    await platform.close();
  };
  let ending: Promise<void> | undefined;
  return { url: api.url, close: () => (ending ??= end()) };
}

describe('a second copy', () => {
  it('ends with 5 while the first lives, frozen or not, and not after it was killed', async () => {
    const first = stage.connect();
    await first.saw('connected');
    first.signal('SIGSTOP');
    const second = stage.connect();
    expect(await second.ended).toBe(5);
    expect(JSON.parse(second.stderr)).toMatchObject({ error: { code: 'CONNECTED_ELSEWHERE' } });
    expect(second.all('connected')).toEqual([]);
    await first.kill();
    await stage.connect().saw('connected');
  });

  it('for another target is a consumer of the same name, and shares the work', async () => {
    const other = await Receiver.start();
    try {
      const copies = [stage.connect(), stage.connect({ args: ['--webhook', other.url] })];
      await Promise.all(copies.map((copy) => copy.saw('connected')));
      const invocations = await Promise.all(Array.from({ length: 20 }, () => stage.invoke()));
      await until('all are done', () => copies.flatMap((copy) => copy.all('acked')).length === invocations.length);
      const got = [...stage.receiver.bodies('service_invocation'), ...other.bodies('service_invocation')];
      expect(got.map((body) => body['invocationId']).sort()).toEqual(invocations.sort());
    } finally {
      await stage.endAll();
      await other.down();
    }
  });

  it('of another name gets everything too', async () => {
    const copies = [stage.connect(), stage.connect({ args: ['--webhook', stage.receiver.url, '--consumer', 'audit'] })];
    await Promise.all(copies.map((copy) => copy.saw('connected')));
    await stage.invoke();
    await Promise.all(copies.map((copy) => copy.saw('acked')));
    expect(stage.receiver.bodies('service_invocation')).toHaveLength(2);
  });
});

describe('the connection', () => {
  it('comes back after a restart of the server, and takes up what is pending', async () => {
    let market = await server(0);
    const connection = stage.connect({ env: { C4C_API_ENDPOINT: market.url } });
    try {
      await connection.saw('connected');
      const first = await stage.invoke();
      await connection.saw('acked');
      await market.close();
      await connection.saw('disconnected');
      const second = await stage.invoke();
      market = await server(Number(new URL(market.url).port));
      await connection.saw('connected', 2);
      expect(await connection.saw('resumed', 2)).toMatchObject({ after: 1, lag: 1 });
      await connection.saw('acked', 2);
      expect(stage.receiver.bodies('service_invocation').map((body) => body['invocationId'])).toEqual([first, second]);
    } finally {
      await connection.kill();
      await market.close();
    }
  });

  it('is not said to stand while it does not', async () => {
    const market = await server(0);
    await market.close();
    const connection = stage.connect({ env: { C4C_API_ENDPOINT: market.url } });
    await connection.saw('disconnected', 2);
    expect(connection.stdout).not.toContain('"connected"');
    connection.signal('SIGTERM');
    expect(await connection.ended).toBe(0);
  });

  it('ends with 4 when the key is wrong, and when it is revoked', async () => {
    const wrong = stage.connect({ key: `${stage.provider.key.slice(0, -6)}000000` });
    expect(await wrong.ended).toBe(4);
    expect(wrong.stdout).not.toContain('"connected"');

    const key = await stage.provider.newKey();
    const revoked = stage.connect({ key });
    await revoked.saw('connected');
    const { keys } = dataOf<{ keys: { id: number }[] }>(
      await stage.provider.owner.api.get(`/owner/agents/${stage.provider.id}/keys`),
    );
    const id = Math.max(...keys.map((one) => one.id));
    await stage.provider.owner.api.delete(`/owner/agents/${stage.provider.id}/keys/${id}`);
    expect(await revoked.ended).toBe(4);
    expect(JSON.parse(revoked.stderr)).toMatchObject({ error: { code: 'UNAUTHENTICATED' } });
  });

  it('tells a person what happens, and no key', async () => {
    const connection = stage.connect({
      env: { C4C_OUTPUT: 'text' },
      args: ['--webhook', `${stage.receiver.url}?secret=s3cret`],
    });
    await until('connected', () => connection.stderr.includes('connected to'));
    await stage.invoke();
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
    const connection = stage.connect();
    await connection.saw('connected');
    stage.receiver.delayMs = 1_500;
    const invocation = await stage.invoke();
    await until('the webhook works', () => stage.receiver.busy > 0);
    connection.signal('SIGTERM');
    expect(await connection.ended).toBe(0);
    expect(connection.lines.map((line) => line.event).slice(-3)).toEqual(['forward.ok', 'acked', 'stopped']);
    await stage.reaches(invocation, 'acknowledged');
  });

  it('stops at once when it comes again', async () => {
    const connection = stage.connect();
    await connection.saw('connected');
    stage.receiver.delayMs = 5_000;
    await stage.invoke();
    await until('the webhook works', () => stage.receiver.busy > 0);
    connection.signal('SIGTERM');
    await connection.saw('stopping');
    connection.signal('SIGTERM');
    expect(await connection.ended).toBe(143);
  });
});

describe('what a supervisor sees', () => {
  const ask = async (port: number): Promise<{ status: number; body: unknown } | undefined> => {
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/healthz`);
      return { status: answer.status, body: await answer.json() };
    } catch {
      return undefined;
    }
  };

  it('is healthy while it is connected, with what it has in hand', async () => {
    const [port, later] = [await freePort(), await freePort()];
    const args = ['--webhook', stage.receiver.url, '--health-port', String(port)];
    const connection = stage.connect({ args, env: { C4C_API_ENDPOINT: `http://127.0.0.1:${later}` } });
    await connection.saw('disconnected');
    expect(await ask(port)).toEqual({ status: 503, body: { connected: false, lastSeq: 0, lag: 0, inFlight: 0 } });

    const market = await server(later);
    try {
      await connection.saw('caught_up');
      expect(await ask(port)).toEqual({ status: 200, body: { connected: true, lastSeq: 0, lag: 0, inFlight: 0 } });
      stage.receiver.delayMs = 60_000;
      await stage.invoke();
      await until('the webhook works', () => stage.receiver.busy > 0);
      expect(await ask(port)).toEqual({ status: 200, body: { connected: true, lastSeq: 0, lag: 1, inFlight: 1 } });
      await market.close();
      await connection.saw('disconnected', 2);
      expect(await ask(port)).toMatchObject({ status: 503, body: { connected: false } });
    } finally {
      await connection.kill();
      await market.close();
    }
  });

  it('is the end with 1 when its port is taken, and the place is free again', async () => {
    const args = ['--webhook', stage.receiver.url, '--health-port', String(stage.receiver.port)];
    const connection = stage.connect({ args });
    expect(await connection.ended).toBe(1);
    expect(JSON.parse(connection.stderr)).toMatchObject({ error: { code: 'HEALTH_PORT' } });
    await stage.connect().saw('connected');
  });
});
