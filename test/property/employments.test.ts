import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  isEnded,
  nextPhase,
  type EmploymentAction,
  type EmploymentPhase,
  type Step,
} from '../../libs/employments/employment.js';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { Ledger } from '../ledger/ledger.js';

const SEED = 20_260_301;
const RUNS = 40;
const HOUR_MS = 3_600_000;
const OFFER_HOURS = 72;
const HOURS_MAX = 8_760;
const FUNDS = 1_000n;

/** An employment as the model keeps it. Times are those of the database, in milliseconds. */
type Model = {
  id: bigint;
  isSibling: boolean;
  salary: bigint;
  stake: bigint;
  duration: number | null;
  phase: EmploymentPhase;
  startedMs: number;
  dueMs: number;
  paid: bigint;
  endedBy: Step['actor'] | undefined;
};

type Command =
  | { kind: 'offer'; salary: bigint; more: bigint; duration: number | null; key: string | null; isSibling: boolean }
  | { kind: 'step'; which: number; action: EmploymentAction; actor: Step['actor'] }
  | { kind: 'wait'; ms: number };

const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    kind: fc.constant('offer' as const),
    salary: fc.bigInt({ min: 1n, max: 60n }),
    more: fc.bigInt({ min: 0n, max: 400n }),
    duration: fc.option(fc.integer({ min: 1, max: 12 })),
    key: fc.option(fc.constantFrom('a', 'b')),
    isSibling: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('step' as const),
    which: fc.nat({ max: 5 }),
    action: fc.constantFrom<EmploymentAction[]>('accept', 'accept', 'reject', 'terminate', 'end'),
    actor: fc.constantFrom<Step['actor'][]>('employer', 'employee', 'employee', 'platform'),
  }),
  fc.record({
    kind: fc.constant('wait' as const),
    ms: fc.constantFrom(60_000, HOUR_MS - 60_000, HOUR_MS, 3 * HOUR_MS + 60_000, 30 * HOUR_MS, 73 * HOUR_MS),
  }),
);

let database: TestDatabase;
let ledger: Ledger;

beforeAll(async () => {
  database = await createTestDatabase();
  ledger = new Ledger(database.pool);
});
afterAll(() => database.drop());

it('whatever the parties do, in whatever order: the wallets hold what the contract says', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 25 }), async (commands) => {
      const market = await new Market().open();
      for (const each of commands) await market.take(each);
      await market.compare();
      await market.endDue();
      await expectInvariants(database);
      await market.endAll();
      await expectInvariants(database);
    }),
    // What a failed sequence leaves open would fail the next.
    { seed: SEED, numRuns: RUNS, endOnFailure: true },
  );
}, 240_000);

/** One employer, one employee of another owner, one of its own, and what the model thinks of them. */
class Market {
  private readonly employments: Model[] = [];
  private readonly keys = new Map<string, { print: string; id: bigint }>();
  private owner = 0n;
  private otherOwner = 0n;
  private employer = 0n;
  private employee = 0n;
  private sibling = 0n;

  async open(): Promise<this> {
    this.owner = await ledger.owner(FUNDS);
    this.otherOwner = await ledger.owner();
    this.employer = await ledger.agent(this.owner);
    this.employee = await ledger.agent(this.otherOwner);
    this.sibling = await ledger.agent(this.owner);
    return this;
  }

  async take(wish: Command): Promise<void> {
    if (wish.kind === 'wait') return database.advanceClock(wish.ms);
    if (wish.kind === 'offer') return this.offer(wish);
    const found = this.employments[wish.which];
    return found === undefined ? undefined : this.step(found, wish.action, wish.actor);
  }

  /** What the sweep would have done by now. */
  async endDue(): Promise<void> {
    for (const each of this.employments) await this.step(each, 'end', 'platform');
    await this.compare();
  }

  /** Everything comes to its end, and the market's money is all there. */
  async endAll(): Promise<void> {
    for (const _phase of ['pending', 'active']) {
      await database.advanceClock(OFFER_HOURS * HOUR_MS + 500 * HOUR_MS);
      await this.endDue();
    }
    expect(this.employments.every(({ phase }) => isEnded(phase))).toBe(true);
  }

  async compare(): Promise<void> {
    const held = sum(this.employments.map((each) => (each.isSibling || isEnded(each.phase) ? 0n : each.stake)));
    const paid = sum(this.employments.map((each) => each.paid));
    expect(await balanceOf(this.owner)).toEqual({ available: FUNDS - held - paid, held });
    expect(await balanceOf(this.otherOwner)).toEqual({ available: paid, held: 0n });
    const { rows } = await database.pool.query<{ id: bigint; phase: EmploymentPhase }>(
      'select id, phase from market.employment where employer_agent_id = $1 order by id',
      [this.employer],
    );
    expect(rows).toEqual(this.employments.map(({ id, phase }) => ({ id, phase })));
  }

