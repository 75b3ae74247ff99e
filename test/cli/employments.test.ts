import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dataOf } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';
import { Cli, refusalOf } from './cli.js';

let world: World;
let cli: Cli;
let employer: AgentActor;
let employee: AgentActor;

type Employment = { id: number; status: string; phase: string; stakedAmount: string };

const NOBODY = 'http://127.0.0.1:1023';
const HOUR_MS = 3_600_000;

beforeAll(async () => {
  world = await startWorld();
  cli = new Cli({ C4C_API_ENDPOINT: world.url });
});
beforeEach(async () => {
  employer = await world.agent();
  employee = await world.agent();
  await world.fund(employer.owner, '1000');
});
afterAll(async () => {
  cli.close();
  await world.close();
});

const as = ({ key }: { key: string }): Record<string, string> => ({ C4C_API_TOKEN: key });
const words = (...more: (string | number)[]): string[] => ['manage', 'agent', ...more.map(String)];
const hire = (...more: string[]): Promise<Employment> =>
  cli.json<Employment>(words('hire', employee.id, '-s', '10', '--yes', ...more), as(employer));
const wallet = async ({ owner }: AgentActor) => dataOf(await owner.api.get('/owner/wallet'));

describe('hiring an agent', () => {
  it('goes from the offer to the bill, as text', async () => {
    const hired = await cli.text(
      words('hire', employee.id, '-s', '10', '-d', '4', '--stake', '50', '-y'),
      as(employer),
    );
    expect(hired.code).toBe(0);
    expect(hired.stderr).toMatch(
      /Employee: agent \d+, who is not on the market\nSalary: +10 shells for each started hour\nLasts: +4 hours at most\nStake: +50 shells, held from now on; what is not billed comes back\nBalance: +1000 shells, 950 shells afterwards\n/,
    );
    expect(hired.stderr).toContain('--idempotency-key cli-');
    expect(hired.stdout).toMatch(/Status: +pending\n[^]*Stake: +50 shells, held\n[^]*Answer by: +\d{4}/);
    const id = /Employment: +(\d+)/.exec(hired.stdout)?.[1] ?? '';
    const accepted = await cli.text(words('employment-accept', id, '-m', 'At your service.'), as(employee));
    expect([accepted.code, accepted.stdout]).toEqual([0, expect.stringContaining(`Employment ${id} is active`)]);
    await world.passTime(2.5 * HOUR_MS);
    const list = await cli.text(words('employments', '-r', 'employee'), as(employee));
    expect(list.stdout).toMatch(/^ID +ROLE +EMPLOYER [^]*employee [^]*active +10 +50 [^]*1 in all\.\n$/);
    const shown = await cli.text(words('employments', id), as(employer));
    expect(shown.stdout).toMatch(/Your role: +employer\n[^]*Active for: +2\.5 h/);
    const fired = await cli.text(words('fire', id, '-r', 'All is done.', '--yes'), as(employer));
    expect(fired.stderr).toMatch(/Active for: +2\.5 h\nBill: +3 hours, 30 shells\n/);
    expect(fired.stdout).toMatch(/Status: +terminated\n[^]*Billed: +3 hours\nPaid: +30 shells\nReturned: +20 shells\n/);
    expect(await wallet(employer)).toEqual({ available: '970', held: '0' });
  });

  it('prints as JSON exactly what the API said', async () => {
    const { id, ...offer } = await hire('-d', '3');
    expect(offer).toMatchObject({ employerAgentId: employer.id, stakedAmount: '100', status: 'pending' });
    expect(await cli.json(words('employment-accept', id), as(employee))).toMatchObject({ id, status: 'active' });
    const { employments } = await cli.json<{ employments: Employment[] }>(
      words('employments', '-s', 'active', '-l', '1'),
      as(employer),
    );
    expect(employments).toMatchObject([{ id, status: 'active', duration: 3 }]);
    expect(await cli.json(words('employments', id), as(employee))).toMatchObject({ id, role: 'employee' });
    expect(await cli.json(words('fire', id, '--yes'), as(employee))).toMatchObject({
      status: 'terminated',
      billedHours: 1,
      totalPayment: '10',
      refundAmount: '90',
    });
  });

  it('ends by a rejection, or by withdrawing the offer, with the stake back', async () => {
    const { id } = await hire();
    const rejected = await cli.text(words('employment-reject', id, '-r', 'No time.'), as(employee));
    expect([rejected.code, rejected.stdout]).toEqual([0, 'The offer is rejected and its stake has gone back\n']);
    const { id: other } = await hire();
    const fired = await cli.text(words('fire', other, '--yes'), as(employer));
    expect(fired.stderr).toMatch(/Bill: +nothing; the stake goes back/);
    expect(fired.stdout).toMatch(/Status: +terminated \(withdrawn\)/);
    expect(await wallet(employer)).toEqual({ available: '1000', held: '0' });
  });

  it('with the same key hires once', async () => {
    const first = await hire('--idempotency-key', 'hire-1');
    expect((await hire('--idempotency-key', 'hire-1')).id).toBe(first.id);
    const other = await cli.run(words('hire', employee.id, '-s', '11', '--yes', '--idempotency-key', 'hire-1'), {
      env: as(employer),
    });
    expect([other.code, refusalOf(other).error.code]).toEqual([5, 'IDEMPOTENCY_KEY_REUSED']);
  });

  it('names the key with which a lost offer can be repeated', async () => {
    const env = { ...as(employer), C4C_API_ENDPOINT: NOBODY };
    const result = await cli.run(words('hire', 1, '-s', '10', '--yes'), { env });
    expect(result.code).toBe(10);
    expect(refusalOf(result)['idempotencyKey']).toMatch(/^cli-/);
  });
});

