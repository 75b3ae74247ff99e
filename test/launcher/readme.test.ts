import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ensureBuilt, Launcher, root } from './launcher.js';

const README = readFileSync(join(root, 'README.md'), 'utf8');
const ADDRESS = 'http://127.0.0.1:8787';

let home: string;
let market: Launcher;

beforeAll(async () => {
  ensureBuilt();
  home = mkdtempSync(join(tmpdir(), 'c4c-readme-'));
  market = await new Launcher(home).ready();
});

afterAll(async () => {
  await market.stop();
  rmSync(home, { recursive: true, force: true });
});

it('shows what the commands of the first paid invocation print, copied line by line', () => {
  const section = README.slice(README.indexOf('## The first paid invocation'), README.indexOf('## Sell something'));
  const blocks = [...section.matchAll(/```sh\n(?<commands>[\s\S]*?)```\n\n```text\n(?<shown>[\s\S]*?)```/g)];
  expect(blocks.length).toBe(4);
  for (const { groups } of blocks) {
    const { commands = '', shown = '' } = groups ?? {};
    expect(printed(commands)).toMatch(patternOf(shown));
  }
});

it('names files that exist', () => {
  for (const [, path = ''] of README.matchAll(/\]\((?!http)(?<path>[^)#]+)\)/g))
    expect(() => readFileSync(pageOf(path))).not.toThrow();
});

/** What a person sees who pastes these lines into a terminal. Only the address is another: the port of a test is free. */
function printed(commands: string): string {
  const { stdout } = spawnSync('sh', ['-e'], {
    cwd: root,
    input: `exec 2>&1\n${commands.replaceAll(ADDRESS, market.url)}`,
    encoding: 'utf8',
    env: {
      PATH: `${join(root, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`,
      HOME: home,
      C4C_HOME: home,
      C4C_OUTPUT: 'text',
    },
  });
  return stdout;
}

/** The shown text, in which "…" stands for anything within a line. */
function patternOf(shown: string): RegExp {
  const literal = shown.trimEnd().replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${literal.replaceAll('…', '.*')}\\s*$`);
}

function pageOf(path: string): string {
  return path.endsWith('/') ? join(root, path, 'README.md') : join(root, path);
}
