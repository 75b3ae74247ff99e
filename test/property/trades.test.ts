import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Response } from 'supertest';
import { StepEmployment } from '#employments';
import { CloseInvocations } from '#invocations';
import { Tasks } from '#tasks';
import { expectInvariants } from '../support/database.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

const SEED = 20_261_122;
const RUNS = 24;
const AGENTS = 5;
const FUNDS = 2_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Longer than anything lasts: a task's year and its reviews, an employment's 8,760 hours. */
const LONGEST_MS = 800 * DAY_MS;

// What somebody tries; whether it is refused is the process's affair.
const ACTIONS = [
  'invoke',
  'invoke',
  'submit',
  'submit',
  'fail',
  'cancel invocation',
  'acknowledge',
  'review',
  'publish',
  'publish',
  'apply',
  'apply',
  'withdraw',
  'select',
  'select',
  'deliver',
  'deliver',
  'revise',
  'revise',
  'deliver',
  'accept deliverable',
  'cancel task',
  'offer',
  'accept offer',
  'accept offer',
  'reject',
  'terminate',
  'resign',
  'budget',
  'policy',
  'approve',
  'deny',
] as const;
type Action = (typeof ACTIONS)[number];
type Attempt = { action: Action; agent: number; pick: number; amount: number };
type Scene = { attempts: Attempt[]; jumpMs: number };

const INVOCATIONS = '/agent/me/service-invocations';
const TASKS = '/agent/me/tasks';
const EMPLOYMENTS = '/agent/me/employments';
const PENDING = `status = 'pending'`;

/** What a party does to something that is there: mostly where that fits, now and then where it does not. */
type Target = { from: string; party: string; fits: string; path: (id: bigint, more: bigint) => string; body?: object };
const invocation = (party: string, fits: string, path: string, body?: object): Target => ({
  from: 'market.invocation',
  party: `${party}_agent_id`,
  fits,
  path: (id) => `${INVOCATIONS}/${id}/${path}`,
  ...(body === undefined ? {} : { body }),
});
const task = (fits: string, path: string, body?: object): Target => ({
  from: 'market.task',
  party: 'publisher_agent_id',
  fits,
  path: (id) => `${TASKS}/${id}/${path}`,
  ...(body === undefined ? {} : { body }),
});
const employment = (party: string, fits: string, path: string): Target => ({
  from: 'market.employment',
  party: `${party}_agent_id`,
  fits,
  path: (id) => `${EMPLOYMENTS}/${id}/${path}`,
});
const TARGETS: Partial<Record<Action, Target>> = {
  submit: invocation('provider', PENDING, 'submit', { status: 'completed', output: {} }),
  fail: invocation('provider', PENDING, 'submit', { status: 'failed', error: 'No.' }),
  'cancel invocation': invocation('caller', PENDING, 'cancel'),
  acknowledge: invocation('provider', PENDING, 'ack'),
  review: invocation('caller', `status = 'completed'`, 'review', { rating: 4 }),
  select: {
    from: '(select a.*, t.publisher_agent_id from market.task_application a join market.task t on t.id = a.task_id) a',
    party: 'publisher_agent_id',
    fits: PENDING,
    path: (id, taskId) => `${TASKS}/${taskId}/applications/${id}/accept`,
    body: {},
  },
  deliver: {
    from: '(select a.*, t.phase from market.task_application a join market.task t on t.id = a.task_id) a',
    party: 'agent_id',
    fits: `phase = 'in_progress' and status = 'accepted'`,
    path: (id) => `/agent/me/task-applications/${id}/submit`,
    body: { content: 'Done.' },
  },
  revise: task(`phase = 'pending_review'`, 'request-revision', { notes: 'More.' }),
  'accept deliverable': task(`phase = 'pending_review'`, 'accept', { rating: 4 }),
  'cancel task': task(`phase = 'open'`, 'cancel'),
  'accept offer': employment('employee', `phase = 'pending'`, 'accept'),
  reject: employment('employee', `phase = 'pending'`, 'reject'),
  terminate: employment('employer', `phase = 'active'`, 'terminate'),
  resign: employment('employee', `phase = 'active'`, 'terminate'),
};

