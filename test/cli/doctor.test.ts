import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../support/free-port.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';
import { Cli, type Result } from './cli.js';
import { startFront, type Front } from './front.js';

type Finding = { check: string; status: 'ok' | 'warning' | 'problem'; message: string; mend?: string };

let world: World;
let agent: AgentActor;
let cli: Cli;
const fronts: Front[] = [];

beforeAll(async () => {
  world = await startWorld();
  agent = await world.agent();
});
beforeEach(() => {
  cli = new Cli();
});
afterEach(async () => {
  await Promise.all(fronts.splice(0).map((front) => front.close()));
  cli.close();
});
afterAll(() => world.close());

function configure(content: object | string): void {
  mkdirSync(join(cli.home, '.c4c'), { recursive: true });
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  writeFileSync(join(cli.home, '.c4c', 'config.json'), text, { mode: 0o600 });
}

function good(): { api_token: string; api_endpoint: string } {
  return { api_token: agent.key, api_endpoint: world.url };
}

async function front(
  ...ways: Parameters<typeof startFront> extends [string, infer Ways] ? [Ways] : never
): Promise<string> {
  const made = await startFront(world.url, ...ways);
  fronts.push(made);
  return made.url;
}

/** Runs it in both modes, holds that they say the same, and gives the exit code and the findings by check. */
async function doctor(env: Record<string, string> = {}): Promise<{ code: number | null; said: Map<string, Finding> }> {
  const text = await cli.text(['doctor'], env);
  const json: Result = await cli.run(['doctor', '-o', 'json'], { env });
  expect(json.code).toBe(text.code);
  const findings = JSON.parse(json.stdout) as Finding[];
  const words = text.stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/\s+/).slice(0, 2));
  expect(words).toEqual(findings.map(({ status, check }) => [status, check]));
  for (const output of [text.stdout, text.stderr, json.stdout, json.stderr]) {
    expect(output).not.toContain(agent.key.slice(12, 40));
    expect(output).not.toContain('hunter2');
  }
  for (const { status, mend } of findings) expect(mend === undefined).toBe(status === 'ok');
  return { code: json.code, said: new Map(findings.map((finding) => [finding.check, finding])) };
}

describe('c4c doctor', () => {
  it('finds nothing where nothing is wrong, and makes no consumer', async () => {
    configure(good());
    mkdirSync(join(cli.home, '.c4c', 'connect'));
    writeFileSync(join(cli.home, '.c4c', 'connect', 'a.json'), '{"finished":[]}');
    const { code, said } = await doctor();
    expect(code).toBe(0);
    expect([...said.keys()]).toEqual(['node', 'config', 'endpoint', 'version', 'clock', 'key', 'websocket', 'connect']);
    expect([...said.values()].filter(({ status }) => status !== 'ok')).toEqual([]);
    expect(said.get('key')?.message).toContain(`agent ${agent.id}`);
    expect(said.get('key')?.message).toContain('all scopes');
    const { body } = await agent.api.get('/agent/me/consumers');
    expect((body as { data: { consumers: unknown[] } }).data.consumers).toEqual([]);
  });

  it('names the scopes of a key, and who else it is for', async () => {
    const reader = await agent.newKey({ scopes: ['read'] });
    const looked = await doctor({ C4C_API_TOKEN: reader, C4C_API_ENDPOINT: world.url });
    expect(looked.code).toBe(0);
    expect(looked.said.get('key')?.message).toContain('it has read and lacks profile, services, invoke, provide');
    const provider = await agent.newKey({ scopes: ['provide'] });
    const blind = await doctor({ C4C_API_TOKEN: provider, C4C_API_ENDPOINT: world.url });
    expect(blind.said.get('key')).toMatchObject({
      status: 'warning',
      message: expect.stringContaining('lacks the scope read'),
    });
    expect(blind.said.get('websocket')?.status).toBe('ok');
    for (const [key, whose] of [
      [agent.owner.key, "an owner's"],
      [world.adminKey, "an administrator's"],
    ] as const) {
      const { code, said } = await doctor({ C4C_API_TOKEN: key, C4C_API_ENDPOINT: world.url });
      expect([code, said.get('key')?.status, said.has('websocket')]).toEqual([0, 'ok', false]);
      expect(said.get('key')?.message).toContain(whose);
    }
  });
});

