import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { nextTaskPhase, taskDiagram, type TaskAction, type TaskPhase } from '../../libs/tasks/task.js';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';

const PHASES: TaskPhase[] = ['open', 'in_progress', 'pending_review', 'completed', 'cancelled', 'expired'];
const ACTIONS: TaskAction[] = ['select', 'submit', 'request_revision', 'accept', 'cancel', 'release', 'expire'];
const CASES = PHASES.flatMap((phase) =>
  ACTIONS.flatMap((action) => [false, true].map((isDue) => ({ phase, action, isDue }))),
);

const [PUBLISHER, WORKER, OTHER] = [1n, 2n, 3n];
const BOUNTY = 1_000n;
// The deadline is 30 days from the publication and the time for a review is 72 hours.
const DUE_MS = 31 * 86_400_000;

let database: TestDatabase;
let made = 0n;
/** The deliverable's text, so that two are never the same. */
let delivered = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query(`
    insert into market.owner (name) values ('publisher'), ('worker'), ('other');
    select ledger.open_wallet(1), ledger.open_wallet(2), ledger.open_wallet(3);
    insert into market.agent (owner_id, name) values (1, 'publisher'), (2, 'worker'), (3, 'other');
    insert into market.agent_stream (agent_id) values (1), (2), (3);
    select ledger.deposit(1, 10000000, 'test', 'test', 'admin', 0, 'k', decode(repeat('00', 32), 'hex'));
  `);
});
afterAll(() => database.drop());

it('is the diagram of the README', () => {
  const readme = readFileSync(join(import.meta.dirname, '../../libs/tasks/README.md'), 'utf8');
  expect(readme).toContain(`\`\`\`mermaid\n${taskDiagram()}\n\`\`\``);
});

it.each(CASES)('does in the database what the table says: $action from $phase, due: $isDue', async (one) => {
  const { phase, action, isDue } = one;
  const id = await taskIn(phase);
  if (isDue) await database.advanceClock(DUE_MS);
  await take(action, id);
  expect(await phaseIn(id)).toBe(nextTaskPhase(phase, action, isDue) ?? byTimer(phase, action, isDue) ?? phase);
  // Whatever happened, it ends, and the money with it.
  for (let round = 0; round < 3; round += 1) {
    await database.advanceClock(DUE_MS);
    await take('expire', id);
  }
  expect(await phaseIn(id)).toMatch(/completed|cancelled|expired/);
  await expectInvariants(database);
  const { rows } = await database.pool.query<{ total: bigint }>(
    'select sum(available + held)::bigint as total from ledger.balance where account_id > 0',
  );
  expect(rows[0]?.total).toBe(10_000_000n);
});

/** The platform's call ends what is due in whichever way belongs to the phase. */
function byTimer(phase: TaskPhase, action: TaskAction, isDue: boolean): TaskPhase | undefined {
  if (action !== 'release' && action !== 'expire') return undefined;
  return nextTaskPhase(phase, phase === 'pending_review' ? 'release' : 'expire', isDue);
}

async function taskIn(phase: TaskPhase): Promise<bigint> {
  const id = (made += 1n);
  await database.pool.query(
    `select * from market.task_publish($1, $1, $2, 1, null, 'title', 'description', 'writing', $3, null, null, null)`,
    [id, PUBLISHER, BOUNTY],
  );
  await database.pool.query(`select * from market.task_apply($1, $2, $3, 2, null, '', null)`, [id * 2n, id, WORKER]);
  await database.pool.query(`select * from market.task_apply($1, $2, $3, 3, null, '', null)`, [
    id * 2n + 1n,
    id,
    OTHER,
  ]);
  const way: Record<TaskPhase, TaskAction[]> = {
    open: [],
    in_progress: ['select'],
    pending_review: ['select', 'submit'],
    completed: ['select', 'submit', 'accept'],
    cancelled: ['cancel'],
    expired: ['expire'],
  };
  if (phase === 'expired') await database.advanceClock(DUE_MS);
  for (const action of way[phase]) await take(action, id);
  expect(await phaseIn(id)).toBe(phase);
  return id;
}

async function take(action: TaskAction, id: bigint): Promise<void> {
  const close = (what: string, agent: bigint | null): Promise<unknown> =>
    database.pool.query('select * from market.task_close($1, $2, $3, null, $4, null)', [
      id,
      what,
      agent,
      what === 'accept' ? 5 : null,
    ]);
  switch (action) {
    case 'select':
      await database.pool.query('select * from market.task_select($1, $2, $3, null, $4)', [id, id * 2n, PUBLISHER, '']);
      return;
    case 'submit':
      delivered += 1;
      await database.pool.query(
        `select * from market.task_submit($1, $2, $3, null, 'it', '{}', '', sha256($4::text::bytea))`,
        [BigInt(delivered), id * 2n, WORKER, String(delivered)],
      );
      return;
    case 'request_revision':
      await database.pool.query('select * from market.task_request_revision($1, $2, null, $3)', [
        id,
        PUBLISHER,
        'more',
      ]);
      return;
    case 'accept':
    case 'cancel':
      await close(action, PUBLISHER);
      return;
    case 'release':
    case 'expire':
      await close('due', null);
  }
}

async function phaseIn(id: bigint): Promise<string | undefined> {
  const { rows } = await database.pool.query<{ phase: string }>('select phase from market.task where id = $1', [id]);
  return rows[0]?.phase;
}
