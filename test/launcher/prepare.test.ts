import { spawn } from 'node:child_process';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { databaseUrl } from '../support/cluster.js';
import { removeFolder, temporaryFolder } from '../support/leftovers.js';
import { ensureBuilt, Launcher, root } from './launcher.js';

// Whole processes start here, several times a test; on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const { adminUrl: serverUrl, appPassword } = inject('testCluster');
const DATABASE = `server_${String(process.pid)}`;
const adminUrl = databaseUrl(serverUrl, DATABASE);

describe('a market on a server of its own', () => {
  const home = temporaryFolder();
  const appUrl = new URL(adminUrl);
  appUrl.username = 'c4c_app';
  appUrl.password = appPassword;
  const env = { DATABASE_URL: appUrl.href, DATABASE_ADMIN_URL: adminUrl, NODE_ENV: 'production' };
  const settings = {
    ...env,
    C4C_SECRET: 'a-secret-of-at-least-32-characters!',
    C4C_HOME: home,
    HOST: '127.0.0.1',
    PORT: '0',
  };

  beforeAll(async () => {
    ensureBuilt();
    await onServer(`create database ${DATABASE}`);
  });
  afterAll(async () => {
    await onServer(`drop database if exists ${DATABASE} with (force)`);
    await removeFolder(home);
  });

  it('is prepared once, and shows the administrator key once', async () => {
    const first = await run('dist/apps/standalone/prepare.js', settings);
    expect(first).toMatchObject({
      code: 0,
      output: expect.stringMatching(/c4c_admin_\w+[\s\S]+The database is ready/),
    });
    const second = await run('dist/apps/standalone/prepare.js', settings);
    expect(second).toMatchObject({ code: 0, output: 'The database is ready for this version.\n' });
  });

  it.each(['api', 'worker'])('runs the %s as a process of its own, which stops in order', async (part) => {
    const child = spawn(process.execPath, [join(root, `dist/apps/${part}/main.js`)], {
      env: { PATH: process.env['PATH'], ...settings },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise((resolve) => child.once('close', resolve));
    await expect.poll(() => output, { timeout: 20_000 }).toMatch(/the api listens|the worker runs/);
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });

  it('runs whole from npm start too, with the settings of DATABASE_URL', async () => {
    const launcher = await new Launcher(home, { env: { ...settings, PORT: '0' } }).ready();
    expect(launcher.output).toContain('the server of DATABASE_URL');
    expect((await fetch(`${launcher.url}/readyz`)).status).toBe(200);
    expect(await launcher.stop()).toBe(0);
  });
});

async function run(file: string, env: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [join(root, file)], { env: { PATH: process.env['PATH'], ...env } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return { code: await new Promise<number | null>((resolve) => child.once('close', resolve)), output };
}

async function onServer(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  await client.query(sql);
  await client.end();
}
