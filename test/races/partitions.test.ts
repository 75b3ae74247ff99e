import { afterAll, beforeAll, expect, it } from 'vitest';
import { createLog, Database, Partitions } from '#platform';
import { BASE } from '../support/api.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';
import { connectedClient } from '../platform/client.js';
import { toNextMonth, withSmallRanges } from '../platform/partitioned.js';

const TRADERS = 6;
const MONTHS = 4;
// Enough ids that passing over them takes a while.
const RANGE_IDS = 400_000;
/** An invoke waits for a commit, and this machine may be busy; a writer that waits for a lock of upkeep would wait for seconds. */
const PAUSE_MAX_MS = 1_500;

let world: World;
let doors: Database;

beforeAll(async () => {
  world = await startWorld({ env: { C4C_RATE_KEY: '0', C4C_RATE_OWNER: '0' } });
  await withSmallRanges(world.database, RANGE_IDS);
  doors = new Database(world.database.config().database);
});

afterAll(async () => {
  await doors.close();
  await world.close();
});

it('lets everybody invoke and submit while partitions are made, months turn, and old partitions are detached and dropped', async () => {
  const provider = await world.agent();
  const caller = await world.agent();
  await world.fund(caller.owner, '1000000');
  const serviceId = await world.service(provider, { maxPending: 10_000, maxPendingPerCaller: 10_000, price: '1' });
  const waits: number[] = [];
  const refusals: string[] = [];
  let isOver = false;

  const ask = async (agent: AgentActor, path: string, body: object): Promise<{ invocationId: number } | undefined> => {
    const from = performance.now();
    const response = await fetch(`${world.url}${BASE}/agent/me/service-invocations${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': agent.key },
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as { data: { invocationId: number }; error?: { code: string } };
    waits.push(performance.now() - from);
    if (response.status === 200) return answer.data;
    refusals.push(`${response.status} ${answer.error?.code ?? ''}`);
    return undefined;
  };
  const trade = async (): Promise<void> => {
    while (!isOver) {
      const opened = await ask(caller, '', { serviceId, input: { text: 'one two' } });
      if (opened !== undefined)
        await ask(provider, `/${opened.invocationId}/submit`, { status: 'completed', output: { words: 2 } });
    }
  };
  const traders = Promise.all(Array.from({ length: TRADERS }, trade));

  // Two at once, as two worker processes would.
  const upkeep = Array.from({ length: 2 }, () => new Partitions(doors, 30, createLog('silent')));
  const run = (): Promise<unknown> => Promise.all(upkeep.map((one) => one.run()));
  await run();
  for (let month = 0; month < MONTHS; month += 1) {
    await toNextMonth(world.database);
    // A reader who stays, such as a backup: upkeep leaves what it needs for later, and nobody waits behind it.
    const reader = await connectedClient(world.database.adminUrl);
    await reader.query('begin; select count(*) from market.agent_event');
    await run();
    await reader.query('commit');
    await reader.end();
    await run();
  }
  isOver = true;
  await traders;

  const { rows } = await world.database.pool.query<{ dropped: bigint; months: bigint }>(
    `select (select count(*) from platform.partition where state = 'dropped') as dropped,
      (select count(distinct month) from platform.id_range where sequence_name = 'market.invocation_id') as months`,
  );
  expect(rows[0]?.dropped).toBeGreaterThanOrEqual(2n);
  expect(rows[0]?.months).toBeGreaterThanOrEqual(BigInt(MONTHS));
  // Who was between invoke and submit when the clock jumped is too late, rightly; nobody else was refused anything.
  expect(refusals.filter((refusal) => refusal !== '409 DEADLINE_PASSED')).toEqual([]);
  expect(refusals.length).toBeLessThanOrEqual(MONTHS * TRADERS);
  expect(waits.length).toBeGreaterThan(200);
  expect(Math.max(...waits)).toBeLessThan(PAUSE_MAX_MS);
}, 120_000);
