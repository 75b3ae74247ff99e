import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dataOf } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';
import { Cli, refusalOf, type Result } from './cli.js';

let world: World;
let cli: Cli;
let provider: AgentActor;
let caller: AgentActor;
let service: number;

const NOBODY = 'http://127.0.0.1:1023';
const INPUT = '{"text":"one two"}';

beforeAll(async () => {
  world = await startWorld();
  cli = new Cli({ C4C_API_ENDPOINT: world.url });
  provider = await world.agent();
  service = await world.service(provider, { price: '5' });
});
beforeEach(async () => {
  caller = await world.agent();
  await world.fund(caller.owner, '100');
});
afterAll(async () => {
  cli.close();
  await world.close();
});

const as = ({ key }: { key: string }): Record<string, string> => ({ C4C_API_TOKEN: key });
const words = (text: string): string[] =>
  text.split(' ').map((word) => word.replace('AGENT', String(caller.id)).replace('SERVICE', String(service)));
const owner = (text: string): Promise<Result> => cli.text(words(text), as(caller.owner));
const agent = (text: string): Promise<Result> => cli.text(words(text), as(caller));
const policy = (body: object) => caller.owner.api.put(`/owner/policies/${caller.id}`, body).then(dataOf);
const invoke = (...more: string[]): Promise<Result> =>
  cli.run(['manage', 'inv', 'invoke', String(service), '-i', INPUT, '--yes', ...more], { env: as(caller) });

async function held(): Promise<string> {
  return dataOf<{ held: string }>(await caller.owner.api.get('/owner/wallet')).held;
}

const publish = (...more: string[]): Promise<Result> =>
  cli.text(['manage', 'task', 'publish', '-d', 'x', '-b', '60', '-c', 'writing', '-t', 'Count', ...more], as(caller));

describe('budgets', () => {
  it('are set, shown to the owner and to the agent, listed and removed', async () => {
    const set = await owner('owner budget set AGENT --weekly 50');
    expect([set.code, set.stdout]).toEqual([
      0,
      expect.stringMatching(
        /Budget: +periodic\nAmount: +50 shells\nUsed: +0 shells\nRemaining: +50 shells\nPeriod: +weekly\nResets: +\d{4}-/,
      ),
    ]);
    expect((await invoke()).code).toBe(0);
    const shown = await owner('owner budget show AGENT');
    expect(shown.stdout).toMatch(/^Agent: +Agent \d+ \(\d+\)\n[^]*Used: +5 shells\nRemaining: +45 shells\n/);
    const own = await agent('manage agent budget');
    expect(own.stdout).toMatch(/^Budget: +periodic\n[^]*Remaining: +45 shells\n[^]*Wallet: +95 shells available\n$/);
    const list = await owner('owner budget list');
    expect(list.stdout).toMatch(
      /^AGENT +NAME +BUDGET +SHELLS +USED +REMAINING +RESETS\n.* weekly +50 +5 +45 +\d[^]*1 in all\.\n$/,
    );
    const removed = await owner('owner budget remove AGENT');
    expect(removed.stdout).toContain('none of its own: the wallet of its owner');
    expect((await owner('owner budget list')).stdout).toBe('None.\n');
  });

  it('go on with what they have counted, unless that is to be forgotten', async () => {
    await owner('owner budget set AGENT --one-time 10');
    await invoke();
    expect((await owner('owner budget set AGENT --one-time 8.50')).stdout).toMatch(/Remaining: +3\.5 shells/);
    const refused = await invoke();
    expect([refused.code, refusalOf(refused).error.code]).toEqual([6, 'BUDGET_EXCEEDED']);
    expect((await owner('owner budget set AGENT --one-time 8.50 --reset')).stdout).toMatch(/Remaining: +8\.5 shells/);
    expect((await invoke()).code).toBe(0);
  });

  it('are in JSON what the API said', async () => {
    const env = as(caller.owner);
    const given = await cli.json(words('owner budget set AGENT --daily 3'), env);
    expect(given).toMatchObject({
      agentId: caller.id,
      budgetType: 'periodic',
      budgetAmount: '3',
      budgetPeriod: 'daily',
    });
    expect(await cli.json(words('owner budget show AGENT'), env)).toEqual(given);
    expect(await cli.json(['owner', 'budget', 'list', '-l', '1'], env)).toMatchObject({
      budgets: [given],
      total: 1,
      limit: 1,
    });
    expect(await cli.json(words('owner budget remove AGENT'), env)).toMatchObject({ budgetType: 'none' });
  });
});

