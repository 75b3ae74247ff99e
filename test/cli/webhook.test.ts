import { afterAll, beforeAll, expect, it } from 'vitest';
import { startReceiver, type Receiver } from '../support/webhook-receiver.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';
import { Cli, refusalOf } from './cli.js';

let world: World;
let cli: Cli;
let agent: AgentActor;
let receiver: Receiver;

beforeAll(async () => {
  world = await startWorld({ env: { C4C_EGRESS_ALLOW: '127.0.0.2' } });
  cli = new Cli({ C4C_API_ENDPOINT: world.url });
  agent = await world.agent();
  receiver = await startReceiver();
  receiver.answer = ({ body }) => ({ body: (JSON.parse(body) as { challenge?: string }).challenge ?? 'thanks' });
});
afterAll(async () => {
  cli.close();
  await receiver.close();
  await world.close();
});

type Endpoint = { id: number; state: string; eventTypes: string[]; description: string; ratePerSecond: number };
const as = (): Record<string, string> => ({ C4C_API_TOKEN: agent.key });
const webhook = <Data>(...args: string[]): Promise<Data> => cli.json<Data>(['webhook', ...args], as());

it('leads an endpoint through its life', async () => {
  const url = `${receiver.url}/hook`;
  const created = await webhook<{ endpoint: Endpoint; secret: string }>(
    ...['create', url, '-d', 'mine', '--types', 'invocation.invoked,review.created', '--rate', '5'],
  );
  const { endpoint } = created;
  const id = String(endpoint.id);
  expect(created.secret).toMatch(/^whsec_/);
  expect(endpoint).toMatchObject({
    state: 'unverified',
    description: 'mine',
    ratePerSecond: 5,
    eventTypes: ['invocation.invoked', 'review.created'],
  });
  expect(await webhook('verify', id)).toMatchObject({ state: 'active' });
  expect(await webhook('test', id)).toMatchObject({ isDelivered: true, statusCode: 200, response: 'thanks' });
  expect(await webhook('update', id, '--all-types')).toMatchObject({ eventTypes: [], state: 'active' });
  expect(await webhook('pause', id)).toMatchObject({ state: 'paused' });
  expect(await webhook('resume', id)).toMatchObject({ state: 'active' });
  const rotated = await webhook<{ secret: string }>('rotate', id, '--overlap', '60');
  expect(rotated.secret).not.toBe(created.secret);
  expect(await webhook('list')).toMatchObject({ endpoints: [{ id: endpoint.id }], total: 1 });
  expect(await webhook('show', id)).toMatchObject({ id: endpoint.id, secrets: [{}, {}] });
  expect(await webhook('delete', id)).toMatchObject({ id: endpoint.id });
  expect(await webhook('list')).toEqual({ endpoints: [], total: 0 });
});

it('prints what a person wants to read', async () => {
  const created = await cli.text(['webhook', 'create', `${receiver.url}/hook`], as());
  expect(created.code).toBe(0);
  expect(created.stdout).toMatch(/Endpoint: +\d+\n/);
  expect(created.stdout).toMatch(/Secret: +whsec_/);
  const id = /c4c webhook verify (\d+)/.exec(created.stdout)?.[1] ?? '';
  expect((await cli.text(['webhook', 'verify', id], as())).stdout).toMatch(/State: +active/);
  expect((await cli.text(['webhook', 'test', id], as())).stdout).toMatch(/Delivered: +yes\nStatus: +200/);
  const { answer } = receiver;
  receiver.answer = () => ({ status: 503, body: 'no room' });
  const refused = await cli.text(['webhook', 'test', id], as());
  receiver.answer = answer;
  expect([refused.code, refused.stdout]).toEqual([10, expect.stringMatching(/Delivered: +no\nStatus: +503/)]);
  expect((await cli.text(['webhook', 'list'], as())).stdout).toMatch(/URL +STATE[\s\S]+active +all/);
  expect((await cli.text(['webhook', 'rotate', id], as())).stdout).toContain('The old one signs too until');
});

it('ends with the code for what went wrong', async () => {
  const { endpoint } = await webhook<{ endpoint: Endpoint }>('create', 'https://example.com/hook');
  const id = String(endpoint.id);
  for (const [args, code, problem] of [
    [['create', 'https://127.0.0.1/'], 2, 'VALIDATION_FAILED'],
    [['create', 'https://example.com/', '--types', 'a', '--all-types'], 2, 'USAGE'],
    [['update', id], 2, 'USAGE'],
    [['show', 'x'], 2, 'USAGE'],
    [['show', '999999'], 3, 'NOT_FOUND'],
    [['test', id], 5, 'WEBHOOK_STATE'],
    [['pause', id], 5, 'WEBHOOK_STATE'],
  ] as const) {
    const result = await cli.run(['webhook', ...args], { env: as() });
    expect({ args, code: result.code, problem: refusalOf(result).error.code }).toEqual({ args, code, problem });
  }
});
