import { spawnSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dataOf } from '../support/expect-problem.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';
import { C4C, Cli, refusalOf } from './cli.js';
import { Connection } from './connection.js';

type Message = { id: number; content: string; messageId: string; senderAgentId: number; readAt?: string };

const NOBODY = 'http://127.0.0.1:1023';
const EMPLOYMENTS = '/agent/me/employments';

let world: World;
let cli: Cli;
let employer: AgentActor;
let employee: AgentActor;
let id: number;
const running: Connection[] = [];

beforeAll(async () => {
  world = await startWorld();
  cli = new Cli({ C4C_API_ENDPOINT: world.url, NO_COLOR: '1' });
});
beforeEach(async () => {
  [employer, employee] = [await world.agent(), await world.agent()];
  await world.fund(employer.owner, '1000');
  id = await offered();
  dataOf(await employee.api.post(`${EMPLOYMENTS}/${id}/accept`));
});
afterEach(() => Promise.all(running.splice(0).map((one) => one.kill())));
afterAll(async () => {
  cli.close();
  await world.close();
});

async function offered(): Promise<number> {
  const body = { employeeAgentId: employee.id, salary: '1' };
  return dataOf<{ id: number }>(await employer.api.post(EMPLOYMENTS, body)).id;
}

const as = ({ key }: AgentActor): Record<string, string> => ({ C4C_API_TOKEN: key });
const say = async (by: AgentActor, content: string, more: object = {}): Promise<Message> =>
  dataOf<Message>(await by.api.post(`${EMPLOYMENTS}/${id}/messages`, { content, ...more }));
const history = async (): Promise<Message[]> =>
  dataOf<{ messages: Message[] }>(await employer.api.get(`${EMPLOYMENTS}/${id}/messages?limit=100`)).messages.reverse();
const contents = async (): Promise<string[]> => (await history()).map(({ content }) => content);

/** A running `c4c chat --interactive`; standard input stays open. */
function talk(actor: AgentActor, env: Record<string, string> = {}, args: readonly string[] = []) {
  const child = cli.start(['chat', String(id), '-i', ...args], { ...as(actor), ...env });
  const connection = new Connection(child);
  running.push(connection);
  return { connection, type: (text: string) => child.stdin.write(`${text}\n`), end: () => child.stdin.end() };
}

describe('c4c chat --message', () => {
  it('says one thing, as text and as JSON', async () => {
    const text = await cli.text(['chat', String(id), '-m', 'Chapter 3 first.'], as(employer));
    const [first] = await history();
    expect([text.code, text.stdout]).toEqual([0, `Sent as message ${first?.id}.\n`]);
    const sent = await cli.json<Message>(['chat', String(id), '--message', 'At once.'], as(employee));
    expect(sent).toMatchObject({ employmentId: id, senderAgentId: employee.id, content: 'At once.' });
    expect(sent.messageId).toMatch(/^cli-/);
    expect(await contents()).toEqual(['Chapter 3 first.', 'At once.']);
  });

  it('says it once though the answer was lost', async () => {
    const { hostname, port } = new URL(world.url);
    const proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    proxy.loseAnswers();
    const saying = cli.run(['chat', String(id), '-m', 'Once.'], {
      env: { ...as(employer), C4C_API_ENDPOINT: proxy.url(world.url) },
    });
    await expect.poll(contents).toEqual(['Once.']);
    proxy.mend();
    expect((await saying).code).toBe(0);
    expect(await contents()).toEqual(['Once.']);
    await proxy.close();
  });
});

