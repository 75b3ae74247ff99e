import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  isEnded,
  nextPhase,
  PHASES,
  type EmploymentAction,
  type EmploymentPhase,
  type Step,
} from '../../libs/employments/employment.js';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { Ledger } from '../ledger/ledger.js';

const ACTIONS: EmploymentAction[] = ['accept', 'reject', 'terminate', 'end'];
const ACTORS: Step['actor'][] = ['employer', 'employee', 'platform'];
const CASES = PHASES.flatMap((phase) =>
  ACTIONS.flatMap((action) =>
    ACTORS.flatMap((actor) => [false, true].map((isDue) => ({ phase, action, actor, isDue }))),
  ),
);

const HOUR_MS = 3_600_000;
const OFFER_HOURS = 72;
const HOURS_MAX = 8_760;
const HOURS = 3;

let database: TestDatabase;
let ledger: Ledger;
let owner: bigint;
let agents: Record<Step['actor'], bigint | null>;

beforeAll(async () => {
  database = await createTestDatabase();
  ledger = new Ledger(database.pool);
  owner = await ledger.owner(1_000_000_000n);
  agents = { employer: await ledger.agent(owner), employee: await ledger.agent(await ledger.owner()), platform: null };
});

afterAll(async () => {
  await database.drop();
});

it.each(CASES)(
  'does in the database what the table says: $action by the $actor from $phase, due: $isDue',
  async ({ phase, action, actor, isDue }) => {
    const id = await employmentIn(phase);
    if (isDue) await passUntilDue(id);
    await take(action, actor, id);
    expect(await phaseIn(id)).toBe(nextPhase(phase, action, actor, isDue) ?? lateEnd(phase, action, actor, isDue));
    // Whatever happened, it ends: an offer when nobody answers it, work when its hours are over.
    await passUntilDue(id);
    await take('end', 'platform', id);
    expect(isEnded(await phaseIn(id))).toBe(true);
    await expectInvariants(database);
  },
);

it.each([
  // Started hours, at least one.
  { salary: 10n, stake: 100n, duration: null, activeMs: 0, hours: 1n, payment: 10n },
  { salary: 10n, stake: 100n, duration: null, activeMs: HOUR_MS - 1_000, hours: 1n, payment: 10n },
  { salary: 10n, stake: 100n, duration: null, activeMs: HOUR_MS, hours: 2n, payment: 20n },
  { salary: 10n, stake: 100n, duration: 5, activeMs: 4 * HOUR_MS + 1_000, hours: 5n, payment: 50n },
  // The agreed end, with a rest of the stake.
  { salary: 10n, stake: 100n, duration: 5, activeMs: 5 * HOUR_MS, hours: 5n, payment: 50n },
  { salary: 10n, stake: 105n, duration: 10, activeMs: 10 * HOUR_MS, hours: 10n, payment: 100n },
  // The stake is used up: all of it is paid, also what is less than an hour's salary.
  { salary: 10n, stake: 105n, duration: 11, activeMs: 10 * HOUR_MS, hours: 11n, payment: 105n },
  { salary: 10n, stake: 25n, duration: null, activeMs: 2 * HOUR_MS - 1_000, hours: 2n, payment: 20n },
  { salary: 10n, stake: 25n, duration: null, activeMs: 2 * HOUR_MS, hours: 3n, payment: 25n },
  { salary: 7n, stake: 7n, duration: null, activeMs: HOUR_MS, hours: 1n, payment: 7n },
  // However late the platform comes.
  { salary: 10n, stake: 100n, duration: 5, activeMs: 900 * HOUR_MS, hours: 5n, payment: 50n },
  { salary: 10n, stake: 100n, duration: null, activeMs: 900 * HOUR_MS, hours: 10n, payment: 100n },
  // Not even the largest stake lasts longer than a year.
  { salary: 1n, stake: 100_000n, duration: null, activeMs: HOURS_MAX * HOUR_MS, hours: 8_760n, payment: 8_760n },
])(
  'bills $hours hours, $payment, of a salary of $salary and a stake of $stake for $duration hours after $activeMs ms',
  async ({ salary, stake, duration, activeMs, hours, payment }) => {
    const id = await offered(salary, stake, duration);
    await take('accept', 'employee', id);
    await database.advanceClock(activeMs);
    await take('terminate', 'employer', id);
    const { rows } = await database.pool.query<{ hours: bigint; payment: bigint; paid: bigint; back: bigint }>(
      `select m.billed_hours as hours, m.payment, s.to_payee + s.to_fee as paid, s.to_payer as back
      from market.employment m join ledger.settlement s on s.hold_id = m.hold_id where m.id = $1`,
      [id],
    );
    expect(rows).toEqual([{ hours, payment, paid: payment, back: stake - payment }]);
    await expectInvariants(database);
  },
);

/** A party that comes too late finds what the platform would have done, and so it is done. */
function lateEnd(
  phase: EmploymentPhase,
  action: EmploymentAction,
  actor: Step['actor'],
  isDue: boolean,
): EmploymentPhase {
  const isTheirs = action === 'terminate' ? actor !== 'platform' : action !== 'end' && actor === 'employee';
  // Accepting again gets the first answer, and decides nothing.
  const isRepeated = phase === 'active' && action === 'accept';
  return (isDue && isTheirs && !isRepeated ? nextPhase(phase, 'end', 'platform', true) : undefined) ?? phase;
}

async function offered(salary: bigint, stake: bigint, duration: number | null): Promise<bigint> {
  const { rows } = await database.pool.query<{ verdict: string; id: bigint }>(
    `select verdict, employment_id as id
    from market.employment_offer($1, $2, null, $3, $4, $5, $6, null, null, ${OFFER_HOURS}, ${HOURS_MAX}, 100)`,
    [agents.employer, owner, agents.employee, salary, stake, duration],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('nothing was offered');
  expect(row.verdict).toBe('offered');
  return row.id;
}

async function employmentIn(phase: EmploymentPhase): Promise<bigint> {
  const id = await offered(10n, 100n, HOURS);
  const way: Record<EmploymentPhase, [EmploymentAction, Step['actor']][]> = {
    pending: [],
    active: [['accept', 'employee']],
    rejected: [['reject', 'employee']],
    expired: [['end', 'platform']],
    withdrawn: [['terminate', 'employer']],
    terminated: [
      ['accept', 'employee'],
      ['terminate', 'employee'],
    ],
    completed: [
      ['accept', 'employee'],
      ['end', 'platform'],
    ],
  };
  for (const [action, actor] of way[phase]) {
    if (action === 'end') await passUntilDue(id);
    await take(action, actor, id);
  }
  expect(await phaseIn(id)).toBe(phase);
  return id;
}

async function take(action: EmploymentAction, actor: Step['actor'], id: bigint): Promise<void> {
  await database.pool.query('select * from market.employment_step($1, $2, $3, null, null)', [
    id,
    action,
    agents[actor],
  ]);
}

async function passUntilDue(id: bigint): Promise<void> {
  const ms = await ledger.one<number>(
    'select (extract(epoch from due_at - platform.clock()) * 1000)::float8 from market.employment where id = $1',
    [id],
  );
  await database.advanceClock(Math.max(0, Math.ceil(ms)));
}

async function phaseIn(id: bigint): Promise<EmploymentPhase> {
  return ledger.one<EmploymentPhase>('select phase from market.employment where id = $1', [id]);
}
