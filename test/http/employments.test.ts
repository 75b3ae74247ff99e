import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { StepEmployment } from '#employments';
import { api } from '../support/api.js';
import { dataOf, expectProblem } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

const EMPLOYMENTS = '/agent/me/employments';
const HOUR_MS = 3_600_000;

type Employment = Record<string, unknown> & { id: number; status: string; phase: string };
type AgentEvent = { eventType: string; event: string; domain: string; data: Record<string, unknown> };

let world: World;
let employer: AgentActor;
let employee: AgentActor;

beforeAll(async () => {
  world = await startWorld();
});
beforeEach(async () => {
  employer = await world.agent();
  employee = await world.agent();
  await world.fund(employer.owner, '1000');
});
afterAll(() => world.close());

const offer = (change: object = {}) =>
  employer.api.post(EMPLOYMENTS, { employeeAgentId: employee.id, salary: '10', ...change });
const offered = async (change: object = {}): Promise<number> => dataOf<Employment>(await offer(change)).id;
const act = (actor: AgentActor, id: number, action: string, body?: object) =>
  actor.api.post(`${EMPLOYMENTS}/${id}/${action}`, body);
const active = async (change: object = {}): Promise<number> => {
  const id = await offered(change);
  dataOf(await act(employee, id, 'accept'));
  return id;
};
const shown = async (id: number, actor = employer) => dataOf<Employment>(await actor.api.get(`${EMPLOYMENTS}/${id}`));
const wallet = async (actor: AgentActor) => dataOf(await actor.owner.api.get('/owner/wallet'));
const sweep = () => world.app.get(StepEmployment).due();
const lastEvent = async (actor: AgentActor): Promise<AgentEvent | undefined> =>
  dataOf<{ events: AgentEvent[] }>(await actor.api.get('/agent/me/events?limit=100')).events.at(-1);

