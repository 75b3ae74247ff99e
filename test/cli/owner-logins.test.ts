import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dataOf } from '../support/expect-problem.js';
import { startWorld, type World } from '../support/world.js';
import { C4C, Cli, refusalOf, type Result } from './cli.js';

let world: World;
let cli: Cli;
let made = 0;

const NOBODY = 'http://127.0.0.1:1023';
const PASSWORD = 'correct horse battery';
const OTHER = 'another horse battery';

beforeAll(async () => {
  world = await startWorld({ env: { C4C_RATE_WRONG_KEYS: '10000' } });
  cli = new Cli({ NO_COLOR: '1' });
});
beforeEach(() => rmSync(join(cli.home, '.c4c'), { recursive: true, force: true }));
afterAll(async () => {
  cli.close();
  await world.close();
});

const linkOf = async (): Promise<string> =>
  dataOf<{ url: string }>(await world.admin.post('/admin/invitations', {})).url;
const typed = (...lines: string[]): string => `${lines.join('\n')}\n`;
const config = (): Record<string, string> =>
  JSON.parse(readFileSync(join(cli.home, '.c4c/config.json'), 'utf8')) as Record<string, string>;
const signUp = async (): Promise<{ name: string; key: string }> => {
  const name = `Ada ${++made}`;
  const args = ['owner', 'signup', await linkOf(), '--name', name, '--password-stdin'];
  const { key } = await cli.json<{ key: { key: string } }>(args, {}, typed(PASSWORD));
  return { name, key: key.key };
};
const run = (args: string[], env: Record<string, string> = {}, input = ''): Promise<Result> =>
  cli.run(args, { env, input });
const text = (args: string[], input = ''): Promise<Result> => cli.run(args, { env: { C4C_OUTPUT: 'text' }, input });

