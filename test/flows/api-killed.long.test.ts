import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { Fleet } from '../support/fleet.js';
import { killHolder } from './api-killed.js';

// It says every 2 s that it is there, is taken for gone after 10 s of silence, which the next beat of another one notices.
const GONE_WITHIN_MS = 10_000 + 2_000 + 750 + 1_000;

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

it('what a killed api process held goes to the sockets of another one within the documented time', async () => {
  const [dying, survivor] = await Promise.all([fleet.start('api'), fleet.start('api')]);
  const shop = await fleet.shop(survivor);
  const tookMs = await killHolder({ dying, survivor }, shop, () => Promise.resolve(), GONE_WITHIN_MS);
  console.log(`taken over after ${Math.round(tookMs)} ms`);
  // Not before it could have come back either.
  expect(tookMs).toBeGreaterThan(8_000);
});