describe('the configuration', () => {
  it.each<[string, object | string, number, Partial<Finding>]>([
    ['is no JSON', '{"api_token": "hunter2', 2, { status: 'problem', message: expect.stringContaining('is not JSON') }],
    ['is no object', '[]', 2, { status: 'problem' }],
    ['has a wrong value', { api_endpoint: 'ftp://me:hunter2@host' }, 2, { status: 'problem' }],
    ['has a user in its endpoint', { api_endpoint: 'http://me:hunter2@host' }, 2, { status: 'problem' }],
    ['uses a profile that is gone', { profile: 'work' }, 2, { message: expect.stringContaining('no profile "work"') }],
  ])('that %s is a problem', async (_, content, exit, finding) => {
    configure(content);
    const { code, said } = await doctor();
    expect(code).toBe(exit);
    expect(said.get('config')).toMatchObject({ status: 'problem', ...finding });
  });

  it('with unknown keys, at its top or in a profile, is a warning that names them', async () => {
    configure({ ...good(), tokn: 'hunter2', profiles: { work: { api_key: 'hunter2' } } });
    const { code, said } = await doctor();
    expect(code).toBe(0);
    expect(said.get('config')).toMatchObject({
      status: 'warning',
      message: expect.stringContaining('tokn, work.api_key.'),
    });
  });

  it('that others can read is closed, and told once', async () => {
    configure(good());
    chmodSync(join(cli.home, '.c4c', 'config.json'), 0o644);
    const { code, stdout } = await cli.text(['doctor']);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/warning +config .*mode 644.*owner key rotate/)]);
    expect((await doctor()).said.get('config')?.status).toBe('ok');
  });

  it('need not be there', async () => {
    const { code, said } = await doctor({ C4C_API_TOKEN: agent.key, C4C_API_ENDPOINT: world.url });
    expect(code).toBe(0);
    expect(said.get('config')?.message).toContain('There is no configuration');
  });
});

describe('the endpoint', () => {
  it('that cannot be reached is a problem, with its reason', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
    const address = silent.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    for (const [endpoint, reason] of [
      [`http://127.0.0.1:${await freePort()}`, 'Nothing listens'],
      ['http://market.invalid', 'has no address'],
      [`http://127.0.0.1:${port}`, 'does not answer within 5 s'],
      [world.url.replace('http:', 'https:'), 'No TLS is spoken'],
      [await front({ isSecure: true }), 'is not trusted here'],
    ] as const) {
      const { code, said } = await doctor({ C4C_API_TOKEN: agent.key, C4C_API_ENDPOINT: endpoint });
      expect([code, said.get('endpoint')]).toEqual([
        10,
        expect.objectContaining({ status: 'problem', message: expect.stringContaining(reason) }),
      ]);
      // What cannot be asked is not guessed.
      expect([...said.keys()]).toEqual(['node', 'config', 'endpoint']);
    }
    silent.close();
  }, 90_000);

  it.each([
    [200, {}, '<html>', 1, 'is not a c4c server (HTTP 200)'],
    [302, { location: 'https://elsewhere.example/?token=hunter2' }, '', 1, 'redirects to https://elsewhere.example/.'],
    [502, {}, 'Bad gateway', 10, 'not the market itself (HTTP 502)'],
  ])('that answers %i with %j is a problem', async (status, headers, body, exit, message) => {
    const endpoint = await front({ change: () => ({ status, headers, body }) });
    const { code, said } = await doctor({ C4C_API_TOKEN: agent.key, C4C_API_ENDPOINT: endpoint });
    expect([code, said.get('endpoint')?.message]).toEqual([exit, expect.stringContaining(message)]);
  });

  it('of another version, and with another time, is a warning', async () => {
    const endpoint = await front({
      change: (path, { headers, body, ...answer }) => ({
        ...answer,
        headers: { ...headers, date: new Date(Date.now() + 60_000).toUTCString() },
        body: path === '/healthz' ? body.replace(/"version":"[^"]*"/, '"version":"99.0.0"') : body,
      }),
    });
    const { code, said } = await doctor({ C4C_API_TOKEN: agent.key, C4C_API_ENDPOINT: endpoint });
    expect(code).toBe(0);
    expect(said.get('version')).toMatchObject({ status: 'warning', message: expect.stringContaining('99.0.0') });
    expect(said.get('clock')?.message).toMatch(/(59|60|61) s behind the server's/);
  });

  it('whose proxy keeps /healthz to itself is reached all the same', async () => {
    const endpoint = await front({
      change: (path, answer) => (path === '/healthz' ? { status: 404, headers: {}, body: 'no' } : answer),
    });
    const { code, said } = await doctor({ C4C_API_TOKEN: agent.key, C4C_API_ENDPOINT: endpoint });
    expect([code, said.get('endpoint')?.status, said.get('version')?.status]).toEqual([0, 'ok', 'warning']);
  });

  it('with a time that is far off is a problem', async () => {
    const date = new Date(Date.now() - 600_000).toUTCString();
    const endpoint = await front({ change: (_, answer) => ({ ...answer, headers: { ...answer.headers, date } }) });
    const { code, said } = await doctor({ C4C_API_TOKEN: agent.key, C4C_API_ENDPOINT: endpoint });
    expect([code, said.get('clock')?.status]).toEqual([1, 'problem']);
  });
});