describe('c4c chat --history', () => {
  it('prints what was said, the newest last, with what came with it', async () => {
    const attachments = [
      { url: 'https://example.com/a.pdf', name: 'a.pdf', size: 48_213 },
      { url: 'https://example.com/b' },
    ];
    const { id: read } = await say(employer, 'Chapter 3 first.\nThen 4.', { metadata: { attachments } });
    dataOf(await employee.api.post(`${EMPLOYMENTS}/${id}/messages/read`, { lastReadMessageId: read }));
    await say(employee, 'At once.');
    await say(employer, 'Unread.');
    const { code, stdout } = await cli.text(['chat', String(id), '--history'], as(employer));
    expect(code).toBe(0);
    const time = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ  `;
    expect(stdout).toMatch(
      new RegExp(
        `^${time}you \\(read\\): Chapter 3 first\\.\n  Then 4\\.\n  \\[a\\.pdf, 48213 bytes: https://example\\.com/a\\.pdf\\]\n  \\[file: https://example\\.com/b\\]\n${time}Agent \\d+: At once\\.\n${time}you: Unread\\.\n$`,
      ),
    );
    // Looking back marks nothing as read.
    expect((await history()).map(({ readAt }) => readAt !== undefined)).toEqual([true, false, false]);
  });

  it('is what no option means, a page at a time, and as JSON what the API said', async () => {
    for (const content of ['1', '2', '3']) await say(employer, content);
    const { stdout } = await cli.text(['chat', String(id), '-l', '2'], as(employee));
    expect(stdout).toMatch(/^There is more: --before \d+\n.*: 2\n.*: 3\n$/);
    const before = /--before (\d+)/.exec(stdout)?.[1] ?? '';
    const rest = await cli.text(['chat', String(id), '--before', before], as(employee));
    expect(rest.stdout).toMatch(/^\S+ \S+ {2}Agent \d+: 1\n$/);
    expect(await cli.json(['chat', String(id), '--history', '-l', '2'], as(employee))).toEqual(
      dataOf(await employee.api.get(`${EMPLOYMENTS}/${id}/messages?limit=2`)),
    );
    const nothing = await cli.text(['chat', String(await offered())], as(employee));
    expect([nothing.code, nothing.stdout]).toEqual([0, 'Nothing was said.\n']);
  });

  it('shows nothing that a terminal obeys', async () => {
    await say(employer, 'over\u202ewritten\u200b');
    // The market takes no such message; a market of another make might.
    await world.database.pool.query(
      `update market.chat_message set content = E'\\x1b[2Jgone\\x07', metadata = '{"attachments":[{"url":"\\u001b]0;x","name":"","type":"","size":0}]}'
      where id = $1`,
      [(await say(employer, 'x')).id],
    );
    const { stdout } = await cli.text(['chat', String(id)], as(employee));
    expect(stdout).toContain('over\\u202ewritten\\u200b\n');
    expect(stdout).toContain('\\u001b[2Jgone\\u0007\n  [: \\u001b]0;x]\n');
    expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  });
});

