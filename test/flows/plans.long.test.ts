import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { send, want } from '../support/fleet.js';
import { startPlannedMarket, trade, wholeReadings, type PlannedMarket } from './plans.js';

const ENDED = Number(process.env['PLANS_ENDED'] ?? 5_000_000);
const SERVICES = Number(process.env['PLANS_SERVICES'] ?? 100_000);
const SERVICES_EACH = 20;
// A smaller table or partition is read as fast in one go.
const ROWS_MIN = 1_000;
// A count that ends at its limit, wherever it begins.
const IS_BOUNDED = /^select (least\()?count\(\*\).* limit \d+\)+ c$/s;

let database: TestDatabase;
let market: PlannedMarket;

beforeAll(async () => {
  database = await createTestDatabase();
  const startMs = performance.now();
  market = await startPlannedMarket(database, {
    ended: ENDED,
    pending: Math.min(20_000, ENDED / 10),
    agents: SERVICES / SERVICES_EACH,
    servicesEach: SERVICES_EACH,
  });
  console.log(`filled within ${Math.round((performance.now() - startMs) / 1_000)} s`);
}, 3_600_000);
afterAll(async () => {
  await market?.fleet.end();
  await database?.drop();
}, 600_000);

it('opening and closing', async () => {
  const all = await market.plans.of(() => trade(market));
  expect(wholeReadings(all, ROWS_MIN)).toEqual([]);
});

const invocations = '/agent/me/service-invocations';
it.each([
  ['caller', `${invocations}?limit=20`],
  ['caller', `${invocations}?role=caller&status=completed&limit=100`],
  ['caller', `${invocations}?page=90&limit=100`],
  ['provider', `${invocations}?role=provider&status=pending`],
  ['callerOwner', '/owner/wallet'],
  ['callerOwner', '/owner/wallet/transactions?limit=100'],
  ['providerOwner', '/owner/wallet/transactions?limit=100'],
  ['nobody', '/market/services?limit=20'],
  ['nobody', '/market/services?category=writing&limit=20'],
  ['nobody', '/market/services?minPrice=5&maxPrice=6&limit=20'],
  ['nobody', '/market/services?search=service%20999'],
  ['nobody', '/market/services?sortBy=price'],
] as const)('%s %s', async (who, path) => {
  const { caller, provider } = market.shop;
  const keys = {
    caller: caller.key,
    provider: provider.key,
    callerOwner: caller.ownerKey,
    providerOwner: provider.ownerKey,
    nobody: '',
  };
  const plans = await market.plans.of(() => want(send(market.api, keys[who], 'GET', path)));
  expect(plans.length).toBeGreaterThan(0);
  expect(
    wholeReadings(
      plans.filter(({ text }) => !IS_BOUNDED.test(text)),
      ROWS_MIN,
    ),
  ).toEqual([]);
});
