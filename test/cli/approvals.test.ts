import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dataOf } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';
import { Cli, refusalOf, type Result } from './cli.js';

let world: World;
let cli: Cli;
let provider: AgentActor;
let caller: AgentActor;
let service: number;

type Approval = { id: number; status: string };

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

/** The approval that a refused invocation asked for. */
async function asked(...more: string[]): Promise<number> {
  await policy({ actions: { invoke: { consent: 'always' } } });
  const refused = await invoke(...more);
  expect([refused.code, refusalOf(refused).error.code, refused.stdout]).toEqual([7, 'APPROVAL_REQUIRED', '']);
  return (refusalOf(refused).error.details as { approval: Approval }).approval.id;
}

async function held(): Promise<string> {
  return dataOf<{ held: string }>(await caller.owner.api.get('/owner/wallet')).held;
}

const publish = (...more: string[]): Promise<Result> =>
  cli.text(['manage', 'task', 'publish', '-d', 'x', '-b', '60', '-c', 'writing', '-t', 'Count', ...more], as(caller));

describe('approvals', () => {
  it('are told to the agent with their sentence and the way to a decision; the key of the first try gets what was done', async () => {
    await policy({ actions: { invoke: { consent: 'above', above: '1' } } });
    const refused = await cli.text(
      [...words('manage inv invoke SERVICE --yes --idempotency-key k1 -i'), INPUT],
      as(caller),
    );
    expect([refused.code, refused.stdout]).toEqual([7, '']);
    expect(refused.stderr).toMatch(
      /Your owner is asked first\. Nothing is done until the owner approves[^]*Asks: +“Agent \d+” wants to invoke “Word counter” of “Agent \d+” for 5 shells: you want to be asked above 1 shell\.\n[^]*Approval: +\d+\n +Expires: +\d{4}-[^]*c4c approvals approve \d+/,
    );
    const id = /Approval: +(\d+)/.exec(refused.stderr)?.[1] ?? '';
    expect((await agent('manage agent approvals')).stdout).toMatch(
      new RegExp(`^ID +STATUS [^]*\\n *${id} +pending [^]*invoke +5 `),
    );
    const list = await owner('approvals list --status pending --agent AGENT');
    expect(list.stdout).toContain('wants to invoke “Word counter”');
    const shown = await owner(`approvals show ${id}`);
    expect(shown.stdout).toMatch(/Status: +pending\n[^]*Decide by: +\d{4}-[^]*Key: +k1\n$/);
    expect(shown.stdout).toContain('"one two"');
    const approved = await owner(`approvals approve ${id} --yes`);
    expect(approved.stderr).toMatch(/Asks: +“Agent \d+” wants to invoke[^]*Amount: +at most 5 shells\n/);
    expect([approved.code, approved.stdout]).toEqual([
      0,
      expect.stringMatching(/Status: +approved and carried out\nResult: +invocation \d+\n/),
    ]);
    const again = await invoke('--idempotency-key', 'k1');
    expect(JSON.parse(again.stdout)).toMatchObject({
      invocationId: Number(/invocation (\d+)/.exec(approved.stdout)?.[1]),
    });
    const own = await agent(`manage agent approvals ${id}`);
    expect(own.stdout).toMatch(/Status: +approved and carried out\nResult: +invocation \d+\n/);
    expect(await held()).toBe('5');
  });

  it('are in JSON what the API said, with the key that repeats the request', async () => {
    const id = await asked('--idempotency-key', 'j1');
    const refused = await invoke('--idempotency-key', 'j1');
    expect(refusalOf(refused)).toMatchObject({ success: false, status: 202, idempotencyKey: 'j1' });
    const env = as(caller.owner);
    const { approvals } = await cli.json<{ approvals: Approval[] }>(['approvals', 'list', '-s', 'pending'], env);
    expect(approvals).toMatchObject([{ id, status: 'pending' }]);
    expect(await cli.json(['approvals', 'show', String(id)], env)).toMatchObject({ id, idempotencyKey: 'j1' });
    expect(await cli.json(['approvals', 'approve', String(id), '--yes'], env)).toMatchObject({
      id,
      status: 'executed',
    });
    expect(await cli.json(['manage', 'agent', 'approvals', String(id)], as(caller))).toMatchObject({
      status: 'executed',
    });
    expect(await cli.json(['manage', 'agent', 'approvals', '-s', 'pending'], as(caller))).toMatchObject({
      approvals: [],
    });
  });

  it('that are denied end the request with 7 as well', async () => {
    const id = await asked();
    const denied = await cli.text(['approvals', 'deny', String(id), '--reason', 'Too dear.'], as(caller.owner));
    expect([denied.code, denied.stdout]).toEqual([0, expect.stringMatching(/Status: +denied\nReason: +Too dear\.\n/)]);
    const late = await cli.run(['approvals', 'approve', String(id), '--yes'], { env: as(caller.owner) });
    expect([late.code, refusalOf(late).error.code]).toEqual([5, 'APPROVAL_DECIDED']);
    const keyed = await asked('--idempotency-key', 'd1');
    await cli.json(['approvals', 'deny', String(keyed)], as(caller.owner));
    const again = await invoke('--idempotency-key', 'd1');
    expect([again.code, refusalOf(again).error.code]).toEqual([7, 'APPROVAL_DENIED']);
    expect(await held()).toBe('0');
  });

  it('that cannot be carried out end with 1', async () => {
    const id = await asked();
    await owner('owner budget set AGENT --one-time 4');
    const { code, stdout } = await owner(`approvals approve ${id} --yes`);
    expect([code, stdout]).toEqual([
      1,
      expect.stringMatching(/Status: +approved, and could not be carried out\nWhy not: [^]*\(BUDGET_EXCEEDED\)/),
    ]);
  });

  it('that have to wait end with 8, and are carried out when they can be', async () => {
    const busy = await world.service(provider, { title: 'Slow counter', price: '5', maxPending: 1 });
    const other = await world.agent();
    await world.fund(other.owner, '10');
    await policy({ actions: { invoke: { consent: 'always' } } });
    expect((await cli.text(['manage', 'inv', 'invoke', String(busy), '-i', INPUT, '--yes'], as(caller))).code).toBe(7);
    const path = '/agent/me/service-invocations';
    const body = { serviceId: busy, input: { text: 'a' } };
    const first = dataOf<{ invocationId: number }>(await other.api.post(path, body));
    const { approvals } = await cli.json<{ approvals: Approval[] }>(['approvals', 'list'], as(caller.owner));
    const words = ['approvals', 'approve', String(approvals[0]?.id), '--yes'];
    const waits = await cli.text(words, as(caller.owner));
    expect([waits.code, waits.stdout]).toEqual([8, expect.stringContaining('approved, waits to be carried out')]);
    dataOf(await other.api.post(`${path}/${first.invocationId}/cancel`));
    const done = await cli.text(words, as(caller.owner));
    expect([done.code, done.stdout]).toEqual([0, expect.stringMatching(/Result: +invocation \d+/)]);
  });

  it('are decided by whoever has their link', async () => {
    const id = await asked();
    const made = await owner(`approvals link ${id}`);
    expect(made.stdout).toMatch(/^http:\/\/\S+\/approvals\/[\w-]{43}\n$/);
    expect(made.stderr).toContain('never give it to the agent');
    expect(
      (await fetch(made.stdout.trim(), { method: 'POST', body: new URLSearchParams({ decision: 'approve' }) })).status,
    ).toBe(200);
    expect(await held()).toBe('5');
    const late = await cli.run(['approvals', 'link', String(id)], { env: as(caller.owner) });
    expect([late.code, refusalOf(late).error.code]).toEqual([5, 'APPROVAL_DECIDED']);
  });

  it('go on where a page ended', async () => {
    await policy({ actions: { task: { consent: 'always' } } });
    for (const title of ['A', 'B', 'C']) await publish('--yes', '-t', title);
    const page = await owner('approvals list -l 2');
    const before = /More with --before (\d+)\n$/.exec(page.stdout)?.[1] ?? '';
    expect((await owner(`approvals list --before ${before}`)).stdout).toMatch(/publish the task “A”|“A”/);
  });
});

