import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dataOf } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';
import { C4C, Cli } from './cli.js';

// Python's standard library opens a terminal for the command; Node has none to offer.
const IN_TERMINAL = `
import os, pty, sys
answer, args = sys.argv[1], sys.argv[2:]
shown = b""
def look(fd):
    global shown
    data = os.read(fd, 4096)
    shown += data
    if b"[y/N]" in shown:
        shown = b""
        os.write(fd, (answer + "\\n").encode())
    return data
sys.exit(os.waitstatus_to_exitcode(pty.spawn(args, look, lambda fd: os.read(0, 1))))
`;
const hasTerminal = spawnSync('python3', ['-c', 'import os, pty; os.waitstatus_to_exitcode']).status === 0;

let world: World;
let cli: Cli;
let provider: AgentActor;
let caller: AgentActor;
let service: number;

beforeAll(async () => {
  world = await startWorld();
  cli = new Cli({ C4C_API_ENDPOINT: world.url, NO_COLOR: '1' });
  provider = await world.agent();
  caller = await world.agent();
  await world.fund(caller.owner, '12.50');
  service = await world.service(provider);
});
afterAll(async () => {
  cli.close();
  await world.close();
});

describe.skipIf(!hasTerminal)('the question on a terminal', () => {
  const ask = async (
    answer: string,
    args: string[],
    { key }: { key: string },
  ): Promise<{ code: number | null; shown: string }> => {
    const env = { C4C_API_TOKEN: key };
    const child = cli.start(['-c', IN_TERMINAL, answer, C4C, ...args], env, 'python3');
    let shown = '';
    child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, shown };
  };
  const held = async (): Promise<string> =>
    (await cli.json<{ held: string }>(['owner', 'wallet', 'show'], { C4C_API_TOKEN: caller.owner.key })).held;

  it('shows the price and the balance before an invocation, and takes no for a no', async () => {
    const { code, shown } = await ask('n', ['manage', 'inv', 'invoke', String(service), '-i', '{"text":"a"}'], caller);
    expect(shown).toMatch(/Word counter/);
    expect(shown).toContain('10 shells, held until the result is in');
    expect(shown).toContain('12.5 shells, 2.5 shells afterwards');
    expect(shown).toContain('nothing was done');
    expect(code).toBe(1);
    expect(await held()).toBe('0');
  });

  it('asks also when a maximum is given', async () => {
    const words = ['manage', 'inv', 'invoke', String(service), '-i', '{"text":"a"}', '--max-price', '11'];
    const { code, shown } = await ask('n', words, caller);
    expect(shown).toContain('Invoke it for at most 11 shells?');
    expect(code).toBe(1);
    expect(await held()).toBe('0');
  });

  it('invokes after a yes, for at most the price that was shown', async () => {
    const { code, shown } = await ask('y', ['manage', 'inv', 'invoke', String(service), '-i', '{"text":"a"}'], caller);
    expect(code).toBe(0);
    expect(shown).toContain('--max-price 10');
    expect(await held()).toBe('10');
  });

  it('shows the income before publishing and both prices before a new one', async () => {
    const words = ['manage', 'service', 'publish', '-t', 'New', '-d', 'x', '-c', 'writing', '-p', '4', '-a', '2500'];
    const { code, shown } = await ask('yes', words, provider);
    expect(code).toBe(0);
    expect(shown).toContain("4 shells for each completed invocation, less the market's fee");
    expect(shown).toContain('Answers in: 2.5 s');
    const update = await ask('', ['manage', 'service', 'update', String(service), '-p', '11'], provider);
    expect(update.shown).toContain('10 shells now, 11 shells from now on');
    expect(update.code).toBe(1);
  });

  it('shows the stake before an offer and the bill before its end, and takes no for a no', async () => {
    const before = await held();
    const offer = await ask('n', ['manage', 'agent', 'hire', String(provider.id), '-s', '0.10'], caller);
    expect(offer.shown).toContain('0.1 shells for each started hour');
    expect(offer.shown).toContain('Offer this, and hold 1 shell?');
    expect([offer.code, await held()]).toEqual([1, before]);
    const yes = await ask('y', ['manage', 'agent', 'hire', String(provider.id), '-s', '0.10'], caller);
    expect(yes.code).toBe(0);
    const employment = /Employment: +(\d+)/.exec(yes.shown)?.[1] ?? '';
    expect(await held()).toBe(String(Number(before) + 1));
    const end = await ask('no', ['manage', 'agent', 'fire', employment], caller);
    expect(end.shown).toContain('nothing; the stake goes back');
    expect([end.code, await held()]).toEqual([1, String(Number(before) + 1)]);
  });

  it('says before the question that the owner is asked first, and what the budget has left', async () => {
    const { owner, id } = caller;
    dataOf(await owner.api.put(`/owner/policies/${id}`, { actions: { invoke: { consent: 'above', above: '1' } } }));
    dataOf(await owner.api.put(`/owner/budgets/${id}`, { budgetType: 'one_time', budgetAmount: '20' }));
    await world.fund(owner, '50');
    const words = ['manage', 'inv', 'invoke', String(service), '-i', '{"text":"b"}'];
    const { code, shown } = await ask('y', words, caller);
    expect(shown).toContain('your owner is asked first: asks above 1 shell, and this makes 10 shells');
    expect(shown).toContain('20 shells left');
    expect([code, shown]).toEqual([7, expect.stringContaining('Your owner is asked first.')]);
    const approval = /Approval: +(\d+)/.exec(shown)?.[1] ?? '';
    const before = await held();
    const no = await ask('n', ['approvals', 'approve', approval], owner);
    expect(no.shown).toMatch(/Asks: +“Agent \d+” wants to invoke “Word counter”/);
    expect(no.shown).toContain('at most 10 shells');
    expect([no.code, await held()]).toEqual([1, before]);
    const yes = await ask('y', ['approvals', 'approve', approval], owner);
    expect([yes.code, await held()]).toEqual([0, String(Number(before) + 10)]);
    dataOf(await owner.api.put(`/owner/policies/${id}`, {}));
    const task = ['manage', 'task', 'publish', '-t', 'A', '-d', 'b', '-b', '11', '-c', 'writing'];
    expect((await ask('n', task, caller)).shown).toContain('10 shells left');
    const stake = await ask('n', ['manage', 'agent', 'hire', String(provider.id), '-s', '0.10'], caller);
    expect(stake.shown).toContain('10 shells left');
  });
});
