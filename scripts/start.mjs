// `npm start`. This file and what it names first must be readable to any Node, so that an old one gets a sentence and not
// a syntax error.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(
    `c4c needs Node 20.19 or newer, and this is ${process.versions.node}. Install a newer one from nodejs.org and start again.`,
  );
  process.exit(1);
}
import('./launch.mjs');
