// `npm run bench`: builds the product and the bench, and measures. `-- --quick` takes under two minutes, `-- --json FILE` writes
// the figures there too, `-- --profile FOLDER` leaves CPU profiles of the API there. See docs/performance.md.
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { nodeToRunOn, root, setUp } from './set-up.mjs';

await setUp();
const node = nodeToRunOn();
const compiler = join(root, 'node_modules/typescript/bin/tsc');
const built = spawnSync(node, [compiler, '-p', 'tsconfig.bench.json'], { cwd: root, stdio: 'inherit' });
if (built.status !== 0) process.exit(1);

const bench = spawn(node, [join(root, 'dist/test/bench/main.js'), ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
// Ctrl-C reaches the bench by itself; we stay until it has stopped its servers.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => bench.kill('SIGTERM'));
bench.once('exit', (code) => process.exit(code ?? 1));