describe('offering an employment', () => {
  it('holds ten hours of the salary, and tells the employee', async () => {
    const data = dataOf<Employment>(await offer({ salary: '10.50', duration: 8 }));
    expect(data).toMatchObject({
      employerAgentId: employer.id,
      employeeAgentId: employee.id,
      salary: '10.5',
      stakedAmount: '105',
      stakeStatus: 'frozen',
      status: 'pending',
    });
    expect(await wallet(employer)).toEqual({ available: '895', held: '105' });
    expect(await lastEvent(employee)).toMatchObject({
      eventType: 'employment.offered',
      domain: 'employment',
      event: 'employment_offered',
      data: {
        employmentId: data.id,
        employerAgentId: employer.id,
        employeeAgentId: employee.id,
        salary: '10.5',
        stakedAmount: '105',
        duration: 8,
        expiresAt: data['expiresAt'],
      },
    });
  });

  it.each([
    [{ stakeAmount: '20' }, '20'],
    [{ stakeAmount: 10 }, '10'],
    [{ stakeAmount: '0' }, '100'],
    [{ stakeAmount: 0 }, '100'],
    [{ stakeAmount: '' }, '100'],
    [{ salary: 0.01, stakeAmount: '0.01' }, '0.01'],
  ])('takes %j and holds %s', async (change, held) => {
    expect(dataOf(await offer(change))['stakedAmount']).toBe(held);
    expect((await wallet(employer))['held']).toBe(held);
  });

  it.each([
    [undefined, undefined],
    [0, undefined],
    ['0', undefined],
    ['', undefined],
    [5, 5],
    ['5', 5],
    [8_760, 8_760],
  ])('takes a duration of %j', async (duration, agreed) => {
    expect((await shown(await offered({ duration })))['duration']).toBe(agreed);
  });

  it('names every wrong field at once, and holds nothing', async () => {
    await world.nothingHappens(async () => {
      const body = {
        employeeAgentId: '7',
        salary: '0',
        duration: 1.5,
        stakeAmount: '1.005',
        idempotencyKey: 5,
        hours: 1,
      };
      const fields = ['employeeAgentId', 'salary', 'duration', 'stakeAmount', 'idempotencyKey', 'hours'];
      expectProblem(await employer.api.post(EMPLOYMENTS, body), 400, 'VALIDATION_FAILED', fields);
    });
  });

  it.each([
    ['no employee', { employeeAgentId: undefined }, 'employeeAgentId'],
    ['no salary', { salary: undefined }, 'salary'],
    ['a negative salary', { salary: '-1' }, 'salary'],
    ['a duration of a year and an hour', { duration: 8_761 }, 'duration'],
    ['a duration in words', { duration: 'two' }, 'duration'],
    ['a negative duration', { duration: -1 }, 'duration'],
    ["a stake of less than an hour's salary", { stakeAmount: '9.99' }, 'stakeAmount'],
    ['a salary that makes a stake beyond what can be held', { salary: '1000000000000.01' }, 'salary'],
  ])('refuses %s', async (_name, change, field) => {
    await world.nothingHappens(async () => {
      expectProblem(await offer(change), 400, 'VALIDATION_FAILED', [field]);
    });
  });

  it('refuses an agent that does not exist, and itself', async () => {
    await world.nothingHappens(async () => {
      expectProblem(await offer({ employeeAgentId: 999_999 }), 404, 'NOT_FOUND');
      expectProblem(await offer({ employeeAgentId: employer.id }), 409, 'OWN_AGENT');
    });
  });

  it('refuses more than the wallet has', async () => {
    await world.nothingHappens(async () => {
      const { error } = expectProblem(await offer({ salary: '100.01' }), 402, 'INSUFFICIENT_FUNDS');
      expect(error.details).toEqual({ price: '1000.1', available: '1000' });
    });
  });

  it('neither lets a frozen agent hire nor be hired', async () => {
    dataOf(await employee.owner.api.post(`/owner/agents/${employee.id}/freeze`));
    await world.nothingHappens(async () => expectProblem(await offer(), 409, 'EMPLOYEE_FROZEN'));
    dataOf(await employee.owner.api.post(`/owner/agents/${employee.id}/unfreeze`));
    const id = await offered();
    dataOf(await employee.owner.api.post(`/owner/agents/${employee.id}/freeze`));
    dataOf(await employer.owner.api.post(`/owner/agents/${employer.id}/freeze`));
    await world.nothingHappens(async () => {
      expectProblem(await act(employee, id, 'accept'), 403, 'AGENT_FROZEN');
      expectProblem(await offer(), 403, 'AGENT_FROZEN');
    });
  });

  it('needs the scope invoke to hire and provide to be hired, and the one of its side to terminate', async () => {
    const asEmployer = api(world.url, await employer.newKey({ scopes: ['read', 'invoke'] }));
    const asEmployee = api(world.url, await employee.newKey({ scopes: ['read', 'provide'] }));
    const asWrongSide = api(world.url, await employer.newKey({ scopes: ['read', 'provide'] }));
    const body = { employeeAgentId: employee.id, salary: '1' };
    const { id } = dataOf<Employment>(await asEmployer.post(EMPLOYMENTS, body));
    await world.nothingHappens(async () => {
      expectProblem(
        await asEmployee.post(EMPLOYMENTS, { ...body, employeeAgentId: employer.id }),
        403,
        'SCOPE_MISSING',
      );
      expectProblem(await asEmployer.post(`${EMPLOYMENTS}/${id}/accept`), 403, 'SCOPE_MISSING');
      expectProblem(await asWrongSide.post(`${EMPLOYMENTS}/${id}/terminate`), 403, 'SCOPE_MISSING');
    });
    dataOf(await asEmployee.post(`${EMPLOYMENTS}/${id}/accept`));
    dataOf(await asEmployee.post(`${EMPLOYMENTS}/${id}/terminate`));
  });

  it('moves no money with a key that has ended since it was looked up', async () => {
    const key = await employer.newKey({});
    const asKey = api(world.url, key);
    dataOf(await asKey.get('/agent/me'));
    // Behind the back of every process: only the database knows.
    await world.database.pool.query(
      `update market.api_key set revoked_at = platform.clock() where id = (select max(id) from market.api_key where agent_id = $1)`,
      [employer.id],
    );
    const answer = await asKey.post(EMPLOYMENTS, { employeeAgentId: employee.id, salary: '10' });
    expectProblem(answer, 401, 'UNAUTHENTICATED');
    expect((await wallet(employer))['held']).toBe('0');
  });
});

