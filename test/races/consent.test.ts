import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Response } from 'supertest';
import { StepEmployment } from '#employments';
import { CloseInvocations } from '#invocations';
import { Tasks } from '#tasks';
import { openPlatform, type Platform } from '#platform';
import { startApi, type Api as Server } from '../../apps/api/api.js';
import { api, type Api } from '../support/api.js';
import { expectInvariants } from '../support/database.js';
import { dataOf } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

const INVOCATIONS = '/agent/me/service-invocations';
const APPROVAL_MS = 86_400_000;
const ROUNDS = 15;
const PRICE = 10;

let world: World;
let second: Server;
let platform: Platform;
let caller: AgentActor;
let provider: AgentActor;
let serviceId: number;
/** The same people's calls to another process on the same database. */
let elsewhere: { caller: Api; owner: Api; provider: Api };

beforeAll(async () => {
  world = await startWorld();
  platform = openPlatform(world.database.config());
  second = await startApi(platform);
});

beforeEach(async () => {
  [caller, provider] = await Promise.all([world.agent(), world.agent()]);
  await world.fund(caller.owner, '100000');
  serviceId = await world.service(provider, { price: String(PRICE) });
  const there = api(second.url);
  elsewhere = { caller: there.as(caller.key), owner: there.as(caller.owner.key), provider: there.as(provider.key) };
});

afterAll(async () => {
  await second.close();
  await platform.close();
  await world.close();
});

afterEach(async () => {
  // There is no worker here, and the clock has been moved: what is due ends first.
  for (const trade of [world.app.get(CloseInvocations), world.app.get(Tasks), world.app.get(StepEmployment)]) {
    while ((await trade.due()).closed > 0);
  }
  await expectInvariants(world.database);
  const { rows } = await world.database.pool.query<{ deadlocks: bigint }>(
    'select deadlocks from pg_stat_database where datname = current_database()',
  );
  expect(rows[0]?.deadlocks).toBe(0n);
});

describe('a budget of 100', () => {
  beforeEach(() => setBudget(caller, '100'));

  it('pays for ten of 50 invokes of 10 at once, in two processes', async () => {
    const answers = await atOnce(50, (n) => invoke(n % 2 === 0 ? caller.api : elsewhere.caller));
    expect(statuses(answers)).toEqual({ 200: 10, 402: 40 });
    expect(await usedBy(caller)).toBe('100');
    expect(await heldBy(caller)).toBe('100');
  });

  it('pays for ten of 60 invokes, tasks and offers of 10 at once', async () => {
    const task = { title: 'Count', description: 'Words.', bounty: '10', category: 'writing' };
    const offer = { employeeAgentId: provider.id, salary: '1' };
    const answers = await atOnce(60, (n) => {
      const by = n % 2 === 0 ? caller.api : elsewhere.caller;
      if (n % 3 === 0) return invoke(by);
      return n % 3 === 1 ? by.post('/agent/me/tasks', task) : by.post('/agent/me/employments', offer);
    });
    expect(statuses(answers)).toEqual({ 200: 10, 402: 50 });
    expect(await heldBy(caller)).toBe('100');
  });

  it('of each of five agents of one owner pays for ten of their 20 invokes', async () => {
    const agents = await Promise.all(Array.from({ length: 5 }, () => world.agent(caller.owner)));
    await Promise.all(agents.map((agent) => setBudget(agent, '100')));
    const answers = await atOnce(100, (n) => invoke((agents[n % 5] ?? caller).api));
    expect(statuses(answers)).toEqual({ 200: 50, 402: 50 });
    expect(await Promise.all(agents.map(usedBy))).toEqual(['100', '100', '100', '100', '100']);
  });

  it('is not spent by what the wallet cannot pay', async () => {
    const poor = await world.agent();
    await world.fund(poor.owner, '30');
    await setBudget(poor, '100');
    const answers = await atOnce(30, () => invoke(poor.api));
    expect(statuses(answers)).toEqual({ 200: 3, 402: 27 });
    expect(await usedBy(poor)).toBe('30');
  });

  it('is spent again and again while what fails comes back', async () => {
    const opened = await atOnce(10, () => invoke(caller.api));
    expect(statuses(opened)).toEqual({ 200: 10 });
    for (let round = 0; round < 5; round += 1) {
      const pending = await pendingOf(provider);
      const fails = pending
        .slice(0, 5)
        .map((id) => elsewhere.provider.post(`${INVOCATIONS}/${id}/submit`, { status: 'failed', error: 'No.' }));
      const [failed, again] = await Promise.all([Promise.all(fails), atOnce(10, () => invoke(caller.api))]);
      expect(statuses(failed)).toEqual({ 200: 5 });
      // However they met: what is used is what is held, and never more than the budget.
      const open = 5 + (statuses(again)[200] ?? 0);
      expect(open).toBeLessThanOrEqual(10);
      expect(await usedBy(caller)).toBe(String(open * PRICE));
      expect(await heldBy(caller)).toBe(String(open * PRICE));
      await atOnce(10 - open, () => invoke(caller.api));
    }
  });

  it('that is lowered meanwhile lets nothing pass beyond the new one', async () => {
    const [lowered, answers] = await Promise.all([
      elsewhere.owner.put(`/owner/budgets/${caller.id}`, { budgetType: 'one_time', budgetAmount: '50' }),
      atOnce(30, () => invoke(caller.api)),
    ]);
    dataOf(lowered);
    const opened = statuses(answers)[200] ?? 0;
    expect(opened).toBeGreaterThanOrEqual(5);
    expect(opened).toBeLessThanOrEqual(10);
    expect(statuses(await atOnce(5, () => invoke(caller.api)))).toEqual({ 402: 5 });
  });
});