describe('an owner on the command line', () => {
  it('signs up with a link, and works with the session that is kept', async () => {
    const invited = await text([
      'admin',
      'invite',
      '--name',
      'Ada',
      '--api-key',
      world.adminKey,
      '--endpoint',
      world.url,
    ]);
    const link = /Link: +(\S+)/.exec(invited.stdout)?.[1] ?? '';
    expect(link).toMatch(/\/signup\/[\w-]{43}$/);
    const name = `Ada ${++made}`;
    const done = await text(
      ['owner', 'signup', link, '-n', name, '-e', 'ada@example.org', '--password-stdin'],
      typed(PASSWORD),
    );
    expect([done.code, done.stdout]).toEqual([
      0,
      expect.stringMatching(/Login: +ada@example\.org\n[^]*Key: +c4c_owner_\w+\n[^]*You are signed in/),
    ]);
    expect(statSync(join(cli.home, '.c4c/config.json')).mode & 0o777).toBe(0o600);
    expect(config()).toMatchObject({ session_endpoint: world.url, api_endpoint: world.url });
    expect((await text(['owner', 'whoami'])).stdout).toMatch(
      new RegExp(`Owner: +${name} \\(\\d+\\)\nLogin: +ada@example.org\n`),
    );
    expect((await text(['owner', 'wallet', 'show'])).stdout).toContain('Available: 0 shells');
    expect(await cli.json(['owner', 'rename', 'Grace'])).toMatchObject({ name: 'Grace', login: 'ada@example.org' });
    const list = await text(['admin', 'invitation', 'list', '--api-key', world.adminKey]);
    expect(list.stdout).toMatch(/^ID +STATUS +NAME +BY +ENDS +OWNER\n *\d+ +used +Ada +administrator/);
  });

  it('signs in and out, in a profile of its own, and keeps the key beside it', async () => {
    const { name, key } = await signUp();
    await cli.json(['--profile', 'shop', 'config', 'set', 'endpoint', world.url]);
    await cli.json(['--profile', 'shop', 'config', 'set', 'token', key]);
    const login = await text(['--profile', 'shop', 'owner', 'login', name, '--password-stdin'], typed(PASSWORD));
    expect([login.code, login.stdout]).toEqual([0, expect.stringContaining('You are signed in (profile shop)')]);
    const sessions = await text(['--profile', 'shop', 'owner', 'sessions', 'list']);
    expect(sessions.stdout).toMatch(/^ID +CLIENT +SINCE[^]*c4c\/[\d.]+[^]*this one/);
    const out = await text(['--profile', 'shop', 'owner', 'logout']);
    expect([out.code, out.stdout]).toEqual([0, 'The session has ended\n']);
    expect(JSON.stringify(config()['profiles'])).not.toContain('c4c_session_');
    expect(JSON.stringify(config()['profiles'])).toContain(key);
    // The session of the default profile goes on, the other profile uses its key again.
    expect(await cli.json(['owner', 'session', 'list'])).toMatchObject({ total: 1 });
    expect(await cli.json(['--profile', 'shop', 'owner', 'whoami'])).toMatchObject({ name });
  });

  it('sends its session to no other server, and lets a named key go before it', async () => {
    const { name, key } = await signUp();
    const elsewhere = await run(['owner', 'whoami', '--endpoint', NOBODY]);
    expect([elsewhere.code, refusalOf(elsewhere).error.code]).toEqual([4, 'NO_KEY']);
    await cli.json(['owner', 'logout']);
    expect(refusalOf(await run(['owner', 'whoami'])).error.message).toContain('c4c owner login');
    expect(await cli.json(['owner', 'whoami'], { C4C_API_TOKEN: key })).toMatchObject({ name });
    await cli.json(['owner', 'login', name, '--password-stdin'], {}, typed(PASSWORD));
    const other = await world.owner();
    expect(await cli.json(['owner', 'whoami', '--api-key', other.key])).toMatchObject({ id: other.id });
  });

  it('ends another session, and changes the password, which ends the others', async () => {
    const { name } = await signUp();
    const { session_token: first = '' } = config();
    const { id } = await cli.json<{ id: number }>(['owner', 'login', name, '--password-stdin'], {}, typed(PASSWORD));
    await cli.json(['--profile', 'third', 'config', 'set', 'endpoint', world.url]);
    await cli.json(['--profile', 'third', 'owner', 'login', name, '--password-stdin'], {}, typed(PASSWORD));
    expect(await cli.json(['--profile', 'third', 'owner', 'session', 'end', String(id)])).toMatchObject({ id });
    expect((await run(['owner', 'whoami'])).code).toBe(4);
    // What the server has ended is forgotten all the same.
    expect((await text(['owner', 'logout'])).stdout).toContain('had ended before');
    const changed = await text(['--profile', 'third', 'owner', 'password', '--password-stdin'], typed(PASSWORD, OTHER));
    expect([changed.code, changed.stdout]).toEqual([0, 'The password is changed; your other sessions have ended\n']);
    expect((await run(['owner', 'whoami', '--api-key', first])).code).toBe(4);
    expect((await run(['--profile', 'third', 'owner', 'whoami'])).code).toBe(0);
  });

  it('makes, lists, rotates and revokes its own keys, and sets a login with one', async () => {
    const { key } = await world.owner();
    const env = { C4C_API_TOKEN: key, C4C_API_ENDPOINT: world.url };
    const created = await cli.text(['owner', 'own-key', 'create', '-n', 'laptop', '--expires-at', '2099-01-01'], env);
    expect(created.stdout).toMatch(/Key: +c4c_owner_\w+\nKey id: +\d+\nEnds: +2099-01-01/);
    const { keys } = await cli.json<{ keys: { id: number; name: string }[] }>(['owner', 'own-key', 'list'], env);
    const [first, laptop] = keys.map(({ id }) => String(id));
    const rotated = await cli.text(['owner', 'own-key', 'rotate', laptop ?? '', '--overlap', '60'], env);
    expect(rotated.stdout).toMatch(/Key: +c4c_owner_[^]*The old key \(\d+\) works until/);
    const revoked = await cli.text(['owner', 'own-key', 'revoke', laptop ?? ''], env);
    expect(revoked.stdout).toBe('The key is revoked\n');
    expect((await cli.text(['owner', 'own-key', 'list'], env)).stdout).toMatch(/laptop +c4c_owner_\w{4}… +revoked/);
    const login = `Key holder ${++made}`;
    await cli.json(['owner', 'set-login', login, '--password-stdin'], env, typed(PASSWORD));
    await cli.json(['owner', 'own-key', 'revoke', first ?? ''], env);
    const { C4C_API_ENDPOINT } = env;
    await cli.json(['owner', 'login', login, '--password-stdin'], { C4C_API_ENDPOINT }, typed(PASSWORD));
    expect(await cli.json(['owner', 'whoami'])).toMatchObject({ login });
  });
});