const scenes: fc.Arbitrary<Scene[]> = fc.array(
  fc.record({
    attempts: fc.array(
      fc.record({
        action: fc.constantFrom(...ACTIONS),
        agent: fc.nat({ max: AGENTS - 1 }),
        pick: fc.nat({ max: 1_000 }),
        amount: fc.constantFrom(1, 7, 50, 333),
      }),
      { minLength: 6, maxLength: 14, size: 'max' },
    ),
    jumpMs: fc.constantFrom(0, 0, 0, 30_000, 2 * HOUR_MS, 25 * HOUR_MS, 73 * HOUR_MS),
  }),
  { minLength: 8, maxLength: 16, size: 'max' },
);

let world: World;

beforeAll(async () => {
  world = await startWorld({ env: { C4C_RATE_KEY: '0', C4C_RATE_OWNER: '0' } });
});
afterAll(() => world.close());

it('whatever agents do in three trades at once: money is conserved, and every path ends', async () => {
  const came = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(scenes, async (play) => {
      const market = await new Market(came).open();
      for (const { attempts, jumpMs } of play) {
        await Promise.all(attempts.map((attempt) => market.attempt(attempt)));
        if (jumpMs > 0) await world.passTime(jumpMs);
        await endDue();
        await market.expectConserved();
      }
      await expectInvariants(world.database);
      // Everybody falls silent: nothing stays open, and nothing stays held.
      await world.passTime(LONGEST_MS);
      await endDue();
      await market.expectEnded();
      await expectInvariants(world.database);
    }),
    { seed: SEED, numRuns: RUNS, endOnFailure: true },
  );
  // What it is about did happen: each action was done, and all but a few were refused as well.
  for (const action of new Set(ACTIONS))
    expect(came.get(`${action} 200`) ?? 0, JSON.stringify([...came])).toBeGreaterThan(0);
  expect([...came.keys()].filter((key) => key.endsWith(' 409')).length).toBeGreaterThan(8);
  expect(came.get('invoke 202') ?? 0).toBeGreaterThan(0);
}, 240_000);

/** What the worker would do by now. */
async function endDue(): Promise<void> {
  for (const trade of [world.app.get(CloseInvocations), world.app.get(Tasks), world.app.get(StepEmployment)]) {
    while ((await trade.due()).closed > 0);
  }
}

class Market {
  private readonly agents: AgentActor[] = [];
  private readonly services: number[] = [];

  constructor(private readonly came: Map<string, number>) {}

  /** Five agents of four owners, three of which offer something. */
  async open(): Promise<this> {
    for (let n = 0; n < AGENTS - 1; n += 1) this.agents.push(await world.agent());
    this.agents.push(await world.agent(this.agents[0]?.owner));
    for (const { owner } of this.agents.slice(0, AGENTS - 1)) await world.fund(owner, String(FUNDS));
    for (const provider of this.agents.slice(0, 3)) {
      this.services.push(await world.service(provider, { inputSchema: undefined, outputSchema: undefined }));
    }
    return this;
  }

  async attempt({ action, agent, pick, amount }: Attempt): Promise<void> {
    const actor = this.agents[agent];
    if (actor === undefined) throw new Error(`there is no agent ${agent}`);
    const answer = await this.send(actor, action, pick, amount);
    if (answer === undefined) return;
    expect([200, 202, 400, 402, 403, 404, 409, 422, 429], answer.text.slice(0, 500)).toContain(answer.status);
    const key = `${action} ${answer.status}`;
    this.came.set(key, (this.came.get(key) ?? 0) + 1);
  }

  /** Nothing is lost and nothing comes into being: what the owners have and what is held is what was deposited. */
  async expectConserved(): Promise<void> {
    const { rows } = await world.database.pool.query<{ all: bigint }>(
      'select sum(available + held)::bigint as all from ledger.balance where account_id = any ($1)',
      [this.agents.map(({ owner }) => owner.id)],
    );
    expect(rows[0]?.all).toBe(BigInt(FUNDS) * BigInt(AGENTS - 1) * 100n);
  }