describe('--yes', () => {
  it('skips the question and never the policy', async () => {
    await policy({ actions: { task: { consent: 'always' }, hire: { consent: 'always' } } });
    const task = await publish('--yes');
    expect([task.code, task.stderr]).toEqual([7, expect.stringContaining('Your owner is asked first.')]);
    const hired = await agent(`manage agent hire ${provider.id} -s 3 --yes`);
    expect([hired.code, hired.stderr]).toEqual([7, expect.stringContaining('Your owner is asked first.')]);
    expect(await held()).toBe('0');
  });
});

describe('what goes wrong', () => {
  it.each([
    ['approvals list --agent scout', 'is not the id of an agent'],
    ['approvals list --before now', 'is not the id of an approval'],
    ['approvals list -l 0', 'It must be a whole number from 1'],
    ['approvals show', "Missing required argument 'approval'"],
    ['approvals show it', 'is not the id of an approval'],
    ['approvals approve 1', 'Approving needs a confirmation'],
    ['approvals approve it --yes', 'is not the id of an approval'],
    ['approvals approve 1 --force', 'Unknown option'],
    ['approvals deny 1 --reason ', 'It must not be empty'],
    ['approvals deny x', 'is not the id of an approval'],
    ['approvals deny 1 2', 'Too many arguments'],
    ['approvals link', "Missing required argument 'approval'"],
    ['approvals link 1 2', 'Too many arguments'],
    ['approvals link me', 'is not the id of an approval'],
    ['approvals', 'c4c approvals needs a command: list, show, approve, deny, link.'],
  ])('%s is refused before anything is sent', async (line, reason) => {
    const env = { ...as(caller.owner), C4C_API_ENDPOINT: NOBODY };
    const result = await cli.run(line.split(' '), { env });
    expect([result.code, refusalOf(result).error.message]).toEqual([2, expect.stringContaining(reason)]);
  });

  it.each([
    ['approvals list --status new', 2, 'VALIDATION_FAILED'],
    ['approvals show 999999', 3, 'NOT_FOUND'],
    ['approvals approve 999999 --yes', 3, 'NOT_FOUND'],
    ['approvals deny 999999', 3, 'NOT_FOUND'],
    ['approvals link 999999', 3, 'NOT_FOUND'],
    ['approvals list --api-key nonsense', 4, 'UNAUTHENTICATED'],
    ['manage agent approvals', 4, 'WRONG_KEY'],
  ])('%s ends with %i, %s', async (line, exit, code) => {
    const result = await cli.run(words(line), { env: as(caller.owner) });
    expect([result.code, refusalOf(result).error.code, result.stdout]).toEqual([exit, code, '']);
  });

  it.each([
    ['manage agent approvals 999999', 3, 'NOT_FOUND'],
    ['manage agent approvals --status new', 2, 'VALIDATION_FAILED'],
    ['manage agent approvals it', 2, 'USAGE'],
    ['approvals list', 4, 'WRONG_KEY'],
    ['approvals approve 1 --yes', 4, 'WRONG_KEY'],
  ])('%s of an agent ends with %i, %s', async (line, exit, code) => {
    const result = await cli.run(words(line), { env: as(caller) });
    expect([result.code, refusalOf(result).error.code, result.stdout]).toEqual([exit, code, '']);
  });

  it('is nobody else’s business', async () => {
    const id = await asked();
    for (const line of [
      `approvals show ${id}`,
      `approvals approve ${id} --yes`,
      `approvals deny ${id}`,
      `approvals link ${id}`,
      'owner budget set AGENT --daily 1',
      'owner policy clear AGENT',
    ]) {
      const result = await cli.run(words(line), { env: as(provider.owner) });
      expect([line, result.code]).toEqual([line, 3]);
    }
    expect((await cli.run(['manage', 'agent', 'approvals', String(id)], { env: as(provider) })).code).toBe(3);
  });
});
