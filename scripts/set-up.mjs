// Everything between a fresh clone and a program that runs: packages, what their install scripts would have done, the
// generated client and the build. Each step is skipped when nothing changed. No packages are imported here.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const packages = join(root, 'node_modules');
const ownNode = join(packages, '.bin', process.platform === 'win32' ? 'node.exe' : 'node');
const lockFile = join(root, 'generated/.set-up.lock');
/** The packages of today do not run on less. */
const MAJOR_MIN = 22;

/** Ends the process with a sentence when something cannot be done. */
export async function setUp() {
  await lock();
  try {
    if (!isInstalled()) install();
    if (!existsSync(ownNode)) installNode();
    build(nodeToRunOn());
  } finally {
    unlock();
  }
}

/** The Node that came with the packages, unless we run on it (or on one as new, where it could not be had). */
export function nodeToRunOn() {
  if (!existsSync(ownNode)) return process.execPath;
  return realpathSync(ownNode) === realpathSync(process.execPath) ? process.execPath : ownNode;
}

/** Whether npm's own note of what it installed agrees with package-lock.json. */
function isInstalled() {
  const wanted = readJson(join(root, 'package-lock.json'));
  const found = readJson(join(packages, '.package-lock.json'));
  if (wanted === undefined || found === undefined) return false;
  return Object.entries(wanted.packages).every(([path, { version, optional }]) => {
    if (path === '') return true;
    const there = found.packages[path];
    return there === undefined ? optional === true : there.version === version;
  });
}

function install() {
  say('Installing the packages; the first time this takes a minute or two.');
  const result = npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel', 'error'], root);
  if (result.status !== 0) {
    giveUp(
      'The packages could not be installed. Look at what npm says above; often it is the network, or a folder that may not be written.',
      result,
    );
  }
}

/** What the install script of the package `node` does: fetches the program for this machine. */
function installNode() {
  const folder = join(packages, 'node');
  const [, version] = /^(\d+)\./.exec(process.versions.node);
  say('Fetching the Node that c4c runs on.');
  const result = spawnSync(process.execPath, ['installArchSpecificPackage.js'], {
    cwd: folder,
    encoding: 'utf8',
    env: npmEnv(),
  });
  if (existsSync(join(folder, 'bin/node'))) {
    mkdirSync(dirname(ownNode), { recursive: true });
    rmSync(ownNode, { force: true });
    symlinkSync('../node/bin/node', ownNode);
  } else if (Number(version) < MAJOR_MIN) {
    giveUp(
      `c4c runs on Node ${MAJOR_MIN} or newer; it could not be fetched, and this one is ${process.versions.node}. Check the network, or install a newer Node.`,
      result,
    );
  } else {
    say(`It could not be fetched; going on with ${process.versions.node}.`);
  }
}

function npm(args, cwd) {
  const cli = process.env.npm_execpath;
  // Under `npm start` the very npm that runs us; by hand, the one on PATH.
  const isScript = cli !== undefined && /\.c?js$/.test(cli);
  const options = { cwd, encoding: 'utf8', env: npmEnv() };
  return isScript
    ? spawnSync(process.execPath, [cli, ...args], options)
    : spawnSync('npm', args, { ...options, shell: process.platform === 'win32' });
}

/** What npm tells its scripts about itself would confuse a second npm. */
function npmEnv() {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^npm_(package|lifecycle|command)|^NODE_ENV$/.test(name),
  );
  return Object.fromEntries(inherited);
}

/** One set-up at a time in one clone. A lock whose owner is gone (kill -9) counts for nothing. */
async function lock() {
  mkdirSync(dirname(lockFile), { recursive: true });
  for (let waited = false; ; waited = true) {
    try {
      writeFileSync(lockFile, String(process.pid), { flag: 'wx' });
      return;
    } catch (error) {
      if (error.code !== 'EEXIST')
        giveUp(`${dirname(lockFile)} may not be written (${error.code}). Give the clone to the user who starts c4c.`);
    }
    if (!isAlive(Number(readFileSync(lockFile, 'utf8')))) {
      rmSync(lockFile, { force: true });
      continue;
    }
    if (!waited) say('Another c4c is setting up this clone; waiting for it.');
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

function unlock() {
  rmSync(lockFile, { force: true });
}

function isAlive(pid) {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function say(line) {
  console.log(line);
}

function giveUp(sentence, result) {
  if (result !== undefined)
    process.stderr.write(
      `${result.stdout ?? ''}${result.stderr ?? ''}${result.error ? `${result.error.message}\n` : ''}`,
    );
  console.error(sentence);
  unlock();
  process.exit(1);
}
