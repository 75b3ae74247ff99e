// `npm run check`: every fast check of the tree, after its own set-up. Quiet when all is well; otherwise each failed
// step shows what it printed. `npm run check -- lint types` runs only those steps.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = (name) => join(root, 'node_modules/.bin', name);
const folders = ['apps', 'libs', 'test'].filter((folder) => existsSync(join(root, folder)));

/** Longest first, so that two at a time finish together. */
const steps = [
  { name: 'lint', command: [bin('eslint'), '.', '--max-warnings', '0'] },
  { name: 'unit', command: [bin('vitest'), 'run', '--project', 'unit', '--reporter', 'dot', '--passWithNoTests'] },
  { name: 'types', command: [bin('tsc'), '--noEmit', '--pretty', 'false'] },
  { name: 'format', command: [bin('prettier'), '--check', '--log-level', 'warn', '.'] },
  {
    name: 'architecture',
    command: [bin('depcruise'), '--config', 'dependency-cruiser.config.mjs', '--output-type', 'err-long', ...folders],
  },
  { name: 'deadcode', command: [bin('knip'), '--no-progress', '--no-config-hints'] },
  ...(existsSync(join(root, 'openapi.yaml'))
    ? [{ name: 'openapi', command: [bin('redocly'), 'lint', 'openapi.yaml', '--format', 'stylish'] }]
    : []),
];
const AT_ONCE = 2;

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !steps.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(`Unknown step: ${unknown.join(', ')}. There are: ${steps.map((step) => step.name).join(', ')}.`);
  process.exit(2);
}

const setUp = await run({ name: 'set-up', command: [process.execPath, join(root, 'scripts/generate.mjs')] });
if (!setUp.passed) {
  report(setUp);
  process.exit(1);
}

const waiting = steps.filter((step) => wanted.length === 0 || wanted.includes(step.name));
const results = [];
await Promise.all(Array.from({ length: AT_ONCE }, worker));

const failed = results.filter((result) => !result.passed);
const names = failed.map((result) => result.name).join(', ');
console.log(
  failed.length === 0
    ? `check: ${results.length} steps passed`
    : `check: ${failed.length} of ${results.length} steps failed: ${names}`,
);
process.exit(failed.length === 0 ? 0 : 1);

async function worker() {
  for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
    const result = await run(step);
    results.push(result);
    if (!result.passed) report(result);
  }
}

function run({ name, command: [file, ...args] }) {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}`,
        FORCE_COLOR: '0',
        NO_COLOR: '1',
        REDOCLY_TELEMETRY: 'off',
        REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true',
        CI: '1',
      },
    });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => resolve({ name, passed: false, output: `${output}${error.message}\n` }));
    child.on('close', (code) => resolve({ name, passed: code === 0, output }));
  });
}

function report({ name, output }) {
  console.error(`\n── ${name} failed ${'─'.repeat(Math.max(3, 60 - name.length))}\n${output.trimEnd()}\n`);
}