describe('c4c chat --interactive', () => {
  it('says each line of its input, and ends well with it', async () => {
    const input = 'Hello\n\nAre you there?\n';
    const text = await cli.run(['chat', String(id), '-i'], { input, env: { ...as(employer), C4C_OUTPUT: 'text' } });
    expect([text.code, await contents()]).toEqual([0, ['Hello', 'Are you there?']]);
    expect(text.stdout).toMatch(/^\S+ \S+ {2}you: Hello\n\S+ \S+ {2}you: Are you there\?\n$/);
    const json = await cli.run(['chat', String(id), '-i', '-l', '1'], { input: 'Bye', env: as(employer) });
    expect(json.code).toBe(0);
    const lines = json.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; content?: string });
    expect(lines.filter(({ event }) => event !== 'connected')).toMatchObject([
      { event: 'message', content: 'Are you there?' },
      { event: 'sent', content: 'Bye', employmentId: id },
    ]);
  });

  it('shows what is said and how far was read, reads it, and ends well when it is stopped', async () => {
    await say(employee, 'before');
    const [here, there] = [talk(employer), talk(employee)];
    expect(await here.connection.saw('message')).toMatchObject({ content: 'before', senderAgentId: employee.id });
    await Promise.all([here, there].map(({ connection }) => connection.saw('connected')));
    here.type('Hello');
    expect(await there.connection.saw('message', 2)).toMatchObject({ content: 'Hello', employmentId: id });
    const sent = await here.connection.saw('sent');
    // Whoever sees it reads it.
    expect(await here.connection.saw('read')).toMatchObject({ lastReadMessageId: sent['id'] });
    there.type('Hello yourself');
    expect(await here.connection.saw('message', 2)).toMatchObject({ content: 'Hello yourself' });
    here.connection.signal('SIGINT');
    there.connection.signal('SIGTERM');
    expect(await Promise.all([here.connection.ended, there.connection.ended])).toEqual([0, 0]);
  });

  it('in two terminals of one agent shows everything in both, and what is said elsewhere in neither', async () => {
    const other = await offered();
    dataOf(await employee.api.post(`${EMPLOYMENTS}/${other}/accept`));
    const first = talk(employee);
    await first.connection.saw('connected');
    const second = talk(employee);
    await second.connection.saw('connected');
    dataOf(await employer.api.post(`${EMPLOYMENTS}/${other}/messages`, { content: 'elsewhere' }));
    for (const content of ['1', '2', '3']) await say(employer, content);
    for (const { connection } of [first, second]) {
      await connection.saw('message', 3);
      expect(connection.all('message').map((line) => line['content'])).toEqual(['1', '2', '3']);
    }
  });

  it('misses and repeats nothing when the connection breaks', async () => {
    const { hostname, port } = new URL(world.url);
    const proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    await say(employer, '1');
    const { connection, end } = talk(employee, { C4C_API_ENDPOINT: proxy.url(world.url) });
    await connection.saw('connected');
    await say(employer, '2');
    await connection.saw('message', 2);
    proxy.refuse();
    await connection.saw('disconnected');
    for (const content of ['3', '4']) await say(employer, content);
    proxy.mend();
    await connection.saw('message', 4, 30_000);
    await say(employer, '5');
    await connection.saw('message', 5);
    expect(connection.all('message').map((line) => line['content'])).toEqual(['1', '2', '3', '4', '5']);
    end();
    expect(await connection.ended).toBe(0);
    await proxy.close();
  });

  it('tells that the employment has ended, and then takes no line', async () => {
    const { connection, type } = talk(employee);
    await connection.saw('connected');
    dataOf(await employer.api.post(`${EMPLOYMENTS}/${id}/terminate`, { reason: 'Done.' }));
    expect(await connection.saw('ended')).toMatchObject({ employmentId: id, reason: 'Done.' });
    type('Wait!');
    expect(await connection.ended).toBe(5);
    expect(JSON.parse(connection.stderr)).toMatchObject({ error: { code: 'EMPLOYMENT_ENDED' } });
  });

  it('ends with 4 when its key is revoked', async () => {
    const key = await employee.newKey();
    const { connection } = talk({ ...employee, key });
    await connection.saw('connected');
    const { keys } = dataOf<{ keys: { id: number }[] }>(
      await employee.owner.api.get(`/owner/agents/${employee.id}/keys`),
    );
    const keyId = Math.max(...keys.map((one) => one.id));
    dataOf(await employee.owner.api.delete(`/owner/agents/${employee.id}/keys/${keyId}`));
    expect(await connection.ended).toBe(4);
    expect(JSON.parse(connection.stderr)).toMatchObject({ error: { code: 'UNAUTHENTICATED' } });
  });

  it('ends at a line of a program that is refused, and says why', async () => {
    const result = await cli.run(['chat', String(id), '-i'], {
      input: `one\n${'x'.repeat(4_001)}\nthree\n`,
      env: as(employer),
    });
    expect([result.code, refusalOf(result).error.code]).toEqual([2, 'VALIDATION_FAILED']);
    expect(await contents()).toEqual(['one']);
  });
});

// Python's standard library opens a terminal for the command; Node has none to offer.
const IN_TERMINAL = `
import os, pty, sys
steps, args = [("connected to", "Hello\\n"), ("At once.", chr(int(sys.argv[1])))], sys.argv[2:]
shown = b""
def look(fd):
    global shown
    data = os.read(fd, 4096)
    shown += data
    if steps and steps[0][0].encode() in shown:
        shown = b""
        os.write(fd, steps.pop(0)[1].encode())
    return data
sys.exit(os.waitstatus_to_exitcode(pty.spawn(args, look, lambda fd: os.read(0, 1))))
`;
const hasTerminal = spawnSync('python3', ['-c', 'import os, pty; os.waitstatus_to_exitcode']).status === 0;

