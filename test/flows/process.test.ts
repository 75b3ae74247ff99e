import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  nextPhase,
  phaseOf,
  type InvocationAction,
  type InvocationPhase,
  type InvocationStatus,
} from '../../libs/invocations/invocation.js';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';

const PHASES: InvocationPhase[] = [
  'queued',
  'handed_over',
  'acknowledged',
  'completed',
  'failed',
  'cancelled',
  'timeout',
];
const ACTIONS: InvocationAction[] = ['hand_over', 'acknowledge', 'complete', 'fail', 'cancel', 'expire'];
const CASES = PHASES.flatMap((phase) =>
  ACTIONS.flatMap((action) => [false, true].map((isPast) => ({ phase, action, isPast }))),
);

const [PROVIDER, CALLER] = [1n, 2n];
const DEADLINE_MS = 60_000;

let database: TestDatabase;
let made = 0n;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query(`
    insert into market.owner (name) values ('provider'), ('caller');
    select ledger.open_wallet(1), ledger.open_wallet(2);
    insert into market.agent (owner_id, name) values (1, 'provider'), (2, 'caller');
    insert into market.agent_stream (agent_id) values (1), (2);
    insert into market.service (owner_id, agent_id, title, description, category, price, avg_response_ms, max_pending, max_pending_per_caller, is_active, version)
    values (1, 1, 'service', 'does it', 'writing', 100, ${DEADLINE_MS / 2}, 1000, 1000, true, 1);
    insert into market.service_version (service_id, version, title, description, category, price, avg_response_ms, created_at)
    values (1, 1, 'service', 'does it', 'writing', 100, ${DEADLINE_MS / 2}, platform.clock());
    insert into market.service_load values (1, 0, 0);
    select ledger.deposit(2, 1000000, 'test', 'test', 'admin', 0, 'k', decode(repeat('00', 32), 'hex'));
  `);
});

afterAll(async () => {
  await database.drop();
});

it.each(CASES)(
  'does in the database what the table says: $action from $phase, past the deadline: $isPast',
  async ({ phase, action, isPast }) => {
    const id = await invocationIn(phase);
    if (isPast) await database.advanceClock(DEADLINE_MS);
    await take(action, id);
    expect(await phaseIn(id)).toBe(
      nextPhase(phase, action, isPast) ?? (isLate(phase, action, isPast) ? 'timeout' : phase),
    );
    // Whatever happened, it ends.
    if (!isPast) await database.advanceClock(DEADLINE_MS);
    await take('expire', id);
    expect(await phaseIn(id)).toMatch(/completed|failed|cancelled|timeout/);
    await expectInvariants(database);
  },
);

it.each(PHASES)('marks in one what hand-over and acknowledgement mark one after the other, from %s', async (phase) => {
  const [apart, together] = [await invocationIn(phase), await invocationIn(phase)];
  await database.pool.query(`select market.invocation_handed_over(array [$1::bigint], array [0], 'webhook')`, [apart]);
  await database.pool.query('select market.invocations_acknowledge(array [$1::bigint])', [apart]);
  const mark = async (): Promise<number | undefined> =>
    (
      await database.pool.query<{ marked: number }>(
        `select market.invocations_taken(array [$1::bigint, $1::bigint], array [0, 5], 'webhook') as marked`,
        [together],
      )
    ).rows[0]?.marked;
  const first = await mark();
  const marks = await marksOf(together);
  expect(marks).toEqual(await marksOf(apart));
  expect(marks.isInOrder).not.toBe(false);
  // Whatever is marked stays as it is.
  expect([first, await mark()]).toEqual([phase === 'acknowledged' ? 0 : 1, 0]);
  expect(await marksOf(together)).toEqual(marks);
});

/** A result, a failure or a cancellation that comes too late refunds the caller at once, as the deadline itself would. */
function isLate(phase: InvocationPhase, action: InvocationAction, isPast: boolean): boolean {
  return (
    isPast &&
    ['queued', 'handed_over', 'acknowledged'].includes(phase) &&
    ['complete', 'fail', 'cancel'].includes(action)
  );
}

async function invocationIn(phase: InvocationPhase): Promise<bigint> {
  const id = (made += 1n);
  await database.pool.query(
    `select * from market.invocation_open(array [$1::bigint], array [$1::bigint], array [$2::bigint], array [2::bigint], array [1::bigint],
      array [1], array [null::bigint], array ['{}'::json], array [null::text], array [null::bytea], 1000)`,
    [id, CALLER],
  );
  const way: Record<InvocationPhase, InvocationAction[]> = {
    queued: [],
    handed_over: ['hand_over'],
    acknowledged: ['acknowledge'],
    completed: ['complete'],
    failed: ['fail'],
    cancelled: ['cancel'],
    timeout: ['expire'],
  };
  if (phase === 'timeout') await database.advanceClock(DEADLINE_MS);
  for (const action of way[phase]) await take(action, id);
  expect(await phaseIn(id)).toBe(phase);
  return id;
}

async function take(action: InvocationAction, id: bigint): Promise<void> {
  const close = async (actor: bigint | null): Promise<void> => {
    // Every submission says something else, so that none is a repetition.
    const print = Buffer.from(`${action} ${id} ${Math.random()}`);
    await database.pool.query(
      `select * from market.invocation_close(array [$1::bigint], array [$2], array [$3::bigint], array ['{}'::json], array [null::json], array ['no'], array [$4::bytea])`,
      [id, action, actor, print],
    );
  };
  switch (action) {
    case 'hand_over':
      await database.pool.query(`select market.invocation_handed_over(array [$1::bigint], array [0], 'socket')`, [id]);
      return;
    case 'acknowledge':
      await database.pool.query('select market.invocation_acknowledge($1, $2)', [id, PROVIDER]);
      return;
    case 'complete':
    case 'fail':
      return close(PROVIDER);
    case 'cancel':
      return close(CALLER);
    case 'expire':
      return close(null);
  }
}

type Marks = { phase: InvocationPhase; channel: string | null; isAcknowledged: boolean; isInOrder: boolean | null };

async function marksOf(id: bigint): Promise<Marks> {
  const { rows } = await database.pool.query<Omit<Marks, 'phase'>>(
    `select hand_over_channel as channel, acknowledged_at is not null as "isAcknowledged",
      created_at <= handed_over_at and handed_over_at <= coalesce(settled_at, acknowledged_at) as "isInOrder"
    from market.invocation where id = $1`,
    [id],
  );
  const [row] = rows;
  if (row === undefined) throw new Error(`invocation ${id} is not there`);
  return { phase: await phaseIn(id), ...row };
}

async function phaseIn(id: bigint): Promise<InvocationPhase> {
  const { rows } = await database.pool.query<{
    status: InvocationStatus;
    cancelled: boolean;
    handedOverAt: Date | null;
    acknowledgedAt: Date | null;
  }>(
    'select status, cancelled, handed_over_at as "handedOverAt", acknowledged_at as "acknowledgedAt" from market.invocation where id = $1',
    [id],
  );
  const [row] = rows;
  if (row === undefined) throw new Error(`invocation ${id} is not there`);
  return phaseOf(row);
}
