import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cli, refusalOf } from './cli.js';

let cli: Cli;
const scripts = new Map<string, string>();

beforeAll(async () => {
  cli = new Cli();
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout } = await cli.run(['completion', shell]);
    expect(code).toBe(0);
    const path = join(cli.home, `c4c.${shell}`);
    writeFileSync(path, stdout);
    scripts.set(shell, path);
  }
  mkdirSync(join(cli.home, 'here'));
  writeFileSync(join(cli.home, 'here', 'result one.json'), '{}');
});
afterAll(() => cli.close());

function isThere(shell: string): boolean {
  const { status } = spawnSync(shell, ['--version']);
  // Said, so that nobody takes for tested what was not.
  if (status !== 0) console.warn(`${shell} is not installed here: its completion is not tried`);
  return status === 0;
}

function run(shell: string, args: readonly string[]): string {
  const { PATH = '' } = process.env;
  const env = { PATH, HOME: cli.home, TERM: 'dumb' };
  const { stdout, stderr } = spawnSync(shell, args, {
    cwd: join(cli.home, 'here'),
    env,
    encoding: 'utf8',
    timeout: 20_000,
  });
  expect(stderr).toBe('');
  return stdout;
}

/** Lines as they are typed, the last word being completed, and some of what has to be offered, or all of it. */
const LINES: [line: string, offered: string[] | { all: string[] }][] = [
  ['c4c ma', { all: ['manage', 'market'] }],
  ['c4c market ', { all: ['agent', 'service', 'task'] }],
  ['c4c market service sh', { all: ['show'] }],
  ['c4c manage service-invocation canc', { all: ['cancel'] }],
  ['c4c manage inv ', ['invoke', 'list', 'submit']],
  ['c4c -o json manage inv time', { all: ['timeline'] }],
  ['c4c --endpoint http://127.0.0.1:1 manage agent st', { all: ['status'] }],
  ['c4c manage inv list --st', { all: ['--status'] }],
  ['c4c manage inv list --', ['--role', '--output', '--profile', '--help']],
  ['c4c manage inv list -s ', { all: ['completed', 'failed', 'pending', 'timeout'] }],
  ['c4c manage inv list --role p', { all: ['provider'] }],
  ['c4c manage inv list -o ', { all: ['json', 'text'] }],
  ['c4c manage inv submit 1 -o res', ['result one.json']],
  ['c4c market service list -c wri', { all: ['writing'] }],
  ['c4c market service list --sort-by ', { all: ['calls', 'price', 'price_desc', 'rating', 'time'] }],
  ['c4c manage agent status ', { all: ['busy', 'offline', 'online'] }],
  ['c4c connect --on-exhausted ', { all: ['drop', 'exit', 'fail'] }],
  ['c4c trigger invocation.t', { all: ['invocation.timeout'] }],
  ['c4c config set tok', { all: ['token'] }],
  ['c4c approvals ', { all: ['approve', 'deny', 'link', 'list', 'show'] }],
  ['c4c approvals list --status ex', { all: ['executed', 'expired'] }],
  ['c4c owner policy ', { all: ['clear', 'list', 'set', 'show'] }],
  ['c4c owner policy set 1 --invoke ', { all: ['always', 'never'] }],
  ['c4c completion ', { all: ['bash', 'fish', 'zsh'] }],
  ['c4c market service show 1 ', { all: [] }],
  ['c4c manage inv list --page ', { all: [] }],
];

function expectOffered(found: readonly string[], offered: string[] | { all: string[] }): void {
  if (Array.isArray(offered)) expect(found).toEqual(expect.arrayContaining(offered));
  else expect([...found].sort()).toEqual(offered.all);
}

describe.runIf(isThere('bash'))('bash', () => {
  it.each([...LINES, ['c4c manage inv list --output=te', { all: ['text'] }]] as typeof LINES)(
    'completes %j',
    (line, offered) => {
      // As readline splits it: an equals sign is a word.
      const words = line
        .replaceAll('=', ' = ')
        .split(' ')
        .map((word) => `'${word}'`);
      const program = `source '${scripts.get('bash')}'; COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}
      _c4c 2>/dev/null; for word in "\${COMPREPLY[@]}"; do printf '%s\\n' "$word"; done`;
      const found = run('bash', ['--norc', '-c', program]);
      expectOffered(
        found.split('\n').filter((word) => word !== ''),
        offered,
      );
    },
  );
});

