// `npm test`: sets everything up, runs the tests, and closes with one line `N passed, N failed`.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(
    `c4c needs Node 20.19 or newer, and this is ${process.versions.node}. Install a newer one from nodejs.org and try again.`,
  );
  process.exit(1);
}
import('./run-tests.mjs');
