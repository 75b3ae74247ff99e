import { once } from 'node:events';
import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createTestDatabase, expectInvariants } from '../support/database.js';
import { removeFolder, temporaryFolder } from '../support/leftovers.js';
import { adminUrlOf, endLeftBehind, ensureBuilt, Launcher, poolOf, postmasterOf, root, start } from './launcher.js';

// Whole processes start here, several times a test; on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const TOOL = join(root, 'dist/apps/standalone/backup.js');
const homes: string[] = [];
const folder = newHome();
const file = join(folder, 'market.c4c');

describe('c4c backup and c4c restore', () => {
  const home = newHome();
  let launcher: Launcher;
  let before: unknown;

  beforeAll(async () => {
    ensureBuilt();
    launcher = await new Launcher(home).ready();
    for (const input of [{ text: 'one\ttwo\n"three"\\N' }, { text: 'Grüße, 世界 😀' }, { text: 'x'.repeat(50_000) }])
      await buy(launcher, input);
    before = await contents(home);
  });
  afterAll(async () => {
    await endLeftBehind();
    for (const one of homes) await removeFolder(one);
  });

  it('writes one private file while the market runs', async () => {
    expect(await tool('backup', home, file)).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^Wrote \d+ rows to .+market\.c4c\./),
    });
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('refuses to restore over a market that runs, or that holds something', async () => {
    expect(await tool('restore', home, file)).toMatchObject({
      code: 1,
      output: expect.stringMatching(/^c4c is running on .+ Stop it first/),
    });
    expect(await launcher.stop()).toBe(0);
    expect(await tool('restore', home, file)).toMatchObject({
      code: 1,
      output: expect.stringMatching(/^The database is in use:/),
    });
  });

  it('backs up a market that does not run, and leaves it stopped', async () => {
    const second = join(folder, 'stopped.c4c');
    expect(await tool('backup', home, second)).toMatchObject({ code: 0 });
    expect(rowsIn(second)).toEqual(rowsIn(file));
    expect(postmasterOf(home)).toBeUndefined();
  });

  it('restores into a new home, row for row, with keys that work and books that balance', async () => {
    const fresh = newHome();
    const restored = await tool('restore', fresh, file);
    expect(restored).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^Restored \d+ rows of .+; all \d+ invariants hold/),
    });
    const again = await new Launcher(fresh).ready();
    expect(again.dev.agents).toEqual(launcher.dev.agents);
    expect(await contents(fresh)).toEqual(before);
    expect(await buy(again, { text: 'after the restore' })).toMatchObject({ status: 'completed' });
    const pool = poolOf(adminUrlOf(fresh));
    await expectInvariants({ pool });
    await pool.end();
    expect(await again.stop()).toBe(0);
  });

  it('restores into an empty database of a server', async () => {
    const { adminUrl, drop } = await createTestDatabase();
    expect(await tool('restore', newHome(), file, { DATABASE_ADMIN_URL: adminUrl })).toMatchObject({ code: 0 });
    const pool = poolOf(adminUrl);
    await expectInvariants({ pool });
    await pool.end();
    await drop();
  });

  it('refuses a file that is damaged, incomplete, of a newer version or no backup, and leaves nothing behind', async () => {
    const fresh = newHome();
    const bytes = readFileSync(file);
    const bad = join(folder, 'bad.c4c');
    const refusal = async (content: Buffer): Promise<string> => {
      writeFileSync(bad, content);
      const { code, output } = await tool('restore', fresh, bad);
      expect(code).toBe(1);
      expect(output.trim().split('\n')).toHaveLength(1);
      return output;
    };
    const text = gunzipSync(bytes).toString();
    expect(await refusal(Buffer.from('hello'))).toMatch(/is damaged or not complete|is no backup/);
    expect(await refusal(gzipSync('{}\n'))).toMatch(/is no backup of c4c/);
    expect(await refusal(gzipSync(text.replace('0001_market', '9999_future')))).toMatch(
      /is of a newer c4c: it has the migration 9999_future/,
    );
    truncateSync(bad, 0);
    expect(await refusal(bytes.subarray(0, bytes.length / 2))).toMatch(/is damaged or not complete/);
    expect(await refusal(gzipSync(text.slice(0, text.lastIndexOf('{"end"'))))).toMatch(/is damaged or not complete/);
    expect(await refusal(gzipSync(text.replace('demo-caller', 'demo-maller')))).toMatch(/is damaged or not complete/);
    // What was refused half-way left an empty database, into which the good file still goes.
    expect(await tool('restore', fresh, file)).toMatchObject({ code: 0 });
  });

  it('says so when there is nothing to back up, or nowhere to write', async () => {
    expect(await tool('backup', newHome(), file)).toMatchObject({
      code: 1,
      output: expect.stringMatching(/holds no database\. Set C4C_HOME/),
    });
    const nowhere = join(folder, 'no/such/folder/file.c4c');
    expect(await tool('backup', home, nowhere)).toMatchObject({ code: 1, output: expect.stringMatching(/ENOENT/) });
    expect(existsSync(nowhere)).toBe(false);
    expect(await tool('backup', home, '')).toMatchObject({ code: 2 });
  });
});

/** Every row of every table that a backup holds, as the server prints it. */
async function contents(home: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: adminUrlOf(home) });
  await client.connect();
  const { rows } = await client.query<{ text: string }>(`
    select 'select ''' || c.oid::regclass || ''' as table, count(*)::int as rows, md5(coalesce(string_agg(t::text, e''\\n'' order by t::text collate "C"), '''')) as sum from ' || c.oid::regclass || ' t' as text
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('ledger', 'market') and c.relkind in ('r', 'p') and not c.relispartition
      and c.relname not in ('api_key', 'outcome_queue', 'service_stats', 'agent_stats', 'credit', 'wallet',
        'gateway_node', 'consumer_socket', 'agent_presence', 'agent_poll', 'webhook_pace')
    order by c.oid::regclass::text`);
  // A union keeps no order of its own: tables may be read in parallel.
  const found = await client.query(`${rows.map(({ text }) => text).join(' union all ')} order by 1`);
  const { rows: wallets } = await client.query(
    'select account_id, available, held from ledger.balance order by account_id',
  );
  await client.end();
  return { tables: found.rows as unknown, wallets: wallets as unknown };
}

function rowsIn(path: string): number {
  return gunzipSync(readFileSync(path))
    .toString()
    .split('\n')
    .filter((line) => line.includes('market.invocation')).length;
}

async function tool(
  action: string,
  home: string,
  path: string,
  env: Record<string, string> = {},
): Promise<{ code: number | null; output: string }> {
  const child = start(process.execPath, [TOOL, action, ...(path === '' ? [] : [path])], {
    env: { PATH: process.env['PATH'], C4C_HOME: home, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

async function buy(launcher: Launcher, input: object): Promise<unknown> {
  const key = launcher.dev.agents[1]?.key ?? '';
  const { data } = await launcher.call<{ data: { id: number; title: string }[] }>('GET', '/market/services', key);
  const serviceId = data.find(({ title }) => title === 'Text statistics')?.id;
  return launcher.call(
    'POST',
    '/agent/me/service-invocations',
    key,
    { serviceId, input, idempotencyKey: crypto.randomUUID() },
    { prefer: 'wait=10' },
  );
}

function newHome(): string {
  const home = temporaryFolder();
  homes.push(home);
  return home;
}
