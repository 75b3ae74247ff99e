import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Client } from '../gateway/client.js';
import { dataOf } from '../support/expect-problem.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';
import { Cli, refusalOf, until } from './cli.js';

type Line = { type: string; seq: number; eventType: string; from?: number; to?: number };

let world: World;
let cli: Cli;
let provider: AgentActor;
let caller: AgentActor;
let serviceId: number;

beforeAll(async () => {
  world = await startWorld();
  cli = new Cli({ C4C_API_ENDPOINT: world.url });
});
beforeEach(async () => {
  [provider, caller] = [await world.agent(), await world.agent()];
  await world.fund(caller.owner, '1000');
  serviceId = await world.service(provider, { price: '1', avgResponseMs: 60_000 });
});
afterAll(async () => {
  cli.close();
  await world.close();
});

const key = () => ({ C4C_API_TOKEN: provider.key });

async function invoke(times: number): Promise<void> {
  for (let n = 0; n < times; n += 1) {
    dataOf(await caller.api.post('/agent/me/service-invocations', { serviceId, input: { text: 'x' } }));
  }
}

/** A running `events tail`, and the lines that it has printed. */
function tail(args: readonly string[] = [], env: Record<string, string> = {}) {
  const child = cli.start(['events', 'tail', '-o', 'json', ...args], { ...key(), ...env });
  let text = '';
  let complaint = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  const lines = (): Line[] =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line);
  return { child, ended, lines, seqs: () => lines().map(({ seq }) => seq), complaint: () => complaint };
}

describe('c4c events list', () => {
  it('prints what the API says, from a number on, of some types', async () => {
    await invoke(3);
    const page = await cli.json<{ events: Line[]; nextAfter: number }>(
      ['events', 'list', '--after', '1', '--types', 'invocation.invoked', '--limit', '1'],
      key(),
    );
    expect(page).toEqual(dataOf(await provider.api.get('/agent/me/events?after=1&limit=1')));
    expect(page).toMatchObject({ events: [{ seq: 2 }], nextAfter: 2, hasMore: true });
  });

  it('prints a table for people, and how to read on', async () => {
    await invoke(2);
    const { code, stdout } = await cli.text(['events', 'list', '-l', '1'], key());
    expect(code).toBe(0);
    expect(stdout).toMatch(/^SEQ +AT +TYPE +ABOUT +NAME\n +1 .* invocation\.invoked +invocation \d+ +Word counter\n/);
    expect(stdout).toContain('There is more: --after 1\n');
  });

  it.each([
    [['--after', 'x'], 2, 'USAGE'],
    [['--types', 'nothing'], 2, 'VALIDATION_FAILED'],
    [['--after', '99'], 5, 'CURSOR_AHEAD'],
    [['--api-key', 'wrong'], 4, 'UNAUTHENTICATED'],
  ])('%j ends with %i', async (args, exitCode, code) => {
    const result = await cli.run(['events', 'list', ...args], { env: key() });
    expect([result.code, refusalOf(result).error.code]).toEqual([exitCode, code]);
  });
});

it.each([
  ['list', '--types', ''],
  ['list', '--types', ' , '],
  ['list', '--after', ''],
  ['list', '--limit', ''],
  ['tail', '--types', ''],
  ['tail', '--after', ''],
])('c4c events %s takes no empty %s (%j), and names it', async (command, option, value) => {
  const result = await cli.run(['events', command, option, value], { env: key() });
  expect([result.code, refusalOf(result).error.code]).toEqual([2, 'USAGE']);
  expect(refusalOf(result).error.message).toContain(option);
});

describe('c4c events tail', () => {
  it('prints each event on a line of its own, the missed ones first, and ends well when it is stopped', async () => {
    await invoke(2);
    const { child, ended, seqs } = tail(['--after', '1']);
    await until('the first', () => seqs().length === 1);
    await invoke(2);
    await until('the others', () => seqs().length === 3);
    expect(seqs()).toEqual([2, 3, 4]);
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });

  it('names a gap', async () => {
    await invoke(3);
    const { rows } = await world.database.pool.query(
      'delete from market.agent_event where agent_id = $1 and seq <= 2 returning *',
      [provider.id],
    );
    const { child, ended, lines } = tail(['--after', '0']);
    await until('the event', () => lines().length === 2);
    expect(lines()).toMatchObject([
      { type: 'gap', from: 1, to: 2 },
      { type: 'notification', seq: 3 },
    ]);
    child.kill('SIGINT');
    expect(await ended).toBe(0);
    for (const row of rows) {
      await world.database.pool.query(
        'insert into market.agent_event select * from jsonb_populate_record(null::market.agent_event, $1)',
        [JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value))],
      );
    }
  });

  it('comes back by itself, and neither misses nor repeats what happened meanwhile', async () => {
    const { hostname, port } = new URL(world.url);
    const proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    const { child, ended, seqs } = tail(['--after', '0'], { C4C_API_ENDPOINT: proxy.url(world.url) });
    await invoke(2);
    await until('the first', () => seqs().length === 2);
    // An answer is on its way and gets lost, then nobody answers for a while.
    proxy.loseAnswers();
    await invoke(3);
    proxy.refuse();
    await invoke(3);
    proxy.mend();
    await until('the rest', () => seqs().length >= 8);
    expect(seqs()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    await proxy.close();
  });

  it('ends with 4 when its key is revoked', async () => {
    const { ended, seqs, complaint } = tail(['--after', '0'], { C4C_API_TOKEN: await provider.newKey() });
    await invoke(1);
    await until('the first', () => seqs().length === 1);
    const { keys } = dataOf<{ keys: { id: number }[] }>(
      await provider.owner.api.get(`/owner/agents/${provider.id}/keys`),
    );
    const keyId = Math.max(...keys.map(({ id }) => id));
    dataOf(await provider.owner.api.delete(`/owner/agents/${provider.id}/keys/${keyId}`));
    expect(await ended).toBe(4);
    expect(JSON.parse(complaint())).toMatchObject({ error: { code: 'UNAUTHENTICATED' } });
  });

  it.each([[[]], [['--after', '0']]])('with %j ends with 10 when nothing has ever answered', async (args) => {
    const { ended } = tail(args, { C4C_API_ENDPOINT: 'http://127.0.0.1:1023' });
    expect(await ended).toBe(10);
  });
});

describe('c4c events consumers', () => {
  it('prints who reads over sockets, and forgets one of them', async () => {
    const client = await Client.open(Number(new URL(world.url).port), provider.key, {}, '?v=1');
    client.send({ type: 'hello', consumer: 'main' });
    await client.until(() => client.welcome !== undefined);
    const open = await cli.run(['events', 'forget', 'main'], { env: key() });
    expect([open.code, refusalOf(open).error.code]).toEqual([5, 'CONSUMER_OPEN']);
    await client.leave();
    const { code, stdout } = await cli.text(['events', 'consumers'], key());
    expect(code).toBe(0);
    expect(stdout).toMatch(/^NAME +ACKED +TAKEN +SOCKETS +USED\nmain +0 +0 +\d .*\n1 of 32 names work, 0 of 32 watch/);
    await expect
      .poll(async () => {
        const { consumers } = dataOf<{ consumers: { sockets: number }[] }>(
          await provider.api.get('/agent/me/consumers'),
        );
        return consumers[0]?.sockets;
      })
      .toBe(0);
    expect(await cli.json(['events', 'forget', 'main'], key())).toMatchObject({ name: 'main' });
    expect(await cli.json(['events', 'consumers'], key())).toMatchObject({ consumers: [], working: 0 });
  });
});
