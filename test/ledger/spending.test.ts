import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { Ledger, type CloseItem, type OpenItem } from './ledger.js';

let database: TestDatabase;
let ledger: Ledger;

beforeAll(async () => {
  database = await createTestDatabase();
  ledger = new Ledger(database.pool);
});
afterAll(() => database.drop());

const HOUR_MS = 3_600_000;
const FUNDS = 150n;
const CATEGORIES = ['writing', 'design'] as const;
const PRICES = [10n, 25n, 40n] as const;

type LimitKind = 'transaction' | 'day' | 'category' | 'counterparty' | 'first_time_provider';
type Limit = { kind: LimitKind; subject: string; amount: bigint };
type Rule = { consent: 'always' | 'never' | 'above'; above: bigint | null };
type Budget = { kind: 'one_time' | 'periodic'; amount: bigint; period: 'daily' | 'monthly' | null };
type Step =
  | { do: 'open'; items: { agent: number; service: number }[] }
  | { do: 'close'; picks: number[]; action: 'complete' | 'fail' }
  | { do: 'wait'; hours: number }
  | { do: 'budget'; agent: number; budget: Budget | null; isAnew: boolean }
  | { do: 'policy'; agent: number; rule: Rule | null; limits: Limit[] };

const amount = fc.constantFrom(0n, 10n, 30n, 60n, 100n);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('open' as const),
      items: fc.array(fc.record({ agent: fc.nat({ max: 1 }), service: fc.nat({ max: 2 }) }), {
        minLength: 1,
        maxLength: 6,
        size: 'max',
      }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('close' as const),
      picks: fc.array(fc.nat({ max: 100 }), { minLength: 1, maxLength: 4 }),
      action: fc.constantFrom('complete' as const, 'fail' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), hours: fc.constantFrom(1, 13, 24, 700) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('budget' as const),
      agent: fc.nat({ max: 1 }),
      isAnew: fc.boolean(),
      budget: fc.option(
        fc.oneof(
          fc.record({ kind: fc.constant('one_time' as const), amount, period: fc.constant(null) }),
          fc.record({
            kind: fc.constant('periodic' as const),
            amount,
            period: fc.constantFrom('daily' as const, 'monthly' as const),
          }),
        ),
        { freq: 5 },
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('policy' as const),
      agent: fc.nat({ max: 1 }),
      rule: fc.option(
        fc.oneof(
          fc.constant<Rule>({ consent: 'always', above: null }),
          fc.constant<Rule>({ consent: 'never', above: null }),
          amount.map((above): Rule => ({ consent: 'above', above })),
        ),
      ),
      limits: fc.uniqueArray(
        fc
          .record({
            kind: fc.constantFrom<LimitKind>('transaction', 'day', 'category', 'counterparty', 'first_time_provider'),
            category: fc.constantFrom(...CATEGORIES),
            amount,
          })
          .map(({ kind, category, amount: most }): Limit => ({
            kind,
            subject: kind === 'category' ? category : '',
            amount: most,
          })),
        { selector: ({ kind, subject }) => `${kind} ${subject}`, maxLength: 3 },
      ),
    }),
  },
);

/** A hold as it happened: everything that counts is reckoned from these anew. */
type Spent = {
  agent: number;
  service: number;
  amount: bigint;
  at: Date;
  isReturned: boolean;
  id: bigint;
  isOpen: boolean;
};

/** What the rules say, told from the history of holds alone: no total is kept. */
class Model {
  readonly history: Spent[] = [];
  /** From which hold on each agent's holds count; undefined while it has neither budget nor policy. */
  private readonly counted: (number | undefined)[] = [undefined, undefined];
  private readonly budgets: ({ budget: Budget; from: number } | undefined)[] = [undefined, undefined];
  private readonly policies: { rule: Rule | null; limits: Limit[] }[] = [
    { rule: null, limits: [] },
    { rule: null, limits: [] },
  ];
  private spentByCompletion = 0n;

  setBudget(agent: number, budget: Budget | null, isAnew: boolean): void {
    const before = this.budgets[agent];
    const goesOn =
      before !== undefined && !isAnew && before.budget.kind === budget?.kind && before.budget.period === budget.period;
    this.budgets[agent] = budget === null ? undefined : { budget, from: goesOn ? before.from : this.history.length };
    this.count(agent);
  }

  setPolicy(agent: number, rule: Rule | null, limits: Limit[]): void {
    this.policies[agent] = { rule, limits };
    this.count(agent);
  }