describe('an idempotency key', () => {
  it('gets the first answer again, from the header or the body, also when the employment has gone on', async () => {
    const first = await offer({ idempotencyKey: 'hire-1', duration: '8' });
    dataOf(await act(employee, dataOf<Employment>(first).id, 'accept'));
    const again = await offer({ duration: 8 }).set('Idempotency-Key', 'hire-1');
    expect(dataOf(again)).toEqual(dataOf(first));
    expect([first, again].map(({ headers }) => headers['idempotent-replayed'])).toEqual([undefined, 'true']);
    expect((await wallet(employer))['held']).toBe('100');
  });

  it.each([
    ['another employee', async () => ({ employeeAgentId: (await world.agent()).id })],
    ['another salary', () => ({ salary: '11' })],
    ['another stake', () => ({ stakeAmount: '50' })],
    ['another duration', () => ({ duration: 3 })],
  ])('is refused with %s', async (_name, change) => {
    dataOf(await offer({ idempotencyKey: 'hire-2' }));
    const other = await change();
    await world.nothingHappens(async () => {
      expectProblem(await offer({ idempotencyKey: 'hire-2', ...other }), 422, 'IDEMPOTENCY_KEY_REUSED');
    });
  });

  it('is free again after a refusal', async () => {
    expectProblem(await offer({ idempotencyKey: 'hire-3', salary: '1000' }), 402, 'INSUFFICIENT_FUNDS');
    dataOf(await offer({ idempotencyKey: 'hire-3' }));
  });
});

describe('an offer', () => {
  it('that is accepted starts the clock', async () => {
    const id = await offered({ duration: 4 });
    const accepted = await act(employee, id, 'accept', { message: 'At your service.' });
    expect(dataOf(accepted)).toMatchObject({ id, status: 'active' });
    const { startTime, endsAt } = dataOf<{ startTime: string; endsAt: string }>(accepted);
    expect(Date.parse(endsAt) - Date.parse(startTime)).toBe(4 * HOUR_MS);
    expect(await lastEvent(employer)).toMatchObject({
      eventType: 'employment.accepted',
      data: { employmentId: id, message: 'At your service.', startTime, endsAt },
    });
    await world.passTime(90 * 60_000);
    expect(await shown(id)).toMatchObject({ status: 'active', stakeStatus: 'frozen', totalDuration: 5_400 });
    const again = await act(employee, id, 'accept');
    expect(dataOf(again)['startTime']).toBe(startTime);
    expect(again.headers['idempotent-replayed']).toBe('true');
  });

  it('that is rejected returns the stake, and says why', async () => {
    const id = await offered();
    expect(dataOf(await act(employee, id, 'reject', { reason: 'No time.' }))).toMatchObject({ id, status: 'rejected' });
    expect(await wallet(employer)).toEqual({ available: '1000', held: '0' });
    expect(await lastEvent(employer)).toMatchObject({
      eventType: 'employment.rejected',
      data: { phase: 'rejected', reason: 'No time.', refundAmount: '100' },
    });
    expect((await act(employee, id, 'reject')).headers['idempotent-replayed']).toBe('true');
    expect(await shown(id)).toMatchObject({ status: 'rejected', stakeStatus: 'settled', totalPayment: '0' });
  });

  it('that is withdrawn returns the stake, and tells the employee', async () => {
    const id = await offered();
    expect(dataOf(await act(employer, id, 'terminate'))).toMatchObject({
      id,
      status: 'terminated',
      phase: 'withdrawn',
      totalDuration: 0,
      billedHours: 0,
      totalPayment: '0',
      refundAmount: '100',
    });
    expect(await wallet(employer)).toEqual({ available: '1000', held: '0' });
    expect(await lastEvent(employee)).toMatchObject({
      eventType: 'employment.terminated',
      data: { phase: 'withdrawn', endedBy: 'employer', refundAmount: '100' },
    });
  });

  it('that nobody answers ends after 72 hours, and both are told', async () => {
    const id = await offered();
    await world.passTime(72 * HOUR_MS - 60_000);
    await sweep();
    expect(await shown(id)).toMatchObject({ status: 'pending' });
    await world.passTime(60_000);
    await sweep();
    expect(await shown(id)).toMatchObject({ status: 'rejected', phase: 'expired', refundAmount: '100' });
    for (const party of [employer, employee])
      expect(await lastEvent(party)).toMatchObject({ eventType: 'employment.rejected', data: { phase: 'expired' } });
    expectProblem(await act(employee, id, 'accept'), 409, 'OFFER_EXPIRED');
  });

  it('takes no answer after 72 hours, and goes back at once when one comes', async () => {
    for (const [actor, action] of [
      [employee, 'accept'],
      [employee, 'reject'],
      [employer, 'terminate'],
    ] as const) {
      const id = await offered();
      await world.passTime(72 * HOUR_MS);
      expectProblem(await act(actor, id, action), 409, 'OFFER_EXPIRED');
      expect(await shown(id)).toMatchObject({ phase: 'expired' });
      expect((await wallet(employer))['held']).toBe('0');
    }
  });

  it('is answered by its employee and by nobody else', async () => {
    const id = await offered();
    const stranger = await world.agent();
    await world.nothingHappens(async () => {
      for (const actor of [employer, stranger]) {
        expectProblem(await act(actor, id, 'accept'), 404, 'NOT_FOUND');
        expectProblem(await act(actor, id, 'reject'), 404, 'NOT_FOUND');
      }
      expectProblem(await act(stranger, id, 'terminate'), 404, 'NOT_FOUND');
      expectProblem(await stranger.api.get(`${EMPLOYMENTS}/${id}`), 404, 'NOT_FOUND');
      expectProblem(await act(employee, id, 'terminate'), 409, 'EMPLOYMENT_STATE');
    });
  });
});

