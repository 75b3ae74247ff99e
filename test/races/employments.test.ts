import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Response } from 'supertest';
import { StepEmployment } from '#employments';
import { openPlatform, type Platform } from '#platform';
import { startApi, type Api as Server } from '../../apps/api/api.js';
import { api, type Api } from '../support/api.js';
import { expectInvariants } from '../support/database.js';
import { dataOf } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

const EMPLOYMENTS = '/agent/me/employments';
const HOUR_MS = 3_600_000;
const OFFER_MS = 72 * HOUR_MS;
const SALARY = 10;
const STAKE = 100;
const ROUNDS = 20;

let world: World;
let second: Server;
let platform: Platform;
let employer: AgentActor;
let employee: AgentActor;
/** The same agents' calls to another process on the same database. */
let elsewhere: { employer: Api; employee: Api };

beforeAll(async () => {
  world = await startWorld();
  platform = openPlatform(world.database.config());
  second = await startApi(platform);
});

beforeEach(async () => {
  employer = await world.agent();
  employee = await world.agent();
  await world.fund(employer.owner, String(STAKE * ROUNDS));
  elsewhere = { employer: api(second.url).as(employer.key), employee: api(second.url).as(employee.key) };
});

afterAll(async () => {
  await second.close();
  await platform.close();
  await world.close();
});

afterEach(async () => {
  await expectInvariants(world.database);
  const { rows } = await world.database.pool.query<{ deadlocks: bigint }>(
    'select deadlocks from pg_stat_database where datname = current_database()',
  );
  expect(rows[0]?.deadlocks).toBe(0n);
});

describe('at the same moment', () => {
  it('50 offers with money for five hold five stakes', async () => {
    const poor = await world.agent();
    await world.fund(poor.owner, String(STAKE * 5));
    const there = api(second.url).as(poor.key);
    const answers = await atOnce(50, (n) => (n % 2 === 0 ? poor.api : there).post(EMPLOYMENTS, offer()));
    expect(statuses(answers)).toEqual({ 200: 5, 402: 45 });
    expect(await walletOf(poor)).toEqual({ available: '0', held: String(STAKE * 5) });
  });

  it('the same key 50 times is one employment and one stake, in two processes', async () => {
    const body = { ...offer(), idempotencyKey: 'once' };
    const answers = await atOnce(50, (n) => (n % 2 === 0 ? employer.api : elsewhere.employer).post(EMPLOYMENTS, body));
    expect(statuses(answers)).toEqual({ 200: 50 });
    expect(new Set(answers.map((answer) => JSON.stringify(dataOf(answer)))).size).toBe(1);
    expect(answers.filter(({ headers }) => headers['idempotent-replayed'] === 'true')).toHaveLength(49);
    expect((await walletOf(employer)).held).toBe(String(STAKE));
  });

  it('101 offers leave 100 waiting', async () => {
    await world.fund(employer.owner, '1000');
    const small = { ...offer(), salary: '0.01' };
    const answers = await atOnce(101, () => employer.api.post(EMPLOYMENTS, small));
    expect(statuses(answers)).toEqual({ 200: 100, 429: 1 });
  });

  it('an acceptance and a rejection: one of them counts, and the money shows which', async () => {
    let accepted = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const id = await offered();
      const answers = await Promise.all([
        employee.api.post(`${EMPLOYMENTS}/${id}/accept`),
        elsewhere.employee.post(`${EMPLOYMENTS}/${id}/reject`),
      ]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
      accepted += answers[0].status === 200 ? 1 : 0;
      expect((await walletOf(employer)).held).toBe(String(STAKE * accepted));
    }
  });

  it('an acceptance and a rejection between agents of one owner, where no wallet is locked: one of them counts', async () => {
    const sibling = await world.agent(employer.owner);
    const there = api(second.url).as(sibling.key);
    for (let round = 0; round < ROUNDS; round += 1) {
      const body = { employeeAgentId: sibling.id, salary: SALARY };
      const { id } = dataOf<{ id: number }>(await employer.api.post(EMPLOYMENTS, body));
      const answers = await Promise.all([
        sibling.api.post(`${EMPLOYMENTS}/${id}/accept`),
        there.post(`${EMPLOYMENTS}/${id}/reject`),
        there.post(`${EMPLOYMENTS}/${id}/accept`),
      ]);
      const [accepted, rejected, again] = answers.map(({ status }) => status);
      expect([accepted, again]).toEqual(rejected === 200 ? [409, 409] : [200, 200]);
    }
  });

  it('an acceptance and a withdrawal: one of them counts', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const id = await offered();
      const [accepted, withdrawn] = await Promise.all([
        employee.api.post(`${EMPLOYMENTS}/${id}/accept`),
        elsewhere.employer.post(`${EMPLOYMENTS}/${id}/terminate`),
      ]);
      // Who accepts first may be dismissed at once, and is paid an hour for it.
      expect(withdrawn.status).toBe(200);
      expect(dataOf(withdrawn)['totalPayment']).toBe(accepted.status === 200 ? String(SALARY) : '0');
    }
    expect((await walletOf(employer)).held).toBe('0');
  });

  it('an acceptance and the end of the offer, at the instant: either it is active or the stake is back', async () => {
    const phases = await atTheInstant(OFFER_MS, [], async (id) => {
      const [answer] = await Promise.all([employee.api.post(`${EMPLOYMENTS}/${id}/accept`), end(id)]);
      return answer;
    });
    expect(phases.every(({ phase, status }) => phase === (status === 200 ? 'active' : 'expired'))).toBe(true);
    const active = phases.filter(({ phase }) => phase === 'active').length;
    expect(await walletOf(employer)).toEqual({
      available: String(STAKE * (ROUNDS - active)),
      held: String(STAKE * active),
    });
  });

  it('a termination and the end of the work, at the instant: it is billed once', async () => {
    const phases = await atTheInstant(10 * HOUR_MS, ['accept'], async (id) => {
      const [answer] = await Promise.all([employer.api.post(`${EMPLOYMENTS}/${id}/terminate`), end(id)]);
      return answer;
    });
    expect(phases.every(({ phase, status }) => phase === (status === 200 ? 'terminated' : 'completed'))).toBe(true);
    // The tenth hour has begun or is over: the bill is the same.
    expect(await walletOf(employer)).toEqual({ available: '0', held: '0' });
    expect((await walletOf(employee)).available).toBe(String(STAKE * ROUNDS));
  });

  it('two terminations: one is taken, the other party is told so, and the stake is divided once', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const id = await offered();
      dataOf(await employee.api.post(`${EMPLOYMENTS}/${id}/accept`));
      const answers = await Promise.all([
        employer.api.post(`${EMPLOYMENTS}/${id}/terminate`),
        elsewhere.employee.post(`${EMPLOYMENTS}/${id}/terminate`),
      ]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    }
    expect((await walletOf(employer)).held).toBe('0');
    expect((await walletOf(employee)).available).toBe(String(SALARY * ROUNDS));
  });

  it('the same termination ten times bills once and answers ten times the same', async () => {
    const id = await offered();
    dataOf(await employee.api.post(`${EMPLOYMENTS}/${id}/accept`));
    const answers = await atOnce(10, (n) =>
      (n % 2 === 0 ? employer.api : elsewhere.employer).post(`${EMPLOYMENTS}/${id}/terminate`),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(dataOf(answer)))).size).toBe(1);
    expect(answers.filter(({ headers }) => headers['idempotent-replayed'] === 'true')).toHaveLength(9);
    expect((await walletOf(employee)).available).toBe(String(SALARY));
  });
});