  /** One call: first what owners allow, item by item, then the money, item by item. */
  open(items: readonly { agent: number; service: number }[], at: Date): string[] {
    const taken: { agent: number; service: number; index: number }[] = [];
    const verdicts = items.map(({ agent, service }, index) => {
      const verdict = this.judge(agent, service, at, taken);
      if (verdict === 'opened') taken.push({ agent, service, index });
      return verdict;
    });
    let available = this.available();
    for (const { service, index } of taken) {
      const price = priceOf(service);
      if (available < price) verdicts[index] = 'insufficient_funds';
      else available -= price;
    }
    return verdicts;
  }

  used(agent: number, from: number, since: Date | undefined, fits: (spent: Spent) => boolean): bigint {
    return this.history
      .slice(from)
      .filter(
        (spent) =>
          spent.agent === agent && !spent.isReturned && (since === undefined || spent.at >= since) && fits(spent),
      )
      .reduce((sum, spent) => sum + spent.amount, 0n);
  }

  usedOfBudget(agent: number, at: Date): bigint | undefined {
    const given = this.budgets[agent];
    return given === undefined ? undefined : this.used(agent, given.from, startOf(given.budget.period, at), () => true);
  }

  end(spent: Spent, isReturned: boolean): void {
    spent.isOpen = false;
    spent.isReturned = isReturned;
    if (!isReturned) this.spentByCompletion += spent.amount;
  }

  private available(): bigint {
    const held = this.history.filter(({ isOpen }) => isOpen).reduce((sum, spent) => sum + spent.amount, 0n);
    return FUNDS - held - this.spentByCompletion;
  }

  private count(agent: number): void {
    const policy = this.policies[agent];
    const isCounted =
      this.budgets[agent] !== undefined || (policy !== undefined && (policy.rule !== null || policy.limits.length > 0));
    this.counted[agent] = isCounted ? (this.counted[agent] ?? this.history.length) : undefined;
  }

  private judge(
    agent: number,
    service: number,
    at: Date,
    taken: readonly { agent: number; service: number }[],
  ): string {
    const from = this.counted[agent];
    if (from === undefined) return 'opened';
    const price = priceOf(service);
    const now = taken.filter((one) => one.agent === agent);
    const here = (fits: (service: number) => boolean): bigint =>
      now.filter((one) => fits(one.service)).reduce((sum, one) => sum + priceOf(one.service), 0n);
    const used = this.usedOfBudget(agent, at);
    const budget = this.budgets[agent]?.budget.amount;
    if (used !== undefined && budget !== undefined && used + here(() => true) + price > budget) return 'over_budget';
    const { rule, limits } = this.policies[agent] ?? { rule: null, limits: [] };
    if (rule?.consent === 'always' || (rule?.consent === 'above' && price > (rule.above ?? 0n)))
      return 'consent_needed';
    const today = startOf('daily', at);
    const total = (fits: (service: number) => boolean): bigint =>
      this.used(agent, from, today, (spent) => fits(spent.service)) + here(fits) + price;
    const isSame = (other: number): boolean => providerOf(other) === providerOf(service);
    const asks = limits.some(({ kind, subject, amount: most }) => {
      switch (kind) {
        case 'transaction':
          return price > most;
        case 'day':
          return total(() => true) > most;
        case 'category':
          return categoryOf(service) === subject && total((other) => categoryOf(other) === subject) > most;
        case 'counterparty':
          return total(isSame) > most;
        case 'first_time_provider': {
          const isKnown =
            this.history.slice(from).some((spent) => spent.agent === agent && isSame(spent.service)) ||
            now.some((one) => isSame(one.service));
          return !isKnown && price > most;
        }
      }
    });
    return asks ? 'consent_needed' : 'opened';
  }
}

describe('budgets and policies', () => {
  it('are judged as the history of holds says, whatever comes together and whatever comes back', async () => {
    const seen = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25, size: 'max' }), async (steps) => {
        await play(steps, seen);
      }),
      { numRuns: 80 },
    );
    await expectInvariants(database);
    // What it is about did happen.
    for (const verdict of ['opened', 'over_budget', 'consent_needed', 'insufficient_funds'])
      expect(seen.get(verdict) ?? 0, JSON.stringify([...seen])).toBeGreaterThan(10);
  }, 120_000);
});

