// `npm run build`: the generated client, then TypeScript to dist/. Skipped when no source changed since the last time.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const stampFile = join(dist, '.stamp');
const FOLDERS = ['apps', 'libs', 'prisma/schema'];
const FILES = [
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'scripts/build.mjs',
  'scripts/generate.mjs',
];

if (process.argv[1] === fileURLToPath(import.meta.url)) build(process.execPath);

/** Ends the process with what the compiler says when the sources do not compile. */
export function build(node) {
  const stamp = stampOfSources();
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  console.log('Building.');
  // Half a build must not look like a whole one.
  rmSync(stampFile, { force: true });
  run(node, 'scripts/generate.mjs');
  run(node, 'node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--pretty', 'false');
  removeStale(dist);
  writeFileSync(stampFile, stamp);
}

function run(node, ...args) {
  const result = spawnSync(node, args, { cwd: root, encoding: 'utf8' });
  if (result.status === 0) return;
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`);
  console.error('The sources could not be built (see above). If you changed nothing, get a fresh clone.');
  process.exit(1);
}

/** By content, not by time: a checkout changes times without changing anything. */
function stampOfSources() {
  const hash = createHash('sha256');
  const files = [
    ...FOLDERS.flatMap((folder) => filesUnder(join(root, folder))),
    ...FILES.map((file) => join(root, file)),
  ];
  for (const file of files) {
    if (!file.endsWith('.test.ts'))
      hash.update(relative(root, file)).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

/** What is left in dist/ of a source that is no more. */
function removeStale(folder) {
  for (const file of filesUnder(folder)) {
    const source = join(root, relative(dist, file)).replace(/\.js(\.map)?$/, '.ts');
    if (/\.js(\.map)?$/.test(file) && !existsSync(source)) rmSync(file);
  }
}

function filesUnder(folder) {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) =>
    entry.isDirectory() ? filesUnder(join(folder, entry.name)) : [join(folder, entry.name)],
  );
}
