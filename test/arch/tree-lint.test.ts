import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lintText, TREE_RULES } from './tree-rules.js';

const ROOT = join(import.meta.dirname, '../..');
const FIXTURES = join(import.meta.dirname, 'fixtures/tree');
/** These files have to spell out what they forbid. */
const SPELLS_IT_OUT = /^test\/arch\/(fixtures\/|tree-rules\.ts$)/;
const NOT_OURS = /(^|\/)(node_modules|dist|generated|coverage|bench-results|\.c4c|\.git)(\/|$)/;
const BINARY = /\.(png|jpe?g|gif|ico|woff2?|gz|zip|pdf|wasm)$/;

describe('the rules of the tree', () => {
  it.each(Object.keys(TREE_RULES))('%s is broken by its fixture, and nothing else is', (rule) => {
    const findings = lintText(fixturePath(rule), readFileSync(join(FIXTURES, `${rule}.txt`), 'utf8'));
    expect([...new Set(findings.map((finding) => finding.rule))]).toEqual([rule]);
  });

  it('lets pass what is allowed', () => {
    expect(lintText('a.test.ts', readFileSync(join(FIXTURES, 'allowed.txt'), 'utf8'))).toEqual([]);
  });

  it('has no fixture without a rule', () => {
    const named = readdirSync(FIXTURES).map((file) => file.replace(/\.txt$/, ''));
    expect(named.sort()).toEqual([...Object.keys(TREE_RULES), 'allowed'].sort());
  });
});

describe('every file of the project', () => {
  it('keeps the rules', () => {
    const paths = ourFiles().filter((path) => !SPELLS_IT_OUT.test(path) && !BINARY.test(path));
    expect(paths.length).toBeGreaterThan(20);
    expect(paths.flatMap((path) => lintText(path, readFileSync(join(ROOT, path), 'utf8')))).toEqual([]);
  });

  it('names its idea in its path', () => {
    const dust = /(^|\/)(utils?|helpers?|common|misc|shared|stuff)(\/|\.\w+$)/;
    expect(ourFiles().filter((path) => dust.test(path) && !SPELLS_IT_OUT.test(path))).toEqual([]);
  });
});

/** A fixture is judged under a name its rule looks at. */
function fixturePath(rule: string): string {
  const named = ['package-lock.json', 'a.test.ts', 'a.ts'];
  return named.find((path) => TREE_RULES[rule]?.files?.test(path) ?? path === 'a.ts') ?? 'a.ts';
}

/** Tracked and new files; without git (an unpacked archive) everything that is not built or installed. */
function ourFiles(): string[] {
  const git = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  const paths = git.status === 0 ? git.stdout.split('\0').filter((path) => path !== '') : walk('');
  return paths.filter(
    (path) => !NOT_OURS.test(path) && statSync(join(ROOT, path), { throwIfNoEntry: false })?.isFile() === true,
  );
}

function walk(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (NOT_OURS.test(path)) return [];
    return entry.isDirectory() ? walk(path) : [path];
  });
}