async function play(steps: readonly Step[], seen: Map<string, number>): Promise<void> {
  const owner = await ledger.owner(FUNDS);
  const agents = [await ledger.agent(owner), await ledger.agent(owner)];
  const sellers = [await ledger.owner(), await ledger.owner()];
  const providers = await Promise.all(sellers.map((seller) => ledger.agent(seller)));
  const services: bigint[] = [];
  for (const service of [0, 1, 2]) {
    const provider = providerOf(service);
    services.push(
      await ledger.service(providers[provider] ?? 0n, sellers[provider] ?? 0n, {
        price: priceOf(service),
        category: categoryOf(service),
      }),
    );
  }
  const model = new Model();
  for (const one of steps) {
    switch (one.do) {
      case 'open': {
        const items = await Promise.all(
          one.items.map(({ agent, service }) => wish(agents[agent], owner, services[service])),
        );
        const answers = await ledger.open(items);
        const at = answers[0]?.createdAt ?? new Date(0);
        const expected = model.open(one.items, at);
        expect(answers.map(({ verdict }) => verdict)).toEqual(expected);
        for (const [index, { agent, service }] of one.items.entries()) {
          seen.set(expected[index] ?? '', (seen.get(expected[index] ?? '') ?? 0) + 1);
          if (expected[index] !== 'opened') continue;
          const spent = { agent, service, amount: priceOf(service), at, isReturned: false, isOpen: true };
          model.history.push({ ...spent, id: items[index]?.id ?? 0n });
        }
        break;
      }
      case 'close': {
        const open = model.history.filter(({ isOpen }) => isOpen);
        const picked = [...new Set(one.picks.map((pick) => open[pick % open.length]))].filter(
          (spent) => spent !== undefined,
        );
        if (picked.length === 0) break;
        const items = picked.map((spent): CloseItem => ({
          id: spent.id,
          action: one.action,
          actor: providers[providerOf(spent.service)] ?? 0n,
          print: 'result',
        }));
        const { verdicts } = await ledger.inLane((some) => ledger.close(some), items);
        expect(verdicts.map(({ verdict }) => verdict)).toEqual(items.map(() => 'closed'));
        for (const spent of picked) model.end(spent, one.action === 'fail');
        break;
      }
      case 'wait': {
        await database.advanceClock(one.hours * HOUR_MS);
        const due = await ledger.due();
        if (due.length > 0) await ledger.close(due.map((id) => ({ id, action: 'expire', actor: null, print: null })));
        for (const spent of model.history) if (spent.isOpen) model.end(spent, true);
        break;
      }
      case 'budget': {
        const { kind = null, amount: most = null, period = null } = one.budget ?? {};
        await ledger.one('select ledger.set_budget($1, $2, $3, $4, $5, $6)', [
          owner,
          agents[one.agent],
          kind,
          most,
          period,
          one.isAnew,
        ]);
        model.setBudget(one.agent, one.budget, one.isAnew);
        break;
      }
      case 'policy': {
        const { rule, limits } = one;
        await ledger.one('select ledger.set_policy($1, $2, $3, $4, $5, $6, $7, $8)', [
          owner,
          agents[one.agent],
          rule === null ? [] : ['invoke'],
          rule === null ? [] : [rule.consent],
          rule === null ? [] : [rule.above],
          limits.map(({ kind }) => kind),
          limits.map(({ subject }) => subject),
          limits.map(({ amount: most }) => most),
        ]);
        model.setPolicy(one.agent, rule, limits);
        break;
      }
    }
  }
  const at = await ledger.one<Date>('select platform.clock()');
  for (const [index, agent] of agents.entries()) {
    const { rows } = await database.pool.query<{ used: bigint }>(
      `select b.amount - ledger.budget_left($1, $2) as used from ledger.budget b where b.agent_id = $1 and b.amount >= 100`,
      [agent, at],
    );
    // What is used beyond the amount is not seen by what is left.
    if (rows[0] !== undefined) expect(rows[0].used).toBe(least(model.usedOfBudget(index, at) ?? 0n, 100n));
  }
}

async function wish(caller: bigint | undefined, owner: bigint, service: bigint | undefined): Promise<OpenItem> {
  const [id, holdId] = await Promise.all([ledger.nextId('market.invocation_id'), ledger.nextHoldId()]);
  const it = { id, holdId, owner, version: 1, maxPrice: null, key: null, print: '' };
  return { ...it, caller: caller ?? 0n, service: service ?? 0n };
}

function priceOf(service: number): bigint {
  return PRICES[service] ?? 0n;
}

function categoryOf(service: number): string {
  return CATEGORIES[service % 2] ?? '';
}

/** The first two are of one provider. */
function providerOf(service: number): number {
  return service < 2 ? 0 : 1;
}

function startOf(period: 'daily' | 'monthly' | null, at: Date): Date | undefined {
  if (period === null) return undefined;
  return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), period === 'daily' ? at.getUTCDate() : 1));
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
