import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startWorld, type AgentActor, type World } from '../support/world.js';
import { Cli, refusalOf } from './cli.js';

type Me = { id: number };
type Shown = { profile: string; sources: Record<string, string | null>; [value: string]: unknown };

let world: World;
let cli: Cli;
let first: AgentActor;
let second: AgentActor;

beforeAll(async () => {
  world = await startWorld();
  [first, second] = [await world.agent(), await world.agent()];
});
beforeEach(() => {
  cli = new Cli();
  // As it was written before there were profiles.
  const content = { api_token: first.key, api_endpoint: world.url, later: { x: 1 } };
  writeFileSync(join(cli.home, 'config.json'), JSON.stringify(content), { mode: 0o600 });
});
afterEach(() => cli.close());
afterAll(() => world.close());

const ME = ['manage', 'agent', 'info'];

function env(more: Record<string, string> = {}): Record<string, string> {
  return { C4C_CONFIG: join(cli.home, 'config.json'), ...more };
}

function stored(): Record<string, unknown> {
  return JSON.parse(readFileSync(join(cli.home, 'config.json'), 'utf8')) as Record<string, unknown>;
}

async function me(words: string[] = [], more: Record<string, string> = {}): Promise<number> {
  return (await cli.json<Me>([...words, ...ME], env(more))).id;
}

async function makeWork(): Promise<void> {
  await cli.json(['--profile', 'work', 'config', 'set', 'endpoint', world.url], env());
  await cli.json(['config', 'set', 'token', '-', '--profile', 'work'], env(), `${second.key}\n`);
}

describe('profiles', () => {
  it('stand beside the values at the top of the file, which stay what they were', async () => {
    await makeWork();
    expect(await me()).toBe(first.id);
    expect(await me(['--profile', 'work'])).toBe(second.id);
    expect(await me([], { C4C_PROFILE: 'work' })).toBe(second.id);
    expect(await me(['--profile', 'default'], { C4C_PROFILE: 'work' })).toBe(first.id);
    expect(stored()).toEqual({
      api_token: first.key,
      api_endpoint: world.url,
      later: { x: 1 },
      profiles: { work: { api_endpoint: world.url, api_token: second.key } },
    });
  });

  it('are chosen for what follows, and back', async () => {
    await makeWork();
    const chosen = await cli.text(['config', 'use', 'work'], env());
    expect([chosen.code, chosen.stdout]).toEqual([0, 'The profile work is used from now on.\n']);
    expect(await me()).toBe(second.id);
    expect(await me(['--profile', 'default'])).toBe(first.id);
    const { stderr } = await cli.text(['config', 'use', 'default'], env({ C4C_PROFILE: 'work' }));
    expect(stderr).toContain('C4C_PROFILE is set');
    expect(await me()).toBe(first.id);
    expect(stored()).not.toHaveProperty('profile');
  });

  it('come before the environment where a flag names them, and after it where none does', async () => {
    await makeWork();
    const token = { C4C_API_TOKEN: first.key };
    expect(await me(['--profile', 'work'], token)).toBe(second.id);
    expect(await me([], { C4C_PROFILE: 'work', ...token })).toBe(first.id);
  });

  it('take no key from one another', async () => {
    await cli.json(['--profile', 'bare', 'config', 'set', 'endpoint', world.url], env());
    const result = await cli.run(['--profile', 'bare', ...ME], { env: env() });
    expect([result.code, refusalOf(result).error.code]).toEqual([4, 'NO_KEY']);
  });

  it('show in config show, with where each value comes from, and never the key', async () => {
    await makeWork();
    const shown = await cli.json<Shown>(['--profile', 'work', 'config', 'show'], env({ C4C_OUTPUT: 'json' }));
    expect(shown).toMatchObject({
      profile: 'work',
      api_endpoint: world.url,
      sources: { profile: 'flag', api_token: 'file', api_endpoint: 'file', output: 'environment', webhook_url: null },
    });
    const text = await cli.text(['config', 'show'], env({ C4C_PROFILE: 'work' }));
    expect(text.stdout).toContain('Profile:       work (environment)');
    expect(text.stdout).toMatch(/Key: +c4c_agent_\S+ \(profile work\)/);
    expect(text.stdout).toContain(`${world.url} (profile work)`);
    expect(text.stdout + JSON.stringify(shown)).not.toContain(second.key);
    expect((await cli.text(['config', 'show'], env())).stdout).toContain('Profile:       default (default)');
  });

  it('are listed with the demo, and removed', async () => {
    await makeWork();
    await cli.json(['config', 'use', 'work'], env());
    const list = await cli.json(['config', 'use'], env({ C4C_HOME: cli.home }));
    expect(list).toEqual([
      { name: 'default', kind: 'profile', endpoint: world.url, isInUse: false },
      { name: 'work', kind: 'profile', endpoint: world.url, isInUse: true },
    ]);
    const text = await cli.text(['config', 'use'], env({ C4C_HOME: cli.home }));
    expect(text.stdout).toBe(`default (profile) ${world.url}\nwork (profile, in use) ${world.url}\n`);
    expect(await cli.json(['config', 'remove', 'work'], env())).toEqual({ removed: 'work' });
    expect(JSON.stringify(stored())).not.toContain(second.key);
    expect(await me()).toBe(first.id);
  });

  it('leave a demo its place in the default, and are not overwritten by it', async () => {
    await makeWork();
    await cli.json(['config', 'use', 'work'], env());
    const demo = { endpoint: world.url, owners: [], agents: [{ id: first.id, name: 'demo', key: first.key }] };
    writeFileSync(join(cli.home, 'dev.json'), JSON.stringify(demo));
    await cli.json(['config', 'use', 'demo'], env({ C4C_HOME: cli.home }));
    expect(await me()).toBe(first.id);
    expect(await me(['--profile', 'work'])).toBe(second.id);
    await cli.json(['--profile', 'trial', 'config', 'use', 'demo'], env({ C4C_HOME: cli.home }));
    expect(await me(['--profile', 'trial'])).toBe(first.id);
  });

  it.each([
    [['--profile', 'wrok', ...ME], 'no profile "wrok"'],
    [['--profile', 'a b', 'config', 'set', 'output', 'json'], 'The name of a profile'],
    [['config', 'use', 'nobody'], 'no profile and no demo "nobody": default, work'],
    [['config', 'remove', 'default'], 'the file itself'],
    [['config', 'remove', 'nobody'], 'no profile "nobody"'],
  ])('refuse %j', async (args, reason) => {
    await makeWork();
    const result = await cli.run(args, { env: env({ C4C_HOME: cli.home }) });
    expect([result.code, refusalOf(result).error.message]).toEqual([2, expect.stringContaining(reason)]);
  });

  it('say in their own way what is wrong, where the profile has a mode of output', async () => {
    await cli.json(['--profile', 'talk', 'config', 'set', 'output', 'text'], env());
    const { stderr } = await cli.run(['--profile', 'talk', 'market', 'service', 'show', 'x'], { env: env() });
    expect(stderr).toMatch(/^Error: /);
  });
});