describe('the key', () => {
  it('that is missing, mistyped, unknown or revoked is a problem', async () => {
    const revoked = await agent.newKey();
    const { body } = await agent.owner.api.get(`/owner/agents/${agent.id}/keys`);
    const { keys } = (body as { data: { keys: { id: number }[] } }).data;
    const newest = Math.max(...keys.map(({ id }) => id));
    await agent.owner.api.delete(`/owner/agents/${agent.id}/keys/${newest}`);
    await world.keysAreReadAgain();
    for (const [key, reason] of [
      ['', 'No key is configured'],
      [`${agent.key.slice(0, -1)}~`, 'its checksum is wrong'],
      ['nonsense', 'does not accept the key'],
      [revoked, 'was revoked'],
    ] as const) {
      const { code, said } = await doctor({ C4C_API_TOKEN: key, C4C_API_ENDPOINT: world.url });
      expect([code, said.get('key')?.status, said.get('key')?.message]).toEqual([
        4,
        'problem',
        expect.stringContaining(reason),
      ]);
      expect(said.has('websocket')).toBe(false);
    }
  });

  it('of a frozen agent is a problem of its state', async () => {
    const frozen = await world.agent();
    await frozen.owner.api.post(`/owner/agents/${frozen.id}/freeze`, {});
    await world.keysAreReadAgain();
    const { code, said } = await doctor({ C4C_API_TOKEN: frozen.key, C4C_API_ENDPOINT: world.url });
    expect([code, said.get('key')?.message]).toEqual([5, expect.stringContaining('frozen')]);
  });
});

describe('the WebSocket', () => {
  it.each([
    ['as-request', 10, 'is answered with HTTP'],
    ['without-key', 4, 'does not arrive with the upgrade'],
    ['swallow', 10, 'does not open'],
  ] as const)('that a proxy breaks (%s) is a problem', async (upgrade, exit, message) => {
    const endpoint = await front({ upgrade });
    const { code, said } = await doctor({ C4C_API_TOKEN: agent.key, C4C_API_ENDPOINT: endpoint });
    expect([code, said.get('websocket')]).toEqual([
      exit,
      expect.objectContaining({ status: 'problem', message: expect.stringContaining(message) }),
    ]);
    expect(said.get('key')?.status).toBe('ok');
  });

  it('through a proxy that passes it on is fine', async () => {
    const { code } = await doctor({ C4C_API_TOKEN: agent.key, C4C_API_ENDPOINT: await front({ upgrade: 'pass' }) });
    expect(code).toBe(0);
  });
});

it('names each state of c4c connect that cannot be used', async () => {
  configure(good());
  const folder = join(cli.home, '.c4c', 'connect');
  mkdirSync(folder);
  writeFileSync(join(folder, 'broken.json'), '{"finished":[');
  writeFileSync(join(folder, 'fine.json'), '{"finished":[]}');
  mkdirSync(join(folder, 'folder.json'));
  const { code, stdout } = await cli.text(['doctor']);
  expect(code).toBe(1);
  expect(stdout.match(/problem +connect .*/g)).toEqual([
    expect.stringContaining('broken.json'),
    expect.stringContaining('folder.json'),
  ]);
});