it('a limit of 100 a day lets ten of 50 invokes of 10 pass, and asks for the others', async () => {
  dataOf(await caller.owner.api.put(`/owner/policies/${caller.id}`, { limits: { day: '100' } }));
  const answers = await atOnce(50, (n) => invoke(n % 2 === 0 ? caller.api : elsewhere.caller, { text: `word ${n}` }));
  expect(statuses(answers)).toEqual({ 200: 10, 202: 40 });
  expect(await heldBy(caller)).toBe('100');
});

describe('an approval', () => {
  beforeEach(async () => {
    const always = { actions: { invoke: { consent: 'always' } } };
    dataOf(await caller.owner.api.put(`/owner/policies/${caller.id}`, always));
  });

  it('is asked once by 20 of the same request at once', async () => {
    const answers = await atOnce(20, (n) => invoke(n % 2 === 0 ? caller.api : elsewhere.caller));
    expect(statuses(answers)).toEqual({ 202: 20 });
    const { approvals } = dataOf<{ approvals: object[] }>(await caller.api.get('/agent/me/approvals'));
    expect(approvals).toHaveLength(1);
  });

  it('that is approved five times at once, in two processes, is carried out once', async () => {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const id = await asked(round);
      const answers = await atOnce(5, (n) => approve(n % 2 === 0 ? caller.owner.api : elsewhere.owner, id));
      expect(statuses(answers)).toEqual({ 200: 5 });
      expect(await statusOf(id)).toBe('executed');
      expect(await heldBy(caller)).toBe(String(round * PRICE));
    }
  });

  it('that is approved and denied at once is one of them, and the money shows which', async () => {
    let approved = 0;
    for (let round = 1; round <= ROUNDS; round += 1) {
      const id = await asked(round);
      const answers = await Promise.all([
        approve(caller.owner.api, id),
        elsewhere.owner.post(`/owner/approvals/${id}/deny`),
      ]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
      approved += answers[0].status === 200 ? 1 : 0;
      expect(await statusOf(id)).toBe(answers[0].status === 200 ? 'executed' : 'denied');
      expect(await heldBy(caller)).toBe(String(approved * PRICE));
    }
  });

  it('that is approved as it expires is carried out or has expired', async () => {
    let executed = 0;
    for (let round = 1; round <= ROUNDS; round += 1) {
      const id = await asked(round);
      await world.passTime(APPROVAL_MS - 40);
      const answers: Response[] = [];
      while (answers.at(-1)?.status !== 409 && answers.length < 50) answers.push(await approve(elsewhere.owner, id));
      const wasInTime = answers[0]?.status === 200;
      executed += wasInTime ? 1 : 0;
      expect(await statusOf(id)).toBe(wasInTime ? 'executed' : 'expired');
      // A day later the earlier ones have ended by their deadlines: only what was opened now can be held.
      expect(await opened(id)).toBe(wasInTime ? 1 : 0);
    }
    expect(executed).toBeLessThanOrEqual(ROUNDS);
  });

  it('never costs more than was approved, whenever the price is raised', async () => {
    for (let round = 1; round <= ROUNDS; round += 1) {
      dataOf(await provider.api.patch(`/agent/me/services/${serviceId}`, { price: String(PRICE) }));
      const id = await asked(round);
      const [raised, answer] = await Promise.all([
        elsewhere.provider.patch(`/agent/me/services/${serviceId}`, { price: String(PRICE + 1) }),
        approve(caller.owner.api, id),
      ]);
      dataOf(raised);
      const { status, error } = dataOf<{ status: string; error?: { code: string } }>(answer);
      expect(status === 'executed' || error?.code === 'APPROVAL_ENDED', JSON.stringify(answer.body)).toBe(true);
    }
    const { rows } = await world.database.pool.query<{ price: bigint }>(
      'select distinct price from market.invocation where caller_agent_id = $1',
      [caller.id],
    );
    for (const { price } of rows) expect(price).toBe(BigInt(PRICE * 100));
  });

  it('that its process left behind is carried out by another, once', async () => {
    const ids: number[] = [];
    for (let n = 0; n < 5; n += 1) ids.push(await asked(n));
    for (const id of ids) {
      await world.database.pool.query(`select market.approval_decide($1, $2, true, null, 'key 1')`, [
        caller.owner.id,
        id,
      ]);
    }
    await world.passTime(10_000);
    await expect.poll(() => Promise.all(ids.map(statusOf)), { timeout: 20_000 }).toEqual(ids.map(() => 'executed'));
    expect(await Promise.all(ids.map(opened))).toEqual([1, 1, 1, 1, 1]);
    expect(await heldBy(caller)).toBe('50');
  });
});

