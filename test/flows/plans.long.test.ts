import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { send, want } from '../support/fleet.js';
import {
  connect,
  indexesRead,
  indexesReadAlone,
  KEYS,
  plansInFunctions,
  startPlannedMarket,
  sweep,
  tableReadings,
  trade,
  wholeIndexes,
  wholeReadings,
  type PlannedMarket,
} from './plans.js';

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

// Before anything is written, while every page is as the vacuum after the filling left it.
const invocations = '/agent/me/service-invocations';
const bothSides = ['invocation_by_caller', 'invocation_by_provider'];
it.each([
  ['caller', `${invocations}?limit=20`, bothSides],
  ['caller', `${invocations}?role=caller&status=completed&limit=100`, []],
  ['caller', `${invocations}?page=90&limit=100`, bothSides],
  ['provider', `${invocations}?role=provider&limit=100`, ['invocation_by_provider']],
  ['provider', `${invocations}?role=provider&status=pending`, []],
  ['callerOwner', '/owner/wallet', []],
  ['callerOwner', '/owner/wallet/transactions?limit=100', []],
  ['providerOwner', '/owner/wallet/transactions?limit=100', []],
  ['nobody', '/market/services?limit=20', ['service_by_category']],
  ['nobody', '/market/services?category=writing&limit=20', ['service_by_category']],
  ['nobody', '/market/services?minPrice=5&maxPrice=6&limit=20', []],
  ['nobody', '/market/services?search=service%20999', []],
  ['nobody', '/market/services?sortBy=price', []],
] as const)('%s %s, of the indexes %j alone', async (who, path, alone) => {
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
  expect(indexesReadAlone(plans)).toEqual(expect.arrayContaining([...alone]));
});

it('what is due, and all else that a worker does at its start', async () => {
  const plans = await market.plans.of(() => sweep(database, market));
  expect(wholeReadings(plans, ROWS_MIN)).toEqual([]);
  const due = plans.filter(({ readings }) => readings.some(({ index }) => index === 'invocation_due'));
  expect(due.length).toBeGreaterThan(0);
  expect(tableReadings(due, 'invocation')).toEqual(['Index Scan invocation_due']);
  // Whose payloads are old enough to be erased.
  expect(indexesReadAlone(plans)).toContain('invocation_by_end');
});

it('what is pending when a provider connects', async () => {
  const plans = await market.plans.of(() => connect(market));
  expect(wholeReadings(plans, ROWS_MIN)).toEqual([]);
  const pending = plans.filter(({ readings }) =>
    ['invocation', 'agent_event'].every((name) => readings.some(({ table }) => table === name)),
  );
  // The first five of a statement are planned each for itself.
  expect(pending.length).toBeGreaterThan(6);
  expect(wholeIndexes(pending)).toEqual([]);
  for (const { readings } of pending) expect(readings.some(({ index }) => index === 'invocation_due')).toBe(true);
});

// Credits are not meant to be read of their index alone: they live for seconds, and no vacuum comes before they are folded.
it('opening and closing', async () => {
  const all = await market.plans.of(() => trade(market));
  expect(wholeReadings(all, ROWS_MIN)).toEqual([]);
  const plans = await plansInFunctions(database, all);
  expect(wholeIndexes(plans)).toEqual([]);
  expect(KEYS).toEqual(expect.arrayContaining(indexesRead(plans)));
  // Whether a hold is settled already.
  expect(indexesReadAlone(plans)).toEqual(['hold_settles_once']);
});
