import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/free-port.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';
import { Cli, ROOT, until } from './cli.js';

let world: World;
let cli: Cli;
let provider: AgentActor;
let caller: AgentActor;
let service: number;
const children: { kill(signal: NodeJS.Signals): boolean }[] = [];

beforeAll(async () => {
  world = await startWorld();
  cli = new Cli({ C4C_API_ENDPOINT: world.url });
  provider = await world.agent();
  caller = await world.agent();
  await world.fund(caller.owner, '100');
  const file = join(ROOT, 'examples', 'service.yaml');
  ({ id: service } = await cli.json<{ id: number }>(
    ['manage', 'service', 'publish', '-f', file, '--yes'],
    as(provider),
  ));
});
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));
afterAll(async () => {
  cli.close();
  await world.close();
});

const as = ({ key }: { key: string }): Record<string, string> => ({ C4C_API_TOKEN: key });
const hasPython = spawnSync('python3', ['--version']).status === 0;

describe('the example providers', () => {
  it.each([['node', 'node/provider.mjs'] as const])('earns with %s', (command, file) => earns(command, file));

  it.skipIf(!hasPython)('earns with python3', () => earns('python3', 'python/provider.py'));

  it('are each about as long as a guide would show', () => {
    for (const file of ['python/provider.py', 'go/main.go', 'node/provider.mjs']) {
      expect(readFileSync(join(ROOT, 'examples', file), 'utf8').split('\n').length).toBeLessThan(140);
    }
  });
});

async function earns(command: string, file: string): Promise<void> {
  const port = String(await freePort());
  let said = '';
  const webhook = cli.start([join(ROOT, 'examples', file)], { ...as(provider), WEBHOOK_PORT: port }, command);
  children.push(webhook);
  webhook.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  webhook.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await until(`${file} listens`, () => said.includes('listening'));
  const connection = cli.start(['connect', '--webhook', `http://127.0.0.1:${port}/`], as(provider));
  children.push(connection);
  let events = '';
  connection.stdout.on('data', (chunk: Buffer) => (events += chunk.toString()));
  await until('connected', () => events.includes('"connected"'));

  const input = '{"text":"to be or not to be"}';
  const args = ['manage', 'inv', 'invoke', String(service), '--input', input, '--wait', '20', '--yes'];
  const result = await cli.json(args, as(caller));
  expect(result, said).toMatchObject({ status: 'completed', output: { words: 6, longest: 'not' }, price: '2.5' });
  await until('the example knows', () => said.includes('submitted'));
}
