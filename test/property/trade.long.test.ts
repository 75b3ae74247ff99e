import fc from 'fast-check';
import { it } from 'vitest';
import { createTestDatabase } from '../support/database.js';
import { commands, Trade } from './trade.js';

const ROUNDS = 100;
const RUNS_A_ROUND = 50;

it('agrees with the model over thousands of sequences', async () => {
  // A database for every fifty sequences: the invariants read all that is there.
  for (let round = 0; round < ROUNDS; round += 1) {
    const database = await createTestDatabase();
    await fc.assert(
      fc.asyncProperty(commands(60), async (all) => (await Trade.start(database)).run(all)),
      { numRuns: RUNS_A_ROUND },
    );
    await database.drop();
  }
});
