import { spawnSync } from 'node:child_process';
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { freePort } from '../support/free-port.js';
import { removeFolder, temporaryFolder } from '../support/leftovers.js';
import { endLeftBehind, ensureBuilt, Launcher, postgresNote, root, type LaunchOptions } from './launcher.js';

// Whole processes start here, several times a test; on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const homes: string[] = [];
beforeAll(() => ensureBuilt());
afterAll(async () => {
  await endLeftBehind();
  for (const home of homes) await removeFolder(home);
});

describe('npm start says in one sentence what to do', () => {
  it('when a second copy is started, which leaves the first alone', async () => {
    const home = newHome();
    const first = await new Launcher(home).ready();
    const second = await refused(home);
    expect(second).toMatch(
      /^c4c is already running on .+ at http:\/\/127\.0\.0\.1:\d+ \(process \d+\)\. Use that one, stop it with: kill \d+, or/,
    );
    expect((await fetch(`${first.url}/healthz`)).status).toBe(200);
    expect(await first.stop()).toBe(0);
    // A number that belongs to another program by now is no copy.
    writeFileSync(join(home, 'running.json'), JSON.stringify({ pid: process.pid, startedAt: 'long ago', token: 'x' }));
    expect(await (await new Launcher(home).ready()).stop()).toBe(0);
  });

  it('when the port is taken', async () => {
    const port = await freePort();
    const other = createServer().listen(port, '127.0.0.1');
    expect(await refused(newHome(), { env: { PORT: String(port) } })).toBe(
      `127.0.0.1:${String(port)} is in use by another program. Stop it, or choose another port: PORT=${String(port + 1)} npm start`,
    );
    other.close();
  });

  it('when the address is not of this machine', async () => {
    expect(await refused(newHome(), { env: { HOST: '203.0.113.7', PORT: String(await freePort()) } })).toMatch(
      /^This machine has no address 203\.0\.113\.7\. Set HOST/,
    );
  });

  it('when the data folder is broken', async () => {
    const home = newHome();
    await (await new Launcher(home).ready()).stop();
    const { place } = postgresNote(home);
    truncateSync(join(place, 'data/global/pg_control'), 100);
    expect(await refused(home)).toMatch(
      /^The database in .+ does not start \(.+\)\. The data folder is damaged\. Restore a backup into another C4C_HOME/,
    );
    writeFileSync(join(place, 'data/PG_VERSION'), '15\n');
    expect(await refused(home)).toMatch(
      /was made by PostgreSQL 15, and this c4c brings 18\. Make a backup with the c4c that made it/,
    );
    rmSync(join(place, 'data/PG_VERSION'));
    expect(await refused(home)).toMatch(/is damaged \(it has no PG_VERSION\)/);
    rmSync(join(place, 'data'), { recursive: true });
    expect(await refused(home)).toMatch(/is gone\. Bring it back, or restore a backup into another C4C_HOME/);
    writeFileSync(join(home, 'postgres.json'), '{');
    expect(await refused(home)).toMatch(/postgres\.json is damaged\. Restore it from a backup/);
  });

  it('when C4C_HOME is no folder', async () => {
    const file = join(newHome(), 'file');
    writeFileSync(file, '');
    expect(await refused(file)).toMatch(/^The folder .+ cannot be used \(E[A-Z]+\)\. .*C4C_HOME/);
  });

  it.skipIf(process.getuid?.() !== 0)('when the folder belongs to somebody else', async () => {
    expect(await refused(newHome(), { user: { uid: 65_534, gid: 65_534 } })).toMatch(
      /cannot be used \((EACCES|EPERM)\)/,
    );
  });

  it('when a setting is wrong or unknown', async () => {
    expect(await refused(newHome(), { env: { PORT: 'http' } })).toBe(
      'PORT is "http"; it must be a whole number from 0 to 65535.',
    );
    expect(await refused(newHome(), { env: { C4C_DEMOS: '1' } })).toMatch(/^Unknown setting C4C_DEMOS\./);
  });

  it('when the database of DATABASE_URL does not answer', async () => {
    const env = { DATABASE_URL: `postgresql://somebody:secret@127.0.0.1:${String(await freePort())}/c4c` };
    const line = await refused(newHome(), { env });
    expect(line).toMatch(/^The database of DATABASE_URL does not answer \(.*ECONNREFUSED.*\)\./);
    expect(line).not.toContain('secret');
  });

  it.each(['start.mjs', 'test.mjs'])('when Node is too old (scripts/%s)', (script) => {
    const pretend = `data:text/javascript,Object.defineProperty(process.versions, 'node', { value: '18.20.4' })`;
    const run = spawnSync(process.execPath, ['--import', pretend, join(root, 'scripts', script)], { encoding: 'utf8' });
    expect(run.status).toBe(1);
    expect(run.stderr).toMatch(
      /^c4c needs Node 20\.19 or newer, and this is 18\.20\.4\. Install a newer one from nodejs\.org and .+ again\.\n$/,
    );
  });
});

function newHome(): string {
  const home = temporaryFolder();
  homes.push(home);
  return home;
}

/** What a start that must fail prints: one line, no stack, exit 1. */
async function refused(home: string, options?: LaunchOptions): Promise<string> {
  const launcher = new Launcher(home, options);
  const code = await launcher.exit;
  const lines = launcher.output.trim().split('\n');
  expect({ code, lines: lines.length }, launcher.output).toEqual({ code: 1, lines: 1 });
  return lines[0] ?? '';
}
