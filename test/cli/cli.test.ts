import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startWorld, type AgentActor, type OwnerActor, type World } from '../support/world.js';
import { C4C, Cli, refusalOf } from './cli.js';

let world: World;
let cli: Cli;
let provider: AgentActor;
let caller: AgentActor;
let payer: OwnerActor;

beforeAll(async () => {
  world = await startWorld();
  cli = new Cli({ C4C_API_ENDPOINT: world.url });
  provider = await world.agent();
  caller = await world.agent();
  payer = caller.owner;
  await world.fund(payer, '1000');
});
afterAll(async () => {
  cli.close();
  await world.close();
});

const as = ({ key }: { key: string }): Record<string, string> => ({ C4C_API_TOKEN: key });

type Id = { id: number };
type Receipt = { invocationId: number; status: string; price: string };

function file(name: string, content: unknown): string {
  const path = join(cli.home, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

// A port that is reserved and that nothing listens on.
const STATEMENT = ['owner', 'wallet', 'statement', '--month', '2026-10'];
const NOBODY = 'http://127.0.0.1:1023';

let published = 0;
async function publish(...more: string[]): Promise<number> {
  const words = ['manage', 'service', 'publish', '-t', `Service ${(published += 1)}`, '-d', 'Counts.', '-c', 'writing'];
  const { id } = await cli.json<Id>([...words, '-p', '2.50', '-a', '60000', '--yes', ...more], as(provider));
  return id;
}

async function invoke(service: number, ...more: string[]): Promise<Receipt> {
  return cli.json<Receipt>(['manage', 'inv', 'invoke', String(service), '--yes', ...more], as(caller));
}

describe('where it runs', () => {
  it('runs from any folder and through symlinks', async () => {
    mkdirSync(join(cli.home, 'bin'), { recursive: true });
    symlinkSync(C4C, join(cli.home, 'bin', 'c4c-once'));
    symlinkSync('c4c-once', join(cli.home, 'bin', 'c4c-twice'));
    const { code, stdout } = await cli.run(['--version'], { command: join(cli.home, 'bin', 'c4c-twice') });
    expect(code).toBe(0);
    expect(stdout.trim()).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it('says in a fresh clone what to do', async () => {
    const clone = join(cli.home, 'fresh');
    mkdirSync(clone);
    writeFileSync(join(clone, 'c4c'), readFileSync(C4C), { mode: 0o755 });
    const { code, stderr } = await cli.run(['market', 'service', 'list'], { command: join(clone, 'c4c') });
    expect(code).toBe(1);
    expect(stderr).toContain('npm start');
  });

  it('says that nothing answers at the endpoint', async () => {
    const env = { C4C_API_ENDPOINT: NOBODY };
    const result = await cli.run(['market', 'service', 'list'], { env });
    expect(result.code).toBe(10);
    expect(refusalOf(result).error).toMatchObject({ code: 'UNAVAILABLE' });
    const text = await cli.text(['market', 'service', 'list'], env);
    expect(text.stderr).toContain('Is the server running?');
  });
});

describe('configuration', () => {
  it('stores the endpoint and the key for their owner only, and never shows the key', async () => {
    const config = join(cli.home, 'conf', 'config.json');
    await cli.json(['config', 'set', 'endpoint', `${world.url}/`, '--config', config]);
    await cli.json(['config', 'set', 'token', '-', '--config', config], {}, `${caller.key}\n`);
    expect(statSync(config).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(config, 'utf8'))).toEqual({ api_endpoint: world.url, api_token: caller.key });
    const shown = await cli.run(['config', 'show', '--config', config, '-o', 'text'], {
      env: { C4C_API_ENDPOINT: '' },
    });
    expect(shown.stdout).toContain(`${world.url} (file)`);
    expect(shown.stdout).not.toContain(caller.key);
    const me = await cli.json<Id>(['manage', 'agent', 'info', '--config', config]);
    expect(me.id).toBe(caller.id);
  });

  it('closes a file that others may read, and says so', async () => {
    const config = file('open.json', { api_token: caller.key });
    chmodSync(config, 0o644);
    const { stderr } = await cli.text(['config', 'show', '--config', config]);
    expect(stderr).toContain('mode 644');
    expect(statSync(config).mode & 0o777).toBe(0o600);
  });

  it('refuses a mistyped key', async () => {
    const result = await cli.run(['config', 'set', 'token', `${caller.key.slice(0, -1)}_`]);
    expect(result.code).toBe(2);
    expect(refusalOf(result).error.message).toContain('mistyped');
  });

  it('takes the flag before the environment', async () => {
    const { id } = await cli.json<Id>(['manage', 'agent', 'info', '--api-key', provider.key], as(caller));
    expect(id).toBe(provider.id);
  });

  it('takes endpoint and key from the demo of the clone', async () => {
    const home = join(cli.home, 'demo');
    mkdirSync(home, { recursive: true });
    const agents = [{ id: caller.id, name: 'demo-caller', ownerId: payer.id, key: caller.key }];
    const owners = [{ id: payer.id, name: 'Demo Owner', key: payer.key }];
    writeFileSync(join(home, 'dev.json'), JSON.stringify({ endpoint: world.url, owners, agents }));
    const env = { C4C_HOME: home, C4C_CONFIG: join(home, 'config.json'), C4C_API_ENDPOINT: '' };
    const refused = await cli.run(['manage', 'agent', 'info'], { env });
    expect(refused.code).toBe(4);
    expect(refusalOf(refused).error.message).toContain('c4c config use demo-caller');
    await cli.json(['config', 'use', 'demo-caller'], env);
    expect((await cli.json<Id>(['manage', 'agent', 'info'], env)).id).toBe(caller.id);
    const wrong = await cli.run(['owner', 'wallet', 'show'], { env });
    expect(wrong.code).toBe(4);
    expect(refusalOf(wrong).error.message).toContain("c4c config use 'Demo Owner'");
    await cli.json(['config', 'use', 'Demo Owner'], env);
    await cli.json(['owner', 'wallet', 'show'], env);
    expect((await cli.run(['config', 'use', 'nobody'], { env })).code).toBe(2);
  });
});

describe('a sale', () => {
  it('goes from publishing to review, as JSON and as text', async () => {
    const schema = { type: 'object', required: ['text'], properties: { text: { type: 'string' } } };
    const service = file('service.yaml', 'title: Words\ndescription: Counts words.\ncategory: writing\nprice: 2.50\n');
    const { id } = await cli.json<Id>(
      [
        'manage',
        'service',
        'publish',
        '-f',
        service,
        '-a',
        '60000',
        '--input-schema',
        file('in.json', schema),
        '--yes',
      ],
      as(provider),
    );
    const found = await cli.text(['market', 'service', 'search', 'Words']);
    expect(found.stdout).toMatch(/^ID\s+TITLE\s+PROVIDER/);
    expect(found.stdout).toContain('2.5');
    const shown = await cli.text(['market', 'service', 'show', String(id)]);
    expect(shown.stdout).toMatch(/Price: +2.5 shells/);

    const opened = await cli.text(['manage', 'inv', 'invoke', String(id), '-i', '{"text":"a b"}', '--yes'], as(caller));
    expect(opened.code).toBe(0);
    expect(opened.stderr).toContain('Balance:');
    expect(opened.stderr).toContain('--idempotency-key cli-');
    const invocation = /Invocation:\s+(\d+)/.exec(opened.stdout)?.[1] ?? '';

    await cli.json(['manage', 'service-invocation', 'ack', invocation], as(provider));
    await cli.json(['manage', 'invocation', 'progress', invocation, '-p', '40', '-n', 'half'], as(provider));
    const result = file('result.json', { words: 2 });
    await cli.json(['manage', 'inv', 'submit', invocation, '-o', result, '-a', 'https://example.com/a'], as(provider));
    const done = await cli.text(['manage', 'inv', 'show', invocation], as(caller));
    expect(done.stdout).toMatch(/Status: +completed/);
    expect(done.stdout).toContain('"words": 2');
    const timeline = await cli.text(['manage', 'inv', 'timeline', invocation], as(caller));
    expect(timeline.stdout).toMatch(/invoked[\s\S]*progress[\s\S]*completed/);
    await cli.json(['manage', 'inv', 'review', invocation, '-r', '5', '-t', 'quick'], as(caller));
    const again = await cli.run(['manage', 'inv', 'review', invocation, '-r', '1'], { env: as(caller) });
    expect([again.code, refusalOf(again).error.code]).toEqual([5, 'ALREADY_REVIEWED']);
    const list = await cli.json<{ invocations: Id[] }>(
      ['manage', 'inv', 'list', '-r', 'caller', '-l', '1'],
      as(caller),
    );
    expect(list.invocations[0]?.id).toBe(Number(invocation));
  });

  it('waits for the result, and says when it is still pending or has failed', async () => {
    const id = await publish();
    const waiting = cli.run(['manage', 'inv', 'invoke', String(id), '--yes', '--wait', '20'], { env: as(caller) });
    const invocation = await world.nextInvocationOf(provider);
    await cli.json(['manage', 'inv', 'submit', String(invocation), '-o', '-'], as(provider), '{"words":1}');
    const { code, stdout } = await waiting;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'completed', output: { words: 1 } });

    const pending = await cli.run(['manage', 'inv', 'invoke', String(id), '--yes', '--wait', '1'], { env: as(caller) });
    expect(pending.code).toBe(8);
    const { invocationId } = JSON.parse(pending.stdout) as Receipt;
    await cli.json(['manage', 'inv', 'cancel', String(invocationId)], as(caller));

    const failing = cli.run(['manage', 'inv', 'invoke', String(id), '--yes', '--wait'], { env: as(caller) });
    const next = await world.nextInvocationOf(provider);
    await cli.json(['manage', 'inv', 'submit', String(next), '-e', 'no luck'], as(provider));
    expect((await failing).code).toBe(1);
  });

  it('repeats with the same key what it did, and once', async () => {
    const id = await publish();
    const first = await invoke(id, '--idempotency-key', 'order-1');
    const second = await invoke(id, '--idempotency-key', 'order-1');
    expect(second.invocationId).toBe(first.invocationId);
    const other = await cli.run(
      ['manage', 'inv', 'invoke', String(id), '--yes', '--idempotency-key', 'order-1', '-i', '{"other":1}'],
      { env: as(caller) },
    );
    expect([other.code, refusalOf(other).error.code]).toEqual([5, 'IDEMPOTENCY_KEY_REUSED']);
  });

  it('waits for the result of a key that was used before', async () => {
    const id = await publish();
    const { invocationId } = await invoke(id, '--idempotency-key', 'order-2');
    await cli.json(['manage', 'inv', 'submit', String(invocationId), '-o', '{"words":3}'], as(provider));
    const again = await invoke(id, '--idempotency-key', 'order-2', '--wait', '5');
    expect(again).toMatchObject({ status: 'completed', output: { words: 3 } });
  });

  it('takes -o of submit for the file, and before the command for the mode', async () => {
    const id = await publish();
    const { invocationId } = await invoke(id);
    const result = file('words.json', { words: 4 });
    const args = ['-o', 'text', 'manage', 'inv', 'submit', String(invocationId), '-o', result];
    const { code, stdout } = await cli.run(args, { env: as(provider) });
    expect([code, stdout]).toEqual([0, `Invocation ${invocationId} is completed.\n`]);
  });

  it('names the key with which a lost invocation can be repeated', async () => {
    const env = { ...as(caller), C4C_API_ENDPOINT: NOBODY };
    const result = await cli.run(['manage', 'inv', 'invoke', '1', '--yes'], { env });
    expect(result.code).toBe(10);
    expect(refusalOf(result)['idempotencyKey']).toMatch(/^cli-/);
  });

  it('changes a service and takes it off the market and back', async () => {
    const id = String(await publish('--max-pending', '5'));
    const changed = await cli.text(['manage', 'service', 'update', id, '-p', '3', '--yes'], as(provider));
    expect(changed.stderr).toContain('2.5 shells now, 3 shells from now on');
    expect(changed.stdout).toContain('version 2');
    await cli.json(['manage', 'service', 'unpublish', id], as(provider));
    const inactive = await cli.run(['manage', 'inv', 'invoke', id, '--yes'], { env: as(caller) });
    expect([inactive.code, refusalOf(inactive).error.code]).toEqual([5, 'SERVICE_INACTIVE']);
    await cli.json(['manage', 'service', 'update', id, '--activate'], as(provider));
    const mine = await cli.text(['manage', 'service', 'show', id], as(provider));
    expect(mine.stdout).toMatch(/Status: +active/);
    const list = await cli.text(['manage', 'service', 'list', '--sort-by', 'price'], as(provider));
    expect(list.stdout).toContain('EARNED');
  });
});

describe('the exit code and the error tell what was wrong', () => {
  it.each([
    [['market', 'service', 'show', '999999'], 3, 'NOT_FOUND'],
    [['market', 'service', 'show', 'seven'], 2, 'USAGE'],
    [['market', 'service', 'lst'], 2, 'USAGE'],
    [['market'], 2, 'USAGE'],
    [['manage', 'inv', 'show', '999999'], 3, 'NOT_FOUND'],
    [['manage', 'inv', 'invoke', '1'], 2, 'USAGE'],
    [['manage', 'inv', 'submit', '1', '-s', 'failed'], 2, 'USAGE'],
    [['manage', 'inv', 'submit', '1', '-o', 'none.json'], 2, 'USAGE'],
    [['manage', 'inv', 'review', '1'], 2, 'USAGE'],
    [['manage', 'service', 'update', '1'], 2, 'USAGE'],
    [['manage', 'service', 'publish', '-t', 'x', '--yes'], 2, 'USAGE'],
    [['manage', 'agent', 'status', 'asleep'], 2, 'VALIDATION_FAILED'],
    [['manage', 'agent', 'info', '--api-key', 'nonsense'], 4, 'UNAUTHENTICATED'],
    [['owner', 'wallet', 'show'], 4, 'WRONG_KEY'],
    [[...STATEMENT, '--csv', '-'], 4, 'WRONG_KEY'],
    [['owner', 'wallet', 'statement', '--month', '2026-13'], 2, 'USAGE'],
    [['owner', 'wallet', 'statement'], 2, 'USAGE'],
    [['config', 'set', 'colour', 'red'], 2, 'USAGE'],
    [['market', 'service', 'list', '-o', 'xml'], 2, 'USAGE'],
    [['connect', '--webhook', 'file:///etc/passwd'], 2, 'USAGE'],
    [['connect', '--webhook', '', '--once'], 2, 'USAGE'],
    [['connect', 'http://127.0.0.1:9/hook'], 2, 'USAGE'],
    [['events', 'list', 'all'], 2, 'USAGE'],
    [['webhook', 'pause', '1', '2'], 2, 'USAGE'],
    [['feedback', 'Hm.'], 2, 'VALIDATION_FAILED'],
    [['feedback', 'Well done.', '--api-key', 'nonsense'], 4, 'UNAUTHENTICATED'],
  ])('%j ends with %i, %s', async (args, exit, code) => {
    const result = await cli.run(args, { env: as(caller) });
    expect([result.code, refusalOf(result).error.code, result.stdout]).toEqual([exit, code, '']);
  });

  it.each([
    [['frobnicate'], "Unknown command 'frobnicate'"],
    [['chatter', '1'], "Unknown command 'chatter'"],
    [['feedback', 'hello', '--now'], "Unknown option '--now'"],
    [['feedback'], "Missing required argument 'content'"],
    [['feedback', 'two', 'words'], 'Too many arguments'],
    [['--frob'], "Unknown option '--frob'"],
    [['market'], 'c4c market needs a command: service, task, agent.'],
    [[...STATEMENT, '--csv', '-', '--limit', '3'], "'--csv <file>' cannot be used with option '-l, --limit <number>'"],
    [[...STATEMENT, '--after', 'x', '--csv', 'x.csv'], "'--csv <file>' cannot be used with option '--after <cursor>'"],
    [['-o', 'json', 'manage', 'inv'], 'c4c manage inv needs a command: list, show, invoke'],
    [['manage', 'inv', 'invoke', '1', '--yes', '--input', '[1]'], 'must be a JSON object'],
    [['manage', 'service', 'publish', '--file', '/dev/zero', '--yes'], 'larger than anything'],
    [['manage', 'service', 'update', '1', '-p', '1_000', '--yes'], 'price must be a number'],
  ])('%j is refused before anything is sent, with its reason', async (args, reason) => {
    const result = await cli.run(args, { env: { ...as(caller), C4C_API_ENDPOINT: NOBODY } });
    expect([result.code, refusalOf(result).error.message]).toEqual([2, expect.stringContaining(reason)]);
  });

  it('says how to set a key where it was refused', async () => {
    const { code, stderr } = await cli.text(['manage', 'agent', 'info', '--api-key', 'nonsense']);
    expect(code).toBe(4);
    expect(stderr).toContain('c4c config set token KEY');
  });

  it('tells missing funds, a price above the maximum and a busy service apart', async () => {
    const id = String(await publish('--max-pending-per-caller', '1'));
    const poor = await world.agent();
    const broke = await cli.run(['manage', 'inv', 'invoke', id, '--yes'], { env: as(poor) });
    expect([broke.code, refusalOf(broke).error.code]).toEqual([6, 'INSUFFICIENT_FUNDS']);
    const dear = await cli.run(['manage', 'inv', 'invoke', id, '--yes', '--max-price', '1'], { env: as(caller) });
    expect([dear.code, refusalOf(dear).error.code]).toEqual([6, 'PRICE_ABOVE_MAXIMUM']);
    expect(refusalOf(dear)['traceId']).toEqual(expect.any(String));
    const { invocationId } = await invoke(Number(id));
    const busy = await cli.run(['manage', 'inv', 'invoke', id, '--yes'], { env: as(caller) });
    expect([busy.code, refusalOf(busy).error.code]).toEqual([9, 'SERVICE_BUSY']);
    await cli.json(['manage', 'inv', 'cancel', String(invocationId)], as(caller));
    // The command tries a busy service several times before it gives up.
  }, 90_000);

  it('lists every wrong field for a person', async () => {
    const { code, stderr } = await cli.text(
      ['manage', 'service', 'publish', '-t', 'x', '-d', 'y', '-c', 'cooking', '-p', '-1', '-a', '0', '--yes'],
      as(provider),
    );
    expect(code).toBe(2);
    expect(stderr).toMatch(/category: .*\n.*price: .*\n.*avgResponseMs: /);
    expect(stderr).toContain('VALIDATION_FAILED');
  });

  it('needs --yes where there is nobody to ask, before anything is sent', async () => {
    const { code, stderr } = await cli.text(['manage', 'inv', 'invoke', '1'], {
      ...as(caller),
      C4C_API_ENDPOINT: NOBODY,
    });
    expect(code).toBe(2);
    expect(stderr).toContain('--yes');
  });
});

describe('text from strangers', () => {
  it('cannot command the terminal', async () => {
    const { invocationId } = await invoke(await publish());
    const output = file('evil.json', { text: 'Evil \u001b]0;owned\u0007 \u009b2J \u202e text' });
    await cli.json(['manage', 'inv', 'submit', String(invocationId), '-o', output], as(provider));
    for (const mode of ['text', 'json']) {
      const { stdout } = await cli.run(['manage', 'inv', 'show', String(invocationId), '-o', mode], {
        env: as(caller),
      });
      expect(stdout).toContain('Evil');

      expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    }
  });
});

describe('owners and administrators', () => {
  it('manage agents, keys and money', async () => {
    const admin = { C4C_API_TOKEN: world.adminKey };
    const { owner, key } = await cli.json<{ owner: Id; key: { key: string } }>(
      ['admin', 'owner', 'create', 'Ada'],
      admin,
    );
    const { transferId } = await cli.json<{ transferId: number }>(
      ['admin', 'deposit', String(owner.id), '12.50', '-r', 'invoice 1'],
      admin,
    );
    const ada = as(key);
    const wallet = await cli.text(['owner', 'wallet', 'show'], ada);
    expect(wallet.stdout).toBe('Available: 12.5 shells\nHeld:      0 shells\n');
    const csv = await cli.run(['owner', 'wallet', 'transactions', '--csv'], { env: ada });
    expect(csv.stdout).toMatch(/^id,at,kind,amount/);
    expect((await cli.text(['owner', 'wallet', 'transactions'], ada)).stdout).toContain('invoice 1');
    const month = ['--month', new Date().toISOString().slice(0, 7)];
    const statement = await cli.text(['owner', 'wallet', 'statement', ...month], ada);
    expect(statement.stdout).toContain('(not final)\nOpening: 0 shells available, 0 shells held\nClosing: 12.5 shells');
    expect(statement.stdout).toMatch(/deposit +12\.5 +0 +12\.5 +invoice 1/);
    expect(await cli.json(['owner', 'wallet', 'statement', ...month], ada)).toMatchObject({
      lines: [{ kind: 'deposit', reference: 'invoice 1' }],
    });
    const printed = await cli.run(['owner', 'wallet', 'statement', ...month, '--csv', '-'], { env: ada });
    expect(printed.stdout).toMatch(/^at,kind,id,[^]*,opening,[^]*,deposit,[^]*,closing,[^]*\r\n$/);
    const saved = join(cli.home, 'month.csv');
    writeFileSync(`${saved}.part`, 'of the user');
    expect(await cli.json(['owner', 'wallet', 'statement', ...month, '--csv', saved], ada)).toEqual({ file: saved });
    expect(readFileSync(saved, 'utf8').split('\r\n')).toHaveLength(5);
    expect(readFileSync(`${saved}.part`, 'utf8')).toBe('of the user');
    expect(readdirSync(cli.home).filter((name) => name.startsWith('month.csv'))).toEqual([
      'month.csv',
      'month.csv.part',
    ]);
    const help = (await cli.text(['owner', 'wallet', 'statement', '--help'])).stdout.replaceAll(/\s+/g, ' ');
    expect(help).toMatch(/--month <month> required: .*--limit <number> lines \(default: 100;/);
    await cli.json(['admin', 'reverse', String(transferId), '--reason', 'booked twice'], admin);
    expect(await cli.json(['owner', 'wallet', 'show'], ada)).toMatchObject({ available: '0' });
    await cli.json(['owner', 'deposit', '5'], ada);

    const made = await cli.text(['owner', 'agent', 'create', 'Worker', '-c', 'writing'], ada);
    expect(made.stdout).toContain('Keep the key now');
    const agentKey = /Key:\s+(c4c_agent_\S+)/.exec(made.stdout)?.[1] ?? '';
    const { agents } = await cli.json<{ agents: Id[] }>(['owner', 'agent', 'list'], ada);
    const agent = String(agents[0]?.id);
    const info = await cli.json<Id>(['manage', 'agent', 'info'], { C4C_API_TOKEN: agentKey });
    expect(info.id).toBe(Number(agent));

    const extra = await cli.json<{ id: number; scopes: string[] }>(
      ['owner', 'key', 'create', agent, '-n', 'laptop', '--scopes', 'read,invoke', '--expires-at', '2099-01-01'],
      ada,
    );
    expect(extra.scopes).toEqual(['read', 'invoke']);
    await cli.json(['owner', 'key', 'rotate', agent, String(extra.id), '--overlap', '60'], ada);
    await cli.json(['owner', 'key', 'revoke', agent, String(extra.id)], ada);
    expect((await cli.text(['owner', 'key', 'list', agent], ada)).stdout).toContain('revoked');
    await cli.json(['owner', 'agent', 'freeze', agent, '--reason', 'leak'], ada);
    expect((await cli.text(['owner', 'agent', 'show', agent], ada)).stdout).toContain('leak');
    await cli.json(['owner', 'agent', 'unfreeze', agent], ada);

    await cli.json(['admin', 'fee', 'set', 'research', '250'], admin);
    expect((await cli.text(['admin', 'fee', 'show', 'research'], admin)).stdout).toContain('2.5 %');
    await cli.json(['admin', 'owner', 'key', String(owner.id)], admin);
    expect((await cli.text(['admin', 'owner', 'list', '-l', '100'], admin)).stdout).toContain('Ada');
  });

  it('get the feedback of agents, as JSON and as text', async () => {
    const said = await cli.text(['feedback', 'Timelines are what I was missing.'], as(caller));
    expect([said.code, said.stdout]).toEqual([0, expect.stringMatching(/^Thank you; it is kept as feedback \d+\.\n$/)]);
    const { id } = await cli.json<Id>(['feedback', 'And statements.'], as(caller));
    const { body } = await world.admin.get('/admin/feedbacks?limit=1');
    expect(body).toMatchObject({ data: { feedbacks: [{ id, agentId: caller.id, content: 'And statements.' }] } });
  });

  it('keep the profile of an agent', async () => {
    const worker = await world.agent();
    const profile = ['-n', 'Fine Worker', '-c', 'design', '--capabilities', 'a,b', '--preferences', '{"x":1}'];
    await cli.json(['manage', 'agent', 'register', ...profile], as(worker));
    await cli.json(['manage', 'agent', 'update', '-d', 'Draws.'], as(worker));
    await cli.json(['manage', 'agent', 'status', 'busy'], as(worker));
    await cli.json(['manage', 'agent', 'publish', '--expected-salary', '7', '--preferred-tasks', 'logos'], as(worker));
    const info = await cli.text(['manage', 'agent', 'info'], as(worker));
    expect(info.stdout).toMatch(/Fine Worker[\s\S]*busy[\s\S]*public/);
    expect((await cli.text(['market', 'agent', 'list', '-l', '100'])).stdout).toContain('Fine Worker');
    await cli.json(['market', 'agent', 'show', String(worker.id)]);
    expect((await cli.text(['manage', 'agent', 'budget'], as(worker))).stdout).toContain('0 shells available');
    await cli.json(['manage', 'agent', 'unpublish'], as(worker));
  });
});
