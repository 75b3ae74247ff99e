// Makes generated/prisma from prisma/schema, and does nothing when it is already up to date.
// Prisma wants to download its schema engine although `generate` never runs it; any executable satisfies it, so this
// works without a network and without touching Prisma's caches.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const schemaFolder = join(root, 'prisma/schema');
const output = join(root, 'generated/prisma');
const stampFile = join(root, 'generated/.stamp');

if (existsSync(join(output, 'client.ts')) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp()) {
  process.exit(0);
}

const cli = join(root, 'node_modules/prisma/build/index.js');
const run = spawnSync(process.execPath, [cli, 'generate', '--schema', schemaFolder, '--no-hints'], {
  cwd: root,
  encoding: 'utf8',
  env: {
    ...process.env,
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    CHECKPOINT_DISABLE: '1',
  },
});
if (run.status !== 0) {
  process.stderr.write(run.stdout + run.stderr);
  process.stderr.write('The Prisma client could not be generated from prisma/schema (see above).\n');
  process.exit(1);
}
mkdirSync(dirname(stampFile), { recursive: true });
writeFileSync(stampFile, stamp());

/** What the generated client depends on: the schema files and the version of the generator. */
function stamp() {
  const hash = createHash('sha256');
  hash.update(readFileSync(join(root, 'node_modules/prisma/package.json')));
  for (const name of readdirSync(schemaFolder).sort()) hash.update(name).update(readFileSync(join(schemaFolder, name)));
  return hash.digest('hex');
}