async function setBudget(agent: AgentActor, amount: string): Promise<void> {
  const body = { budgetType: 'one_time', budgetAmount: amount };
  dataOf(await agent.owner.api.put(`/owner/budgets/${agent.id}`, body));
}

function invoke(by: Api, input: object = { text: 'one two' }): PromiseLike<Response> {
  return by.post(INVOCATIONS, { serviceId, input });
}

function approve(by: Api, id: number): PromiseLike<Response> {
  return by.post(`/owner/approvals/${id}/approve`);
}

/** A fresh approval of an invoke with a key of its own. */
async function asked(n: number): Promise<number> {
  const answer = await caller.api.post(INVOCATIONS, {
    serviceId,
    input: { text: 'one' },
    idempotencyKey: `approval ${n}`,
  });
  expect(answer.status, JSON.stringify(answer.body)).toBe(202);
  const { error } = answer.body as { error: { details: { approval: { id: number } } } };
  return error.details.approval.id;
}

async function statusOf(id: number): Promise<string> {
  return dataOf<{ status: string }>(await caller.owner.api.get(`/owner/approvals/${id}`)).status;
}

/** How many invocations came of the approval's key. */
async function opened(id: number): Promise<number> {
  const { rows } = await world.database.pool.query<{ count: bigint }>(
    `select count(*) from ledger.idempotency i join market.approval p
      on i.principal_id = p.agent_id and i.key_hash = ledger.key_hash('agent', p.idempotency_key)
    where p.id = $1`,
    [id],
  );
  return Number(rows[0]?.count);
}

async function usedBy(agent: AgentActor): Promise<string> {
  return dataOf<{ budgetUsed: string }>(await agent.api.get('/agent/me/budget')).budgetUsed;
}

async function heldBy(agent: AgentActor): Promise<string> {
  return dataOf<{ held: string }>(await agent.owner.api.get('/owner/wallet')).held;
}

async function pendingOf(agent: AgentActor): Promise<number[]> {
  const { rows } = await world.database.pool.query<{ id: bigint }>(
    `select id from market.invocation where provider_agent_id = $1 and status = 'pending' order by id`,
    [agent.id],
  );
  return rows.map(({ id }) => Number(id));
}

function atOnce(count: number, call: (n: number) => PromiseLike<Response>): Promise<Response[]> {
  return Promise.all(Array.from({ length: count }, (_, n) => call(n)));
}

function statuses(answers: readonly Response[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
