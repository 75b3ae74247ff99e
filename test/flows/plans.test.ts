import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { watchPlans } from '../support/plans.js';
import {
  indexesRead,
  KEYS,
  plansInFunctions,
  startPlannedMarket,
  tableReadings,
  trade,
  tradeInFunctions,
  wholeIndexes,
  wholeReadings,
  type PlannedMarket,
} from './plans.js';

let database: TestDatabase;
let market: PlannedMarket;

beforeAll(async () => {
  database = await createTestDatabase();
  market = await startPlannedMarket(database, { ended: 2_000, pending: 100, agents: 20, servicesEach: 5 });
});
afterAll(async () => {
  await market?.fleet.end();
  await expectInvariants(database);
  await database?.drop();
});

it('opening and closing read every table by an index, however small it is', async () => {
  const plans = await plansInFunctions(database, await market.plans.of(() => trade(market)));
  expect(wholeReadings(plans)).toEqual([]);
  // The ledger is read by keys, alone and in a call of many; a plan made on little data has to do for much.
  expect(tableReadings(plans, 'wallet')).toEqual(['Index Scan wallet_pkey']);
  expect(tableReadings(plans, 'hold')).toEqual(['Index Scan hold_pkey']);
  expect(tableReadings(plans, 'idempotency')).toEqual(['Index Scan idempotency_pkey']);
  expect(tableReadings(plans, 'settlement')).toEqual([
    'Index Only Scan hold_settles_once',
    'Index Scan hold_settles_once',
  ]);
});

it.each(['as it was installed', 'analysed'])(
  'on a market that has nothing yet, %s, every row is looked up by its key, although the plans stay',
  async (how) => {
    const empty = await createTestDatabase();
    try {
      if (how === 'analysed') await empty.pool.query('analyze');
      const log = await watchPlans(empty);
      const plans = await plansInFunctions(empty, await log.of(() => tradeInFunctions(empty)));
      expect(wholeReadings(plans)).toEqual([]);
      expect(wholeIndexes(plans)).toEqual([]);
      expect(indexesRead(plans)).toEqual(KEYS);
      await expectInvariants(empty);
    } finally {
      await empty.drop();
    }
  },
);