describe('an active employment', () => {
  it.each(['employer', 'employee'] as const)('is billed by started hours when its %s terminates it', async (by) => {
    const id = await active();
    await world.passTime(2 * HOUR_MS + 1_000);
    const [actor, other] = by === 'employer' ? [employer, employee] : [employee, employer];
    const data = dataOf(await act(actor, id, 'terminate', { reason: 'All is done.' }));
    expect(data).toMatchObject({ status: 'terminated', billedHours: 3, totalPayment: '30', refundAmount: '70' });
    expect(Number(data['totalDuration'])).toBeGreaterThanOrEqual(7_201);
    expect(await wallet(employer)).toEqual({ available: '970', held: '0' });
    expect(await wallet(employee)).toEqual({ available: '30', held: '0' });
    expect(await lastEvent(other)).toMatchObject({
      eventType: 'employment.terminated',
      data: { endedBy: by, reason: 'All is done.', billedHours: 3, totalPayment: '30', refundAmount: '70' },
    });
    const again = await act(actor, id, 'terminate');
    expect([dataOf(again), again.headers['idempotent-replayed']]).toEqual([data, 'true']);
    expectProblem(await act(other, id, 'terminate'), 409, 'EMPLOYMENT_ENDED');
  });

  it('is paid for the agreed hours when they are over, however late somebody looks', async () => {
    const id = await active({ duration: 3 });
    await world.passTime(50 * HOUR_MS);
    await sweep();
    expect(await shown(id)).toMatchObject({
      status: 'completed',
      billedHours: 3,
      totalDuration: 3 * 3_600,
      totalPayment: '30',
      refundAmount: '70',
    });
    for (const party of [employer, employee]) {
      expect(await lastEvent(party)).toMatchObject({
        eventType: 'employment.completed',
        data: { employmentId: id, reason: 'agreed_end', totalPayment: '30' },
      });
    }
  });

  it('is paid the whole stake when that is used up', async () => {
    const id = await active({ stakeAmount: '25' });
    await world.passTime(2 * HOUR_MS);
    await sweep();
    expect(await shown(id)).toMatchObject({ status: 'completed', totalPayment: '25', refundAmount: '0' });
    expect(await lastEvent(employee)).toMatchObject({ data: { reason: 'stake_used_up' } });
  });

  it('that was over before it is terminated is completed, and the answer says so', async () => {
    const id = await active({ duration: 1 });
    await world.passTime(HOUR_MS);
    const { error } = expectProblem(await act(employer, id, 'terminate'), 409, 'EMPLOYMENT_ENDED');
    expect(error.details).toMatchObject({ status: 'completed' });
    expect(await wallet(employee)).toEqual({ available: '10', held: '0' });
  });

  it('cannot be rejected', async () => {
    const id = await active();
    await world.nothingHappens(async () => expectProblem(await act(employee, id, 'reject'), 409, 'EMPLOYMENT_STATE'));
  });

  it("pays the fee of the employee's category, as it was when it was offered", async () => {
    await world.admin.put('/admin/fees/writing', { basisPoints: 250 });
    const id = await active({ salary: '10.01' });
    await world.admin.put('/admin/fees/writing', { basisPoints: 5_000 });
    const data = dataOf(await act(employer, id, 'terminate'));
    await world.admin.put('/admin/fees/writing', { basisPoints: 0 });
    expect(data['totalPayment']).toBe('10.01');
    expect((await wallet(employee))['available']).toBe('9.76');
  });

  it('runs to its end when a party is frozen', async () => {
    const id = await active({ duration: 1 });
    dataOf(await employer.owner.api.post(`/owner/agents/${employer.id}/freeze`));
    await world.passTime(HOUR_MS);
    await sweep();
    expect(await shown(id, employee)).toMatchObject({ status: 'completed', totalPayment: '10' });
  });

  it('between agents of one owner costs nothing', async () => {
    const sibling = await world.agent(employer.owner);
    const { id, stakedAmount } = dataOf<Employment>(await offer({ employeeAgentId: sibling.id }));
    expect(stakedAmount).toBe('0');
    dataOf(await act(sibling, id, 'accept'));
    await world.passTime(90 * 60_000);
    const data = dataOf(await act(employer, id, 'terminate'));
    expect(data).toMatchObject({ billedHours: 2, totalPayment: '0', refundAmount: '0' });
    expect(await wallet(employer)).toEqual({ available: '1000', held: '0' });
  });

  it('counts as completed for the employee when it ran to its end, and only then', async () => {
    await active({ duration: 1 });
    const broken = await active();
    await world.passTime(HOUR_MS);
    await sweep();
    dataOf(await act(employer, broken, 'terminate'));
    await world.database.pool.query('select market.tally_outcomes(1000)');
    expect(dataOf(await employee.api.get('/agent/me'))).toMatchObject({ completedTasks: 1, earned: '30' });
  });
});

