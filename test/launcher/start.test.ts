import { chownSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { expectInvariants } from '../support/database.js';
import { freePort } from '../support/free-port.js';
import { removeFolder, temporaryFolder } from '../support/leftovers.js';
import {
  adminUrlOf,
  endLeftBehind,
  ensureBuilt,
  Launcher,
  poolOf,
  postgresNote,
  postmasterOf,
  type Dev,
  type LaunchOptions,
} from './launcher.js';

// Whole processes start here, several times a test; on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const START = { timeout: 60_000, interval: 20 };

type Finished = { id: number; status: string; output: Record<string, unknown>; price: string };

const homes: string[] = [];

beforeAll(() => ensureBuilt());
afterEach(endLeftBehind);
afterAll(async () => {
  for (const home of homes) await removeFolder(home);
});

describe('npm start', () => {
  const home = newHome();
  let first: Dev;

  it('sells work to the demo caller on its first start', async () => {
    const launcher = await launch(home).ready();
    first = launcher.dev;
    expect(first.endpoint).toBe(launcher.url);
    expect(first.owners).toHaveLength(2);
    expect(first.agents.map(({ name }) => name)).toEqual(['demo-provider', 'demo-caller']);
    expect(first.agents.map(({ ownerId }) => ownerId)).toEqual(first.owners.map(({ id }) => id));

    expect(await buy(launcher, 'Text statistics', { text: 'Agents sell. Agents buy.' })).toMatchObject({
      status: 'completed',
      price: '1',
      output: { words: 4, sentences: 2, topWords: [{ word: 'agents', count: 2 }, { word: 'buy' }, { word: 'sell' }] },
    });
    expect(await buy(launcher, 'Markdown to HTML', { markdown: '# Hi\n\n<script>x</script>' })).toMatchObject({
      output: { html: '<h1>Hi</h1>\n&lt;script&gt;x&lt;/script&gt;' },
    });
    expect(await buy(launcher, 'CSV summary', { csv: 'city;people\nBern;134\nBasel;178' })).toMatchObject({
      output: {
        rows: 2,
        delimiter: ';',
        columns: [
          { name: 'city', type: 'text' },
          { name: 'people', type: 'number', sum: 312, mean: 156 },
        ],
      },
    });
    expect(await buy(launcher, 'CSV summary', { csv: '"open' })).toMatchObject({ status: 'failed' });
    expect(await walletOf(launcher, 1)).toEqual({ available: '994.5', held: '0' });
    expect(await walletOf(launcher, 0)).toEqual({ available: '105.5', held: '0' });
    expect(await launcher.stop()).toBe(0);
  });

  it('keeps what it writes to itself', () => {
    expect(statSync(home).mode & 0o777).toBe(0o700);
    for (const name of ['dev.json', 'demo-keys.json', 'secret', 'postgres.json', 'admin.key', 'log/c4c.log']) {
      expect(statSync(join(home, name)).mode & 0o777, name).toBe(0o600);
    }
  });

  it('stopped its database with itself', () => {
    expect(postmasterOf(home)).toBeUndefined();
  });

  it('starts again within ten seconds, with the same keys and the same money', async () => {
    const from = Date.now();
    const launcher = await launch(home).ready();
    expect(Date.now() - from).toBeLessThan(10_000);
    expect({ ...launcher.dev, endpoint: '' }).toEqual({ ...first, endpoint: '' });
    expect(await walletOf(launcher, 1)).toEqual({ available: '994.5', held: '0' });
    const { services } = await launcher.call<{ services: object[] }>(
      'GET',
      '/agent/me/services',
      first.agents[0]?.key ?? '',
    );
    expect(services).toHaveLength(3);
    expect(await launcher.stop('SIGTERM')).toBe(0);
  });

  it('loses nothing by kill -9, and goes on with the database that was left running', async () => {
    const before = await launch(home).ready();
    const server = postmasterOf(home);
    expect(await before.stop('SIGKILL')).toBe('SIGKILL');
    const after = await launch(home).ready();
    expect(postmasterOf(home)).toBe(server);
    expect(await walletOf(after, 1)).toEqual({ available: '994.5', held: '0' });
    expect(await buy(after, 'Text statistics', { text: 'still here' })).toMatchObject({ status: 'completed' });
    expect(await after.stop()).toBe(0);
    expect(postmasterOf(home)).toBeUndefined();
  });

  it('brings its database back when that is killed', async () => {
    const launcher = await launch(home).ready();
    process.kill(postmasterOf(home) ?? 0, 'SIGKILL');
    await expect
      .poll(() => buy(launcher, 'Text statistics', { text: 'back again' }).catch(String), { timeout: 20_000 })
      .toMatchObject({ status: 'completed' });
    expect(await launcher.stop()).toBe(0);
  });

  it('ends at once at the second Ctrl-C, and the next start goes on', async () => {
    const launcher = await launch(home).ready();
    launcher.child.kill('SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 600));
    launcher.child.kill('SIGINT');
    expect([0, 130]).toContain(await launcher.exit);
    expect(await (await launch(home).ready()).stop()).toBe(0);
  });

  it('begins anew when its folder was removed, also while the old database still runs', async () => {
    const gone = newHome();
    const before = await launch(gone).ready();
    await before.stop('SIGKILL');
    rmSync(gone, { recursive: true });
    const after = await launch(gone).ready();
    expect(await walletOf(after, 1)).toEqual({ available: '1000', held: '0' });
    expect(after.dev.agents[1]?.key).not.toBe(first.agents[1]?.key);
    const old = `${postgresNote(gone).place}.old`;
    expect(await after.stop()).toBe(0);
    rmSync(old, { recursive: true, force: true });
  });

  it("is ready when the demo's services are on sale, and alive before", async () => {
    const port = String(await freePort());
    const url = `http://127.0.0.1:${port}`;
    const launcher = launch(newHome(), { env: { PORT: port } });
    const ask = (path: string): Promise<Response | undefined> => fetch(`${url}${path}`).catch(() => undefined);
    await expect.poll(async () => (await ask('/healthz'))?.status, START).toBe(200);
    expect(await (await ask('/readyz'))?.json()).toMatchObject({
      status: 503,
      error: { code: 'UNAVAILABLE', details: { checks: { database: 'ok', queue: 'ok', demo: 'failed' } } },
    });
    await expect.poll(async () => (await ask('/readyz'))?.status, START).toBe(200);
    const services = (await (await ask('/openapi/v1/market/services'))?.json()) as { data: { total: number } };
    expect(services.data.total).toBe(3);
    await launcher.stop();
  });

  it('shows a link to sign up with until there is an owner, a new one at each start', async () => {
    const place = newHome();
    const linkOf = ({ output }: Launcher): string | undefined => /Sign up +(http:\S+)/.exec(output)?.[1];
    const before = await launch(place).ready();
    const old = linkOf(before) ?? '';
    expect(old).toMatch(/\/signup\/[\w-]{43}$/);
    expect(await before.stop()).toBe(0);
    const launcher = await launch(place).ready();
    const link = linkOf(launcher) ?? '';
    expect((await fetch(link)).status).toBe(200);
    expect((await fetch(link.replace(/[\w-]+$/, old.slice(-43)))).status).toBe(410);
    const token = link.slice(-43);
    const made = await launcher.call<{ owner: { id: number }; key: { key: string } }>('POST', '/signup', '', {
      token,
      name: 'Ada',
      password: 'correct horse battery',
    });
    expect(await launcher.call('GET', '/owner/wallet', made.key.key)).toEqual({ available: '0', held: '0' });
    expect(await launcher.stop()).toBe(0);
    for (const env of [{}, { C4C_DEMO: '0' }]) {
      const later = await launch(place, { env }).ready();
      expect(linkOf(later)).toBeUndefined();
      expect(await later.stop()).toBe(0);
    }
    // Neither the token nor the password is in the log.
    const log = readFileSync(join(place, 'log/c4c.log'), 'utf8');
    expect(log).not.toContain(token);
    expect(log).not.toContain('correct horse');
  });

  it('leaves the demo out when asked to', async () => {
    const launcher = await launch(home, { env: { C4C_DEMO: '0' } }).ready();
    expect(() => launcher.dev).toThrow(/ENOENT/);
    expect(await launcher.stop()).toBe(0);
  });
});

describe('npm start, killed again and again while it starts for the first time', () => {
  it('ends with one demo, funded once', async () => {
    const home = newHome();
    // A first start takes about four seconds; these moments are spread over all of it.
    for (const delayMs of [400, 900, 1_400, 1_900, 2_300, 1_000, 1_300, 1_600, 2_000, 900, 1_200]) {
      const launcher = launch(home);
      await Promise.race([launcher.exit, new Promise((resolve) => setTimeout(resolve, delayMs))]);
      await launcher.stop('SIGKILL');
    }
    const launcher = await launch(home).ready();
    expect(await walletOf(launcher, 1)).toEqual({ available: '1000', held: '0' });
    expect(await walletOf(launcher, 0)).toEqual({ available: '100', held: '0' });
    const pool = poolOf(adminUrlOf(home));
    const { rows } = await pool.query(
      'select (select count(*)::int from market.owner) as owners, (select count(*)::int from market.agent) as agents',
    );
    expect(rows).toEqual([{ owners: 2, agents: 2 }]);
    await expectInvariants({ pool });
    await pool.end();
    expect(await launcher.stop()).toBe(0);
  });
});

describe('npm start in production', () => {
  const home = newHome();
  const env = { NODE_ENV: 'production' };

  it("shows the administrator's key once and has nothing of a demo", async () => {
    const launcher = await launch(home, { env }).ready();
    expect(() => launcher.dev).toThrow(/ENOENT/);
    const key = /c4c_admin_\w+/.exec(launcher.output)?.[0] ?? '';
    const { owner } = await launcher.call<{ owner: { id: number } }>('POST', '/admin/owners', key, { name: 'First' });
    expect(owner.id).toBe(1);
    expect(await launcher.stop()).toBe(0);
    const again = await launch(home, { env }).ready();
    expect(again.output).not.toContain('c4c_admin_');
    expect(await again.stop()).toBe(0);
  });
});

describe('npm start as an ordinary user', () => {
  const isRoot = process.getuid?.() === 0;
  const user = { uid: 65_534, gid: 65_534 };
  if (!isRoot)
    console.warn('Not root: every other test of this file runs as an ordinary user already, so this one is skipped.');

  it.skipIf(!isRoot)('works in a folder that only this user may enter', async () => {
    const home = newHome();
    homes.unshift(join(home, 'inner'));
    chownSync(home, user.uid, user.gid);
    const launcher = await launch(join(home, 'inner'), { user }).ready();
    expect(await buy(launcher, 'Text statistics', { text: 'ordinary people' })).toMatchObject({ status: 'completed' });
    expect(statSync(join(home, 'inner/postgres/data')).uid).toBe(user.uid);
    expect(await launcher.stop()).toBe(0);
  });
});

function newHome(): string {
  const home = temporaryFolder();
  homes.push(home);
  return home;
}

function launch(home: string, options?: LaunchOptions): Launcher {
  return new Launcher(home, options);
}

async function buy(launcher: Launcher, title: string, input: object): Promise<Finished> {
  const key = launcher.dev.agents[1]?.key ?? '';
  const { data } = await launcher.call<{ data: { id: number; title: string }[] }>('GET', '/market/services', key);
  const serviceId = data.find((service) => service.title === title)?.id;
  return launcher.call(
    'POST',
    '/agent/me/service-invocations',
    key,
    { serviceId, input, idempotencyKey: crypto.randomUUID() },
    { prefer: 'wait=10' },
  );
}

async function walletOf(launcher: Launcher, index: number): Promise<unknown> {
  return launcher.call('GET', '/owner/wallet', launcher.dev.owners[index]?.key ?? '');
}
