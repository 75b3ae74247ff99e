import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { Fleet, invoke, submit, want } from '../support/fleet.js';
import { toNextMonth, withSmallRanges } from '../platform/partitioned.js';

let database: TestDatabase;
let fleet: Fleet;

beforeAll(async () => {
  database = await createTestDatabase();
  fleet = await Fleet.on(database);
});
afterAll(async () => {
  await fleet.end();
  await database.drop();
});

it('turns the month and drops old events while worker processes start, run at once and are killed', async () => {
  await withSmallRanges(database, 5_000);
  const api = await fleet.start('api');
  const shop = await fleet.shop(api);
  const trade = async (): Promise<void> => {
    const { invocationId } = await want(invoke(api, shop));
    await want(submit(api, shop, invocationId));
  };
  for (let month = 0; month < 3; month += 1) {
    await trade();
    // Each begins with a run of the job. One is killed in the middle of it, wherever that is.
    const workers = await Promise.all([fleet.start('worker'), fleet.start('worker'), fleet.start('worker')]);
    const [victim, ...others] = workers;
    await victim?.kill();
    await Promise.all(others.map((worker) => worker.stop()));
    await trade();
    expect(others.flatMap(({ errors }) => errors)).toEqual([]);
    await toNextMonth(database);
  }
  // What the killed ones left undone.
  const last = await fleet.start('worker');
  await last.stop();
  await trade();
  const { rows } = await database.pool.query<{ dropped: bigint; retiring: bigint; months: bigint }>(
    `select count(*) filter (where p.state = 'dropped') as dropped, count(*) filter (where p.state = 'retiring') as retiring,
      count(distinct r.month) as months
    from platform.partition p
    join platform.id_range r on r.sequence_name = p.sequence_name and r.n = p.n
    where p.table_name = 'market.agent_event'`,
  );
  expect(rows[0]?.dropped).toBeGreaterThanOrEqual(1n);
  expect(rows[0]?.retiring).toBe(0n);
  expect(rows[0]?.months).toBeGreaterThanOrEqual(3n);
  expect(api.errors).toEqual([]);
  await expectInvariants(database);
}, 180_000);
