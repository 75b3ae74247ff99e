import { afterAll, beforeAll, expect, it } from 'vitest';
import { Database, Lanes, Metrics } from '#platform';
import { OpenStore, type OpenItem } from '../../libs/invocations/open.store.js';
import { Ledger } from '../ledger/ledger.js';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { PostgresProxy } from '../support/postgres-proxy.js';

let database: TestDatabase;
let proxy: PostgresProxy;
let doors: Database;
let opens: OpenStore;
let ledger: Ledger;

beforeAll(async () => {
  database = await createTestDatabase();
  ledger = new Ledger(database.pool);
  proxy = await PostgresProxy.start(database.appUrl);
  const config = database.config({ DATABASE_DIRECT_URL: proxy.url(database.appUrl) });
  doors = new Database(config.database);
  opens = new OpenStore(doors, new Lanes(doors, new Metrics(), { connections: 1 }), config);
});
afterAll(async () => {
  await opens.onModuleDestroy();
  await doors.close();
  await proxy.close();
  await database.drop();
});

it('opens once and says so, when the connection breaks while its session goes on', async () => {
  const owner = await ledger.owner(10n);
  const wish = await wishOf(owner);
  // Prepared before, so that the call is sent in one piece and has reached the server when the connection is cut.
  expect((await opens.open({ ...wish, version: 9 })).verdict).toBe('stale_version');

  const [first] = await sessions();

  const client = await database.pool.connect();
  await client.query('begin');
  await client.query('select 1 from ledger.wallet where account_id = $1 for update', [owner]);
  const cut = proxy.next('invocation-open', 'break-after-request');
  const sent = opens.open(wish);
  await cut;
  // Both wait for the wallet now, if the first session still lives.
  await expect.poll(async () => (await waitingSessions()).some((pid) => pid !== first), { interval: 5 }).toBe(true);
  await client.query('rollback');
  client.release();

  expect((await sent).verdict).toBe('opened');
  const { rows } = await database.pool.query<{ open: bigint; held: bigint }>(
    `select (select count(*) from market.invocation where caller_owner_id = $1) as open, held from ledger.wallet where account_id = $1`,
    [owner],
  );
  expect(rows).toEqual([{ open: 1n, held: 10n }]);
  await expectInvariants(database);
}, 20_000);

async function wishOf(owner: bigint): Promise<Omit<OpenItem, 'id' | 'holdId'>> {
  const caller = await ledger.agent(owner);
  const seller = await ledger.owner();
  return {
    callerAgentId: caller,
    callerOwnerId: owner,
    keyId: await ledger.key(caller, owner),
    serviceId: await ledger.service(await ledger.agent(seller), seller, { price: 10n }),
    version: 1,
    maxPrice: undefined,
    input: '{}',
    // Without a key nothing but the call itself says that it came twice.
    key: undefined,
    fingerprint: undefined,
  };
}

/** The lane's sessions. */
async function sessions(condition = 'true'): Promise<number[]> {
  const { rows } = await database.pool.query<{ pid: number }>(
    `select pid from pg_stat_activity where datname = current_database() and application_name = 'c4c-lane' and ${condition}`,
  );
  return rows.map(({ pid }) => pid);
}

const waitingSessions = (): Promise<number[]> => sessions(`wait_event_type = 'Lock'`);
