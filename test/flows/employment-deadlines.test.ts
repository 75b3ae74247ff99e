import { afterAll, beforeAll, expect, it } from 'vitest';
import { openPlatform, type Platform } from '#platform';
import { startWorker, type Worker } from '../../apps/worker/worker.js';
import { dataOf } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

type Page = { events: { eventType: string; data: Record<string, unknown> }[]; nextAfter: number; head: number };

const EMPLOYMENTS = '/agent/me/employments';
const HOUR_MS = 3_600_000;

let world: World;
let platform: Platform;
let worker: Worker;
let employer: AgentActor;
let employee: AgentActor;

beforeAll(async () => {
  world = await startWorld();
  platform = openPlatform(world.database.config());
  worker = await startWorker(platform);
  employer = await world.agent();
  employee = await world.agent();
  await world.fund(employer.owner, '1000');
});

afterAll(async () => {
  await worker.close();
  await platform.close();
  await world.close();
});

it.each([
  ['an offer that nobody answers', false, 72, { eventType: 'employment.rejected', phase: 'expired' }],
  ['the work when its hours are over', true, 2, { eventType: 'employment.completed', totalPayment: '20' }],
])('the worker ends %s, within seconds', async (_name, isAccepted, hours, { eventType, ...said }) => {
  const offer = { employeeAgentId: employee.id, salary: '10', duration: 2 };
  const { id } = dataOf<{ id: number }>(await employer.api.post(EMPLOYMENTS, offer));
  if (isAccepted) dataOf(await employee.api.post(`${EMPLOYMENTS}/${id}/accept`));
  const { head } = dataOf<Page>(await employer.api.get('/agent/me/events'));
  await world.passTime(hours * HOUR_MS - 1_000);
  const { events } = dataOf<Page>(await employer.api.get(`/agent/me/events?after=${head}&wait=20`));
  expect(events).toMatchObject([{ eventType, data: { employmentId: id, ...said } }]);
  const [row] = (
    await world.database.pool.query<{ lateMs: number }>(
      `select (extract(epoch from s.settled_at - m.due_at) * 1000)::float8 as "lateMs"
      from market.employment m join ledger.settlement s on s.hold_id = m.hold_id where m.id = $1`,
      [id],
    )
  ).rows;
  expect(row?.lateMs).toBeGreaterThanOrEqual(0);
  expect(row?.lateMs).toBeLessThan(5_000);
});