describe.runIf(isThere('fish'))('fish', () => {
  it.each([...LINES, ['c4c manage inv list --output=te', { all: ['--output=text'] }]] as typeof LINES)(
    'completes %j',
    (line, offered) => {
      const found = run('fish', ['--no-config', '-c', `source '${scripts.get('fish')}'; complete -C '${line}'`]);
      // What stands after the tab is what the word means.
      const words = found.split('\n').map((one) => one.replace(/\t.*/, '').replaceAll('\\ ', ' '));
      expectOffered(
        words.filter((word) => word !== ''),
        offered,
      );
    },
  );
});

describe.runIf(isThere('zsh'))('zsh', () => {
  // A shell on a terminal of its own, as a person has it: types, presses the tab, and reads the line that is there then. The marks are
  // written apart, since the terminal shows what is typed as well.
  const typed = (line: string): string => {
    const program = `zmodload zsh/zpty
      zpty inner zsh -f -i
      zpty -w inner 'PS1=; stty columns 200; unsetopt LIST_AMBIGUOUS ALWAYS_LAST_PROMPT'
      zpty -w inner 'autoload -U compinit; compinit -u -D; source "${scripts.get('zsh')}"'
      zpty -w inner 'show() { print -r -- "LI""NE<$BUFFER>"; }; zle -N show; bindkey "^X" show; bindkey "^I" expand-or-complete'
      zpty -w inner 'print READY''1'
      zpty -r inner said '*READY1*'
      zpty -w -n inner '${line}'$'\\t'$'\\C-x'
      zpty -r inner said '*LINE<*>*'
      print -r -- "$said"; zpty -d inner`;
    const said = run('zsh', ['-f', '-c', program]);
    return /LINE<([^>]*)>/.exec(said)?.[1] ?? said;
  };

  it.each([
    ['c4c mark', 'c4c market '],
    ['c4c market service sh', 'c4c market service show '],
    ['c4c manage inv canc', 'c4c manage inv cancel '],
    ['c4c -o json manage inv time', 'c4c -o json manage inv timeline '],
    ['c4c manage inv list --stat', 'c4c manage inv list --status '],
    ['c4c manage inv list --role p', 'c4c manage inv list --role provider '],
    ['c4c manage inv list --output=te', 'c4c manage inv list --output=text '],
    ['c4c manage inv submit 1 -o res', 'c4c manage inv submit 1 -o result\\ one.json '],
    ['c4c market service list -c wri', 'c4c market service list -c writing '],
    ['c4c trigger invocation.t', 'c4c trigger invocation.timeout '],
    ['c4c config set tok', 'c4c config set token '],
    ['c4c market service show 1', 'c4c market service show 1'],
  ])('completes %j to %j', (line, completed) => expect(typed(line).trimEnd()).toBe(completed.trimEnd()));
});

it('offers every command of the program, whoever added it', async () => {
  const { createProgram } = await import('../../apps/cli/program.js');
  const { vocabularyOf } = await import('../../apps/cli/completion-words.js');
  const { places } = vocabularyOf(
    createProgram(() => undefined),
    [],
  );
  expect(places.length).toBeGreaterThan(50);
  for (const { path, commands } of places) {
    if (commands.length === 0) continue;
    const words = [...path.split(' '), ''].map((word) => `'${word}'`);
    const program = `source '${scripts.get('bash')}'; COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _c4c; echo "\${COMPREPLY[*]}"`;
    const names = commands.flatMap((command) => command.names);
    expect(run('bash', ['--norc', '-c', program]).trim().split(/\s+/).sort(), path).toEqual(names.sort());
  }
});

it('knows three shells', async () => {
  const result = await cli.run(['completion', 'tcsh']);
  expect([result.code, refusalOf(result).error.message]).toEqual([2, expect.stringContaining('bash, zsh, fish')]);
});