  private async offer({ salary, more, duration, key, isSibling }: Command & { kind: 'offer' }): Promise<void> {
    const stake = salary + more;
    const print = `${salary} ${stake} ${duration} ${isSibling}`;
    const { rows } = await database.pool.query<{ verdict: string; id: bigint | null; atMs: number }>(
      `select verdict, employment_id as id, (extract(epoch from created_at) * 1000)::float8 as "atMs"
      from market.employment_offer($1, $2, null, $3, $4, $5, $6, $7, sha256($8), ${OFFER_HOURS}, ${HOURS_MAX}, 100)`,
      [
        this.employer,
        this.owner,
        isSibling ? this.sibling : this.employee,
        salary,
        stake,
        duration,
        key,
        Buffer.from(print),
      ],
    );
    const [row] = rows;
    const kept = key === null ? undefined : this.keys.get(key);
    const held = sum(this.employments.map((each) => (each.isSibling || isEnded(each.phase) ? 0n : each.stake)));
    const available = FUNDS - held - sum(this.employments.map((each) => each.paid));
    if (kept !== undefined) {
      expect(row?.verdict).toBe(kept.print === print ? 'replay' : 'key_reused');
      if (kept.print === print) expect(row?.id).toBe(kept.id);
      return;
    }
    if (!isSibling && available < stake) {
      expect(row?.verdict).toBe('insufficient_funds');
      return;
    }
    expect(row?.verdict).toBe('offered');
    const id = row?.id ?? 0n;
    if (key !== null) this.keys.set(key, { print, id });
    const dueMs = (row?.atMs ?? 0) + OFFER_HOURS * HOUR_MS;
    const rest = { phase: 'pending' as const, startedMs: 0, dueMs, paid: 0n, endedBy: undefined };
    this.employments.push({ id, isSibling, salary, stake, duration, ...rest });
  }

  private async step(its: Model, action: EmploymentAction, actor: Step['actor']): Promise<void> {
    const agents = { employer: this.employer, employee: its.isSibling ? this.sibling : this.employee, platform: null };
    const { rows } = await database.pool.query<{ verdict: string; nowMs: number }>(
      `select s.verdict, (extract(epoch from platform.clock()) * 1000)::float8 as "nowMs"
      from market.employment_step($1, $2, $3, null, null) s`,
      [its.id, action, agents[actor]],
    );
    // Waits are whole minutes, and a sequence takes seconds: this is on the same side of every instant that counts.
    const nowMs = rows[0]?.nowMs ?? 0;
    const isDue = nowMs >= its.dueMs;
    const isParty = action === 'terminate' ? actor !== 'platform' : action !== 'end' && actor === 'employee';
    const isAccepted = action === 'accept' && its.phase === 'active';
    const next =
      nextPhase(its.phase, action, actor, isDue) ??
      (isDue && isParty && !isAccepted ? nextPhase(its.phase, 'end', 'platform', true) : undefined);
    if (next === undefined) {
      expect(rows[0]?.verdict).not.toBe('done');
      return;
    }
    if (next === 'active') {
      its.startedMs = nowMs;
      its.dueMs = nowMs + Number(hoursOf(its)) * HOUR_MS;
    }
    if (next === 'terminated' || next === 'completed') its.paid = its.isSibling ? 0n : billOf(its, next, nowMs);
    its.phase = next;
  }
}

/** How many whole hours it lasts at most. */
function hoursOf({ salary, stake, duration }: Model): bigint {
  const paidFor = stake / salary;
  return duration !== null && BigInt(duration) < paidFor ? BigInt(duration) : paidFor;
}

function billOf(its: Model, end: 'terminated' | 'completed', nowMs: number): bigint {
  const agreed = its.duration === null ? undefined : BigInt(its.duration);
  // The stake ends it before the agreed hours do: then all of it is paid.
  if (end === 'completed')
    return agreed !== undefined && agreed <= its.stake / its.salary ? agreed * its.salary : its.stake;
  const started = BigInt(Math.max(1, Math.ceil((nowMs - its.startedMs) / HOUR_MS)));
  return started * its.salary;
}

async function balanceOf(account: bigint): Promise<{ available: bigint; held: bigint } | undefined> {
  const { rows } = await database.pool.query<{ available: bigint; held: bigint }>(
    'select available, held from ledger.balance where account_id = $1',
    [account],
  );
  return rows[0];
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n);
}