describe('policies', () => {
  it('change where a flag says so, and stay otherwise', async () => {
    const first = await owner('owner policy set AGENT --invoke above:1 --hire always --day 100 --category design=20');
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(
      /Publishing: +by itself\n[^]*Invoking: +asks above 1 shell\nHiring: +asks each time\nTasks: +by itself\nA day: +at most 100 shells\nIn design: +at most 20 shells a day\n$/,
    );
    const env = as(caller.owner);
    const second =
      'owner policy set AGENT --invoke never --transaction 9 --category writing=5 --category design=none --day none';
    expect(await cli.json(words(second), env)).toMatchObject({
      actions: { invoke: { consent: 'never' }, hire: { consent: 'always' } },
      limits: { transaction: '9', categories: { writing: '5' } },
    });
    const now = await cli.json<{ limits: object }>(words('owner policy show AGENT'), env);
    expect(now.limits).toEqual({ transaction: '9', categories: { writing: '5' } });
    expect((await owner('owner policy list')).stdout).toMatch(
      /^AGENT +NAME +ASKS +LIMITS\n.* hire always +transaction 9, writing 5\n1 in all\.\n$/,
    );
    expect((await owner('owner policy clear AGENT')).stdout).toMatch(/Hiring: +by itself\nTasks: +by itself\n$/);
    expect((await owner('owner policy list')).stdout).toBe('None.\n');
  });

  it('are as a whole what is in a file, also one that `show` has printed', async () => {
    const env = as(caller.owner);
    const file = join(cli.home, 'policy.yaml');
    writeFileSync(file, 'actions:\n  invoke: { consent: above, above: 1 }\nlimits:\n  day: 100\n');
    const given = await cli.json<object>([...words('owner policy set AGENT --file'), file], env);
    expect(given).toMatchObject({ actions: { invoke: { consent: 'above', above: '1' } }, limits: { day: '100' } });
    await cli.json(words('owner policy set AGENT --task always'), env);
    expect(await cli.json(words('owner policy set AGENT --file -'), env, JSON.stringify(given))).toEqual(given);
    writeFileSync(file, 'actions:\n  invoke: { consent: perhaps }\nlimts: {}\n');
    const wrong = await cli.text([...words('owner policy set AGENT --file'), file], env);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/limts: is not a known field\n[^]*actions\.invoke\.consent: must be one of/);
    expect(await cli.json(words('owner policy show AGENT'), env)).toEqual(given);
  });

  it('say in their help what flags and files do', async () => {
    const { stdout } = await cli.text(['owner', 'policy', 'set', '--help']);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('what the file leaves out is free');
  });
});

describe('a dry run', () => {
  it('prints the charge and the wallet, and does nothing', async () => {
    const line = [...words('manage inv invoke SERVICE --dry-run -i'), INPUT];
    await world.nothingHappens(async () => {
      const { code, stdout } = await cli.text(line, as(caller));
      expect([code, stdout]).toEqual([
        0,
        expect.stringMatching(/^Charge: +5 shells\nBalance: +100 shells\nOutcome: +it would be done; nothing was\n$/),
      ]);
      expect(await cli.json(line, as(caller))).toMatchObject({ dryRun: true, charge: '5', outcome: 'OK' });
      expect((await publish('--dry-run')).stdout).toMatch(/^Charge: +60 shells\n/);
      expect((await agent(`manage agent hire ${provider.id} -s 3 --dry-run`)).stdout).toMatch(/^Charge: +30 shells\n/);
    });
  });

  it('ends as the refusal would, and says why', async () => {
    await policy({ actions: { invoke: { consent: 'above', above: '1' } }, limits: { day: '4' } });
    await owner('owner budget set AGENT --one-time 50');
    const line = [...words('manage inv invoke SERVICE --dry-run -i'), INPUT];
    const consent = await cli.text(line, as(caller));
    expect([consent.code, consent.stdout]).toEqual([
      7,
      expect.stringMatching(
        /Consent: +your owner is asked first: asks above 1 shell, and this makes 5 shells; a day at most 4 shells, and this makes 5 shells\nBudget: +50 shells left\n[^]*APPROVAL_REQUIRED/,
      ),
    ]);
    expect((await publish('--dry-run')).code).toBe(6);
    await owner('owner budget remove AGENT');
    await policy({});
    const funds = await publish('--dry-run', '-b', '101');
    expect([funds.code, funds.stdout]).toEqual([6, expect.stringContaining('INSUFFICIENT_FUNDS')]);
    const refused = await cli.run([...words('manage inv invoke SERVICE --dry-run -i'), '{"txt":1}'], {
      env: as(caller),
    });
    expect([refused.code, refusalOf(refused).error.code]).toEqual([2, 'INPUT_INVALID']);
    const dear = await cli.run([...line, '--max-price', '4'], { env: as(caller) });
    expect([dear.code, refusalOf(dear).error.code]).toEqual([6, 'PRICE_ABOVE_MAXIMUM']);
    expect(await held()).toBe('0');
  });

  it('of what is free between agents of one owner says so', async () => {
    const sibling = await world.agent(caller.owner);
    const own = await world.service(sibling, { price: '5' });
    const { stdout } = await cli.text(['manage', 'inv', 'invoke', String(own), '--dry-run', '-i', INPUT], as(caller));
    expect(stdout).toMatch(/^Charge: +nothing\n/);
  });
});

