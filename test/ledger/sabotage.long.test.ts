import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { sabotages, type Sabotage } from './sabotages.js';

const ROOT = join(import.meta.dirname, '../..');
const SUITES = ['test/ledger', 'test/property'];

type Report = { numTotalTests: number; numFailedTests: number; numFailedTestSuites: number; success: boolean };

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'c4c-sabotage-'));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('the tests of the ledger', () => {
  it('pass on the SQL as it is', async () => {
    expect(await testsWith({ name: 'nothing' })).toMatchObject({ success: true, numFailedTests: 0 });
  });

  it.each(sabotages)('notice that $name', async (sabotage) => {
    const report = await testsWith(sabotage);
    expect(report.numTotalTests).toBeGreaterThan(0);
    expect(report.numFailedTests + report.numFailedTestSuites).toBeGreaterThan(0);
  });
});

/** The report of the ledger's tests, run in a process of their own on databases with this sabotage. */
async function testsWith(sabotage: Sabotage): Promise<Report> {
  const sql = join(folder, 'sabotage.sql');
  const report = join(folder, 'report.json');
  writeFileSync(sql, sqlOf(sabotage));
  rmSync(report, { force: true });
  const env = {
    ...process.env,
    TEST_LONG: '',
    TEST_SABOTAGE: sql,
    C4C_TEST_DATABASE_URL: inject('testCluster').adminUrl,
  };
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const options = ['--project', 'real', '--bail', '1', '--reporter', 'json', '--outputFile', report];
  const child = spawn(process.execPath, [vitest, 'run', ...options, ...SUITES], { cwd: ROOT, env });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await new Promise((resolve) => child.on('close', resolve));
  try {
    return JSON.parse(readFileSync(report, 'utf8')) as Report;
  } catch (cause) {
    throw new Error(`the tests did not run: ${output.slice(-2_000)}`, { cause });
  }
}

function sqlOf({ changes = [], sql = '' }: Sabotage): string {
  const files = new Map<string, string>();
  for (const { file, find, put } of changes) {
    const text = files.get(file) ?? readFileSync(join(ROOT, 'prisma/functions', file), 'utf8');
    if (!text.includes(find)) throw new Error(`${file} does not read "${find}" any more; sabotage it in another way`);
    files.set(file, text.replaceAll(find, put));
  }
  return [...files.values(), sql].join('\n');
}