  async expectEnded(): Promise<void> {
    const { rows } = await world.database.pool.query(
      `select 'invocation' as kind, id, status as state from market.invocation where status = 'pending'
      union all select 'task', id, phase from market.task where phase not in ('completed', 'cancelled', 'expired')
      union all select 'employment', id, phase from market.employment where ended_at is null
      union all select 'hold', h.id, h.subject_kind from ledger.hold h
        where not exists (select from ledger.settlement s where s.hold_id = h.id)
      union all select 'wallet', account_id, held::text from ledger.wallet where held <> 0`,
    );
    expect(rows).toEqual([]);
    await this.expectConserved();
  }

  private async send(actor: AgentActor, action: Action, pick: number, amount: number): Promise<Response | undefined> {
    const target = TARGETS[action];
    if (target !== undefined) return this.on(target, pick);
    const { api, id, owner } = actor;
    switch (action) {
      case 'invoke':
        return api.post(INVOCATIONS, { serviceId: this.services[pick % 3], input: { text: String(pick) } });
      case 'publish': {
        const deadline = pick % 2 === 0 ? { deadline: world.timeIn(3 * DAY_MS) } : {};
        const words = { title: `Task ${pick}`, description: 'Whatever.', category: 'writing' };
        return api.post(TASKS, { ...words, bounty: String(amount), ...deadline });
      }
      case 'apply': {
        const taskId = await this.one(
          `select id from market.task where phase = 'open' and $1::bigint[] is not null`,
          pick,
        );
        return taskId === undefined
          ? undefined
          : api.post('/agent/me/task-applications', { taskId: Number(taskId.id) });
      }
      case 'withdraw': {
        const found = await this.one(
          'select id, agent_id as party from market.task_application where agent_id = any ($1)',
          pick,
        );
        return found && this.agentOf(found.party).api.delete(`/agent/me/task-applications/${found.id}`);
      }
      case 'offer': {
        const duration = pick % 2 === 0 ? { duration: 1 + (pick % 30) } : {};
        const employeeAgentId = this.agents[pick % AGENTS]?.id;
        return api.post(EMPLOYMENTS, { employeeAgentId, salary: String(1 + (pick % 9)), ...duration });
      }
      case 'budget': {
        const budget = { budgetType: 'periodic', budgetAmount: String(amount * 4), budgetPeriod: 'daily' };
        return owner.api.put(`/owner/budgets/${id}`, pick % 3 === 0 ? { budgetType: 'none' } : budget);
      }
      case 'policy': {
        const policy = { actions: { invoke: { consent: 'above', above: '5' } }, limits: { day: String(amount * 3) } };
        return owner.api.put(`/owner/policies/${id}`, pick % 3 === 0 ? {} : policy);
      }
      case 'approve':
      case 'deny': {
        const found = await this.one(
          'select id, agent_id as party from market.approval where agent_id = any ($1)',
          pick,
        );
        return found && this.agentOf(found.party).owner.api.post(`/owner/approvals/${found.id}/${action}`);
      }
      default:
        throw new Error(`nobody knows how to ${action}`);
    }
  }

  private async on({ from, party, fits, path, body }: Target, pick: number): Promise<Response | undefined> {
    const more = from.includes('task_id') ? 'task_id' : 'id';
    const found = await this.one(
      `select id, ${party} as party, ${more} as more from ${from}
      where ${party} = any ($1) ${pick % 4 === 0 ? '' : `and ${fits}`}`,
      pick,
    );
    return found && this.agentOf(found.party).api.post(path(found.id, found.more), body);
  }

  /** One of the latest that the query finds for this market's agents. */
  private async one(query: string, pick: number): Promise<{ id: bigint; party: bigint; more: bigint } | undefined> {
    const { rows } = await world.database.pool.query<{ id: bigint; party: bigint; more: bigint }>(
      `${query} order by id desc limit 6`,
      [this.agents.map(({ id }) => id)],
    );
    return rows[pick % Math.max(1, rows.length)];
  }

  private agentOf(id: bigint): AgentActor {
    const found = this.agents.find((agent) => BigInt(agent.id) === id);
    if (found === undefined) throw new Error(`agent ${id} is not of this market`);
    return found;
  }
}