describe('what goes wrong', () => {
  it.each([
    [['signup'], "Missing required argument 'link'"],
    [['signup', 'http://127.0.0.1', '-n', 'A', '--password-stdin'], 'The link must be an address'],
    [['signup', 'ftp://h/signup/x', '-n', 'A', '--password-stdin'], 'The link must be an address'],
    [['signup', 'LINK', '--password-stdin'], 'Say with --name who you are'],
    [['signup', 'LINK', '-n', ''], 'It must not be empty'],
    [['signup', 'LINK', '-n', 'A'], 'There is no terminal'],
    [['signup', 'LINK', '-n', 'A', '--password', 'x'], 'Unknown option'],
    [['login'], 'Say as whom'],
    [['login', 'ada'], 'There is no terminal'],
    [['login', 'ada', '--password-stdin'], '--password-stdin needs on standard input: Password'],
    [['login', 'ada', 'secret'], 'Too many arguments'],
    [['logout'], 'You are not signed in'],
    [['logout', 'all'], 'Too many arguments'],
    [['logout', '--all'], 'Unknown option'],
    [['whoami', 'x'], 'Too many arguments'],
    [['rename'], "Missing required argument 'name'"],
    [['password'], 'There is no terminal'],
    [['password', '--password-stdin'], 'Current password, then in the next line New password'],
    [['password', 'x'], 'Too many arguments'],
    [['set-login'], "Missing required argument 'login'"],
    [['set-login', 'ada'], 'There is no terminal'],
    [['set-login', 'ada', '--password-stdin'], '--password-stdin needs'],
    [['session', 'end'], "Missing required argument 'session'"],
    [['sessions', 'end', 'all'], 'is not the id of a session'],
    [['sessions', 'list', '--all'], 'Unknown option'],
    [['sessions'], 'c4c owner sessions needs a command'],
    [['own-key', 'create', '--expires-at', 'soon'], 'is not a time such as'],
    [['own-key', 'create', '-n', ''], 'It must not be empty'],
    [['own-key', 'create', 'x'], 'Too many arguments'],
    [['own-key', 'list', 'x'], 'Too many arguments'],
    [['own-key', 'revoke'], "Missing required argument 'key'"],
    [['own-key', 'revoke', '-1'], 'is not the id of a key'],
    [['own-key', 'rotate', 'x'], 'is not the id of a key'],
    [['own-key', 'rotate', '1', '--overlap', '-1'], 'It must be a whole number from 0'],
  ])('owner %j is refused before anything is sent, with its reason', async (args, reason) => {
    const words = args.map((word) => (word === 'LINK' ? `${NOBODY}/signup/x` : word));
    const env = { C4C_API_ENDPOINT: NOBODY, C4C_API_TOKEN: 'opaque' };
    const result = await run(['owner', ...words], env);
    expect([result.code, refusalOf(result).error.message]).toEqual([2, expect.stringContaining(reason)]);
  });

  it.each([
    [['invite', '--name', ''], 'It must not be empty'],
    [['invite', 'Ada'], 'Too many arguments'],
    [['invitation', 'revoke'], "Missing required argument 'id'"],
    [['invitation', 'revoke', 'x'], 'is not the id of an invitation'],
    [['invitation'], 'c4c admin invitation needs a command'],
  ])('admin %j is refused before anything is sent, with its reason', async (args, reason) => {
    const result = await run(['admin', ...args], { C4C_API_ENDPOINT: NOBODY, C4C_API_TOKEN: 'opaque' });
    expect([result.code, refusalOf(result).error.message]).toEqual([2, expect.stringContaining(reason)]);
  });

  it.each([
    [['owner', 'signup', 'LINK', '-n', 'A', '--password-stdin'], 'short', 2, 'VALIDATION_FAILED'],
    [['owner', 'signup', 'LINK', '-n', 'A', '-e', 'no address', '--password-stdin'], PASSWORD, 2, 'VALIDATION_FAILED'],
    [['owner', 'signup', 'UNKNOWN', '-n', 'A', '--password-stdin'], PASSWORD, 3, 'NOT_FOUND'],
    [['owner', 'signup', `${NOBODY}/signup/x`, '-n', 'A', '--password-stdin'], PASSWORD, 10, undefined],
    [['owner', 'login', 'nobody', '--password-stdin'], PASSWORD, 4, 'LOGIN_FAILED'],
    [['owner', 'login', 'nobody', '--password-stdin', '--endpoint', NOBODY], PASSWORD, 10, undefined],
    [['owner', 'password', '--password-stdin'], `${PASSWORD}\n${OTHER}`, 3, 'NOT_FOUND'],
    [['owner', 'set-login', 'x', '--password-stdin'], 'short', 2, 'VALIDATION_FAILED'],
    [['owner', 'whoami', '--api-key', 'opaque'], '', 4, 'UNAUTHENTICATED'],
    [['owner', 'rename', ' '], '', 2, 'VALIDATION_FAILED'],
    [['owner', 'own-key', 'create', '--expires-at', '2001-01-01'], '', 2, 'VALIDATION_FAILED'],
    [['owner', 'own-key', 'revoke', '999999'], '', 3, 'NOT_FOUND'],
    [['owner', 'own-key', 'revoke', 'OWN'], '', 5, 'LAST_KEY'],
    [['owner', 'own-key', 'rotate', '999999'], '', 3, 'NOT_FOUND'],
    [['owner', 'session', 'end', '999999'], '', 3, 'NOT_FOUND'],
    [['admin', 'invite'], '', 4, 'WRONG_KEY'],
    [['admin', 'invite', '-e', 'x', '--api-key', 'ADMIN'], '', 2, 'VALIDATION_FAILED'],
    [['admin', 'invitation', 'revoke', '999999', '--api-key', 'ADMIN'], '', 3, 'NOT_FOUND'],
  ])('%j ends after %j with %i, %s', async (args, input, exit, code) => {
    const owner = await world.owner();
    const { keys } = dataOf<{ keys: { id: number }[] }>(await owner.api.get('/owner/keys'));
    const words: Record<string, string> = {
      LINK: await linkOf(),
      UNKNOWN: `${world.url}/signup/nobody`,
      ADMIN: world.adminKey,
      OWN: String(keys[0]?.id),
    };
    const env = { C4C_API_ENDPOINT: world.url, C4C_API_TOKEN: owner.key };
    const result = await run(
      args.map((word) => words[word] ?? word),
      env,
      `${input}\n`,
    );
    expect([result.code, result.stdout]).toEqual([exit, '']);
    if (code !== undefined) expect(refusalOf(result).error.code).toBe(code);
  });

  it('is told of a link that was used, and of a login that is tried too often', async () => {
    const link = await linkOf();
    const args = ['owner', 'signup', link, '--password-stdin', '--name'];
    await cli.json([...args, `Ada ${++made}`], {}, typed(PASSWORD));
    const again = await run([...args, `Ada ${++made}`], {}, typed(PASSWORD));
    expect([again.code, refusalOf(again).error.code]).toEqual([3, 'INVITATION_ENDED']);
    await world.api.post('/sessions', { login: 'guessed', password: 'x' });
    await world.database.pool.query('update market.login_attempt set failed = 10');
    const result = await run(['owner', 'login', 'guessed', '--password-stdin'], {}, typed(PASSWORD));
    expect([result.code, refusalOf(result).error.code]).toEqual([9, 'RATE_LIMITED']);
  });
});