describe('what goes wrong', () => {
  it.each([
    ['owner budget show', "Missing required argument 'agent'"],
    ['owner budget show scout', 'is not the id of an agent'],
    ['owner budget show 1 2', 'Too many arguments'],
    ['owner budget list -p 0', 'It must be a whole number from 1'],
    ['owner budget list all', 'Too many arguments'],
    ['owner budget list --agent 1', 'Unknown option'],
    ['owner budget set 1', 'Give one of --one-time'],
    ['owner budget set 1 --daily 1 --weekly 2', 'Give one of --one-time'],
    ['owner budget set 1 --daily much', '--daily must be an amount'],
    ['owner budget set 1 --one-time -5', '--one-time must'],
    ['owner budget remove', "Missing required argument 'agent'"],
    ['owner budget remove 0', 'is not the id of an agent'],
    ['owner budget remove 1 --reset', 'Unknown option'],
    ['owner policy show -1', 'is not the id of an agent'],
    ['owner policy show 1 2', 'Too many arguments'],
    ['owner policy list 7', 'Too many arguments'],
    ['owner policy list -l x', 'It must be a whole number from 1'],
    ['owner policy clear 1 --day 1', 'Unknown option'],
    ['owner policy show', "Missing required argument 'agent'"],
    ['owner policy list --status x', 'Unknown option'],
    ['owner policy set 1', 'Nothing to set'],
    ['owner policy set 1 --invoke sometimes', '--invoke must be never, always or above:AMOUNT'],
    ['owner policy set 1 --invoke above:', '--invoke must be an amount'],
    ['owner policy set 1 --day 1.005', '--day must have at most two digits'],
    ['owner policy set 1 --category cooking=1', '--category must be CATEGORY=AMOUNT'],
    ['owner policy set 1 --category design', '--category must be CATEGORY=AMOUNT'],
    ['owner policy set 1 --file none.yaml', 'cannot be read'],
    ['owner policy set 1 --file none.yaml --day 1', 'Give either --file'],
    ['owner policy clear everybody', 'is not the id of an agent'],
    ['owner policy clear', "Missing required argument 'agent'"],
    ['owner budget', 'c4c owner budget needs a command: list, show, set, remove.'],
    ['owner policy', 'c4c owner policy needs a command: list, show, set, clear.'],
  ])('%s is refused before anything is sent', async (line, reason) => {
    const env = { ...as(caller.owner), C4C_API_ENDPOINT: NOBODY };
    const result = await cli.run(line.split(' '), { env });
    expect([result.code, refusalOf(result).error.message]).toEqual([2, expect.stringContaining(reason)]);
  });

  it.each([
    ['owner budget show 999999', 3, 'NOT_FOUND'],
    ['owner budget set 999999 --daily 1', 3, 'NOT_FOUND'],
    ['owner budget remove 999999', 3, 'NOT_FOUND'],
    ['owner policy show 999999', 3, 'NOT_FOUND'],
    ['owner policy set 999999 --day 1', 3, 'NOT_FOUND'],
    ['owner policy clear 999999', 3, 'NOT_FOUND'],
  ])('%s ends with %i, %s', async (line, exit, code) => {
    const result = await cli.run(words(line), { env: as(caller.owner) });
    expect([result.code, refusalOf(result).error.code, result.stdout]).toEqual([exit, code, '']);
  });

  it.each([
    ['owner policy set AGENT --day none', 4, 'WRONG_KEY'],
    ['manage inv invoke 999999 --dry-run', 3, 'NOT_FOUND'],
    ['manage inv invoke SERVICE --dry-run --max-price few', 2, 'USAGE'],
    ['manage agent hire AGENT -s 1 --dry-run', 5, 'OWN_AGENT'],
    ['manage agent hire 999999 -s 1 --dry-run', 3, 'NOT_FOUND'],
    ['manage task publish --dry-run', 2, 'USAGE'],
  ])('%s of an agent ends with %i, %s', async (line, exit, code) => {
    const result = await cli.run(words(line), { env: as(caller) });
    expect([result.code, refusalOf(result).error.code, result.stdout]).toEqual([exit, code, '']);
  });
});