describe('what goes wrong', () => {
  it.each([
    [['hire', '1'], "Required option '-s, --salary"],
    [['hire', 'somebody', '-s', '10', '--yes'], 'is not the id of an agent'],
    [['hire', '1', '-s', 'ten', '--yes'], '--salary must be an amount'],
    [['hire', '1', '-s', '10', '--stake', '1.005', '--yes'], '--stake must have at most two digits'],
    [['hire', '1', '-s', '10', '-d', '1.5', '--yes'], 'It must be a whole number from 1 to 8760'],
    [['hire', '1', '-s', '10'], 'Hiring an agent needs a confirmation'],
    [['fire', '1'], 'Ending an employment needs a confirmation'],
    [['fire', 'it', '--yes'], 'is not the id of an employment'],
    [['fire', '1', '2', '--yes'], 'Too many arguments'],
    [['employments', 'all'], 'is not the id of an employment'],
    [['employments', '-p', '0'], 'It must be a whole number from 1'],
    [['employments', '--who', 'me'], 'Unknown option'],
    [['employment-accept'], "Missing required argument 'employment'"],
    [['employment-accept', '0'], 'is not the id of an employment'],
    [['employment-accept', '1', '--reason', 'x'], 'Unknown option'],
    [['employment-reject'], "Missing required argument 'employment'"],
    [['employment-reject', '-1'], 'is not the id of an employment'],
    [['employment-reject', '1', '--message', 'x'], 'Unknown option'],
  ])('%j is refused before anything is sent, with its reason', async (args, reason) => {
    const result = await cli.run(words(...args), { env: { ...as(employer), C4C_API_ENDPOINT: NOBODY } });
    expect([result.code, refusalOf(result).error.message]).toEqual([2, expect.stringContaining(reason)]);
  });

  it.each([
    [['hire', '999999', '-s', '10', '--yes'], 3, 'NOT_FOUND'],
    [['hire', 'EMPLOYER', '-s', '10', '--yes'], 5, 'OWN_AGENT'],
    [['hire', 'EMPLOYEE', '-s', '1000', '--yes'], 6, 'INSUFFICIENT_FUNDS'],
    [['hire', 'EMPLOYEE', '-s', '10', '--stake', '5', '--yes'], 2, 'VALIDATION_FAILED'],
    [['fire', '999999', '--yes'], 3, 'NOT_FOUND'],
    [['employments', '999999'], 3, 'NOT_FOUND'],
    [['employments', '-r', 'boss'], 2, 'VALIDATION_FAILED'],
    [['employments', '-s', 'open'], 2, 'VALIDATION_FAILED'],
    [['employment-accept', '999999'], 3, 'NOT_FOUND'],
    [['employment-reject', '999999'], 3, 'NOT_FOUND'],
    [['employments', '--api-key', 'nonsense'], 4, 'UNAUTHENTICATED'],
  ])('%j ends with %i, %s', async (args, exit, code) => {
    const ids: Record<string, number> = { EMPLOYER: employer.id, EMPLOYEE: employee.id };
    const result = await cli.run(words(...args.map((word) => ids[word] ?? word)), { env: as(employer) });
    expect([result.code, refusalOf(result).error.code, result.stdout]).toEqual([exit, code, '']);
  });

  it('is told by what has become of the employment', async () => {
    const { id } = await hire();
    const early = await cli.run(words('fire', id, '--yes'), { env: as(employee) });
    expect([early.code, refusalOf(early).error.code]).toEqual([5, 'EMPLOYMENT_STATE']);
    await cli.json(words('employment-accept', id), as(employee));
    const late = await cli.run(words('employment-reject', id), { env: as(employee) });
    expect([late.code, refusalOf(late).error.code]).toEqual([5, 'EMPLOYMENT_STATE']);
    await cli.json(words('fire', id, '--yes'), as(employer));
    for (const command of ['employment-accept', 'employment-reject']) {
      const ended = await cli.run(words(command, id), { env: as(employee) });
      expect([ended.code, refusalOf(ended).error.code]).toEqual([5, 'EMPLOYMENT_ENDED']);
    }
    const { id: old } = await hire();
    await world.passTime(72 * HOUR_MS);
    const expired = await cli.text(words('employment-accept', old), as(employee));
    expect(expired.code).toBe(5);
    expect(expired.stderr).toContain('ended without an answer');
  });
});
