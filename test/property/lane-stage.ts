import fc from 'fast-check';
import { createTestDatabase } from '../support/database.js';
import { PostgresProxy } from '../support/postgres-proxy.js';
import { Faults } from './faults.js';
import { LaneTrade, type Play } from './lane-trade.js';

/** Acts so many plays in a database of their own. Answers how often each verdict and each failure came, and how often a fault struck. */
export async function actAll(
  plays: fc.Arbitrary<Play>,
  numRuns: number,
): Promise<{ said: Map<string, number>; struck: number }> {
  const database = await createTestDatabase();
  const proxy = await PostgresProxy.start(database.appUrl);
  try {
    const faults = await Faults.prepare(database, proxy);
    const said = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(plays, async (play) => {
        const trade = await LaneTrade.act(database, proxy, faults, play);
        for (const [what, times] of trade.said) said.set(what, (said.get(what) ?? 0) + times);
      }),
      // Who was first is not drawn from the seed, so a smaller example would prove nothing.
      { numRuns, endOnFailure: true },
    );
    return { said, struck: faults.struck };
  } finally {
    await proxy.close();
    await database.drop();
  }
}