function offer(): object {
  return { employeeAgentId: employee.id, salary: SALARY };
}

async function offered(): Promise<number> {
  return dataOf<{ id: number }>(await employer.api.post(EMPLOYMENTS, offer())).id;
}

/** What the platform does with an employment when it is due, in the other process. */
async function end(id: number): Promise<void> {
  await world.database.pool.query(`select * from market.employment_step($1, 'end', null, null, null)`, [id]);
}

/** Employments that all fall due while `race` runs on each of them: some a little before, some a little after. */
async function atTheInstant(
  dueInMs: number,
  steps: readonly string[],
  race: (id: number) => Promise<Response>,
): Promise<{ phase: string; status: number }[]> {
  const ids: number[] = [];
  for (let n = 0; n < ROUNDS; n += 1) {
    const id = await offered();
    for (const step of steps) dataOf(await employee.api.post(`${EMPLOYMENTS}/${id}/${step}`));
    ids.push(id);
  }
  const [row] = (
    await world.database.pool.query<{ ms: number }>(
      `select (extract(epoch from max(due_at) - platform.clock()) * 1000)::float8 as ms from market.employment where id = any ($1)`,
      [ids],
    )
  ).rows;
  expect(row?.ms).toBeLessThanOrEqual(dueInMs);
  // The last falls due in the middle of what follows; the first did when it was as much earlier as making them took.
  await world.passTime(Math.floor((row?.ms ?? 0) - 60));
  const answers = await Promise.all(ids.map(race));
  for (const { status } of answers) expect([200, 409]).toContain(status);
  // Whatever nobody decided is decided now, as the sweep would.
  await world.passTime(1_000);
  await world.app.get(StepEmployment).due();
  return Promise.all(
    ids.map(async (id, n) => {
      const { phase } = dataOf<{ phase: string }>(await employer.api.get(`${EMPLOYMENTS}/${id}`));
      return { phase, status: answers[n]?.status ?? 0 };
    }),
  );
}

function statuses(answers: readonly Response[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

async function walletOf({ owner }: AgentActor): Promise<Record<string, unknown>> {
  return dataOf(await owner.api.get('/owner/wallet'));
}

function atOnce<T>(times: number, work: (n: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: times }, (_, n) => work(n)));
}
