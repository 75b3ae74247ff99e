import fc from 'fast-check';
import { afterAll, beforeAll, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { commands, Trade } from './trade.js';

const RUNS = 200;
const COMMANDS_MAX = 60;

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(async () => {
  await database.drop();
});

it('whatever people do and however the clock jumps, the ledger agrees with the model, and everything ends', async () => {
  await fc.assert(
    fc.asyncProperty(commands(COMMANDS_MAX), async (all) => (await Trade.start(database)).run(all)),
    // Of a sabotage nobody reads the smallest example.
    { numRuns: RUNS, endOnFailure: (process.env['TEST_SABOTAGE'] ?? '') !== '' },
  );
}, 240_000);
