// Sets up what is missing, then becomes the launcher: in this very process when it is new enough, else in a child that
// runs on the Node that came with the packages.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { nodeToRunOn, root, setUp } from './set-up.mjs';

await setUp();
const main = join(root, 'dist/apps/standalone/main.js');
const node = nodeToRunOn();
if (node === process.execPath) {
  process.argv = [node, main, ...process.argv.slice(2)];
  await import(pathToFileURL(main).href);
} else {
  runChild();
}

/** The child stands in a process group of its own, so that a Ctrl-C reaches it once, through us. */
function runChild() {
  // As many threads beside the first one as there are processors for them, as in `npm start` itself; left alone it is four.
  const child = spawn(node, ['--v8-pool-size=0', main, ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    detached: true,
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.once('error', (error) => {
    console.error(`c4c could not be started: ${error.message}`);
    process.exit(1);
  });
  child.once('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
}
