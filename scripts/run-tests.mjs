// Runs vitest on the Node that came with the packages and reads its report. Arguments go to vitest; `--long` adds the
// longer proofs.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { nodeToRunOn, root, setUp } from './set-up.mjs';

await setUp();
const isLong = process.argv.includes('--long');
const args = process.argv.slice(2).filter((arg) => arg !== '--long');
const folder = mkdtempSync(join(tmpdir(), 'c4c-report-'));
const report = join(folder, 'report.json');
const node = nodeToRunOn();

const child = spawn(
  node,
  [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile=${report}`,
    ...args,
  ],
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      // What the tests start by name (`node`, `npm`) is what we run on.
      PATH: `${dirname(node)}:${join(root, 'node_modules/.bin')}:${process.env.PATH}`,
      ...(isLong ? { TEST_LONG: '1' } : {}),
    },
  },
);
// Ctrl-C reaches vitest by itself; we stay to tidy up and to count.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.once('exit', (code) => {
  const counts = countOf(report);
  rmSync(folder, { recursive: true, force: true });
  if (counts === undefined) {
    console.log('0 passed, 1 failed');
    process.exit(code === 0 ? 1 : (code ?? 1));
  }
  const { passed, skipped } = counts;
  // An error outside of any test fails the run although no test did.
  const failed = counts.failed === 0 && code !== 0 ? 1 : counts.failed;
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  process.exit(failed > 0 ? 1 : 0);
});

/** A file that could not even be loaded counts as one failure. */
function countOf(file) {
  if (!existsSync(file)) return undefined;
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    readFileSync(file, 'utf8'),
  );
  const unloaded = testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((one) => one.status === 'failed'),
  );
  return {
    passed: numPassedTests,
    failed: numFailedTests + unloaded.length,
    skipped: numPendingTests + (numTodoTests ?? 0),
  };
}