// Python's standard library opens a terminal for the command; Node has none to offer. Answers each question, which ends with ": ".
const IN_TERMINAL = `
import os, pty, sys
count = int(sys.argv[1])
answers, args = sys.argv[2:2 + count], sys.argv[2 + count:]
shown = b""
def look(fd):
    global shown
    data = os.read(fd, 4096)
    shown += data
    if answers and shown.rstrip(b"\\x1b[0123456789GJ").endswith(b": "):
        shown = b""
        os.write(fd, (answers.pop(0) + "\\r").encode())
    return data
sys.exit(os.waitstatus_to_exitcode(pty.spawn(args, look, lambda fd: os.read(0, 1))))
`;
const hasTerminal = spawnSync('python3', ['-c', 'import os, pty; os.waitstatus_to_exitcode']).status === 0;

describe.skipIf(!hasTerminal)('the questions on a terminal', () => {
  const answering = async (answers: string[], args: string[]): Promise<{ code: number | null; shown: string }> => {
    const child = cli.start(['-c', IN_TERMINAL, String(answers.length), ...answers, C4C, ...args], {}, 'python3');
    let shown = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    }
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, shown };
  };

  it('ask for the name and the password, which is not shown', async () => {
    const name = `Ada ${++made}`;
    const signedUp = await answering([name, PASSWORD, PASSWORD], ['owner', 'signup', await linkOf()]);
    expect(signedUp.shown).toContain('You are signed in');
    expect(signedUp.code).toBe(0);
    const login = await answering([name, PASSWORD], ['owner', 'login']);
    expect([login.code, login.shown]).toEqual([0, expect.stringContaining('You are signed in')]);
    for (const { shown } of [signedUp, login]) expect(shown).not.toContain(PASSWORD);
  });

  it('do nothing when the second password is another one', async () => {
    const link = await linkOf();
    const { code, shown } = await answering([PASSWORD, OTHER], ['owner', 'signup', link, '--name', 'Ada']);
    expect([code, shown]).toEqual([2, expect.stringContaining('the two are not the same')]);
    expect((await world.api.get(`//signup/${link.split('/').at(-1) ?? ''}`)).status).toBe(200);
  });
});