it('is named in the journal and the statement of both owners', async () => {
  const id = await active();
  dataOf(await act(employer, id, 'terminate'));
  const month = world.timeIn(0).slice(0, 7);
  for (const [{ owner }, moved, stated] of [
    [employer, ['hold', 'refund'], ['hold', 'release']],
    [employee, ['income'], ['income']],
  ] as const) {
    const { transactions } = dataOf<{ transactions: object[] }>(await owner.api.get('/owner/wallet/transactions'));
    const { lines } = dataOf<{ lines: object[] }>(await owner.api.get(`/owner/wallet/statements/${month}`));
    for (const kind of moved) expect(transactions).toContainEqual(expect.objectContaining({ kind, employmentId: id }));
    for (const kind of stated) expect(lines).toContainEqual(expect.objectContaining({ kind, employmentId: id }));
  }
});

describe('the list of employments', () => {
  it('is told apart by role and status, newest first, page by page', async () => {
    const hired = [await offered(), await active(), await active()];
    dataOf(await act(employer, hired[2] ?? 0, 'terminate'));
    await world.fund(employee.owner, '100');
    const back = dataOf<Employment>(
      await employee.api.post(EMPLOYMENTS, { employeeAgentId: employer.id, salary: '1' }),
    ).id;
    type Page = { employments: Employment[]; total: number; page: number; limit: number };
    const list = async (query: string): Promise<Page> => dataOf<Page>(await employer.api.get(`${EMPLOYMENTS}${query}`));
    const idsOf = async (query: string): Promise<number[]> => (await list(query)).employments.map(({ id }) => id);
    expect(await idsOf('')).toEqual([back, ...[...hired].reverse()]);
    expect(await idsOf('?role=all&status=all')).toEqual([back, ...[...hired].reverse()]);
    expect(await idsOf('?role=employer')).toEqual([...hired].reverse());
    expect(await idsOf('?role=employee')).toEqual([back]);
    expect(await idsOf('?status=active')).toEqual([hired[1]]);
    expect(await idsOf('?role=employer&status=terminated')).toEqual([hired[2]]);
    expect(await list('?page=2&limit=3')).toMatchObject({
      employments: [{ id: hired[0] }],
      total: 4,
      page: 2,
      limit: 3,
    });
    expect((await list('?limit=5000')).limit).toBe(100);
    expect((await list('?page=900000')).employments).toEqual([]);
    const [row] = (await list('?role=employee')).employments;
    expect(row).toMatchObject({ role: 'employee', employerAgentId: employee.id, employeeAgentId: employer.id });
    expectProblem(await employer.api.get(`${EMPLOYMENTS}?role=boss&status=open`), 400, 'VALIDATION_FAILED', [
      'role',
      'status',
    ]);
  });
});
