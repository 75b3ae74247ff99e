import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { createTestDatabase } from '../support/database.js';
import { DurableMarket, killBetweenCommitAndAnswer, killPostgresUnderLoad } from './crash-rounds.js';

const ROUNDS = Array.from({ length: 20 }, (_, n) => n + 1);
// The launcher's watch gives a server up that ends more than five times in a minute.
const KILLS_APART_MS = 13_000;

describe('when the api is killed between commit and answer, again and again', () => {
  it.each(ROUNDS)('nothing happens twice, round %i', async () => {
    const database = await createTestDatabase();
    try {
      await killBetweenCommitAndAnswer(database);
    } finally {
      await database.drop();
    }
  });
});

describe('when PostgreSQL is killed under load, again and again', () => {
  let market: DurableMarket;
  let lastAt = 0;
  beforeAll(async () => {
    market = await DurableMarket.start();
  });
  afterAll(() => market.end());

  it.each(ROUNDS)('nothing that was acknowledged is lost, round %i', async (round) => {
    await sleep(Math.max(0, lastAt + KILLS_APART_MS - Date.now()));
    lastAt = Date.now();
    await killPostgresUnderLoad(market, { operations: 100 * round });
  });
});