describe.skipIf(!hasTerminal)('c4c chat --interactive on a terminal', () => {
  it.each([
    ['Ctrl-D', 4],
    ['Ctrl-C', 3],
  ])('takes what is typed, shows what is said above it, and ends well with %s', async (_name, key) => {
    const child = cli.start(['-c', IN_TERMINAL, String(key), C4C, 'chat', String(id), '-i'], as(employer), 'python3');
    const connection = new Connection(child);
    running.push(connection);
    await expect.poll(contents, { timeout: 15_000 }).toEqual(['Hello']);
    await say(employee, 'At once.');
    expect(await connection.ended).toBe(0);
    expect(connection.stdout).toMatch(/Hello\r*\n/);
    expect(connection.stdout).toMatch(/Agent \d+: At once\.\r*\n/);
  });
});

describe('what goes wrong', () => {
  it.each([
    [[], "Missing required argument 'employment'"],
    [['it'], 'is not the id of an employment'],
    [['1', '2'], 'Too many arguments'],
    [['1', '-m'], "'-m, --message <text>' argument missing"],
    [['1', '-m', ' '], 'It must not be empty'],
    [['1', '-m', 'x', '-i'], 'cannot be used with'],
    [['1', '-m', 'x', '--history'], 'cannot be used with'],
    [['1', '-i', '--history'], 'cannot be used with'],
    [['1', '-m', 'x', '-l', '5'], '--message shows no history'],
    [['1', '-i', '--before', '5'], 'leave out --before'],
    [['1', '-l', '0'], 'It must be a whole number from 1'],
    [['1', '--to', 'me'], 'Unknown option'],
  ])('%j is refused before anything is sent, with its reason', async (args, reason) => {
    const env = { ...as(employer), C4C_API_ENDPOINT: NOBODY };
    const result = await cli.run(['chat', ...args], { env });
    expect([result.code, refusalOf(result).error.message]).toEqual([2, expect.stringContaining(reason)]);
  });

  it.each([
    [['-m', 'x'], 3, 'NOT_FOUND'],
    [['-i'], 3, 'NOT_FOUND'],
    [['--history'], 3, 'NOT_FOUND'],
    [['-i', '--api-key', 'nonsense'], 4, 'UNAUTHENTICATED'],
    [['-i', '--endpoint', NOBODY], 10, 'UNAVAILABLE'],
  ])('%j about a strange employment ends with %i, %s', async (args, exit, code) => {
    const result = await cli.run(['chat', '999999', ...args], { env: as(employer) });
    expect([result.code, refusalOf(result).error.code, result.stdout]).toEqual([exit, code, '']);
  });

  it.each([
    ['an offer', 'EMPLOYMENT_STATE', () => Promise.resolve()],
    ['a rejected one', 'EMPLOYMENT_ENDED', (one: number) => employee.api.post(`${EMPLOYMENTS}/${one}/reject`)],
  ])('in %s ends with 5, %s', async (_name, code, become) => {
    const one = await offered();
    await become(one);
    for (const [args, input] of [
      [['-m', 'x'], ''],
      [['-i'], 'x\n'],
    ] as const) {
      const result = await cli.run(['chat', String(one), ...args], { input, env: as(employer) });
      const said = result.stderr.trim().split('\n').at(-1) ?? '';
      expect([result.code, (JSON.parse(said) as { error: { code: string } }).error.code]).toEqual([5, code]);
    }
  });
});

it('shows in the list of events who talks', async () => {
  await say(employer, 'Hello');
  const { stdout } = await cli.text(['events', 'list', '--types', 'chat.message'], as(employee));
  expect(stdout).toMatch(new RegExp(`chat\\.message +employment ${id} +Agent \\d+\n`));
});
