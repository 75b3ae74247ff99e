import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, expectInvariants, type TestDatabase } from './database.js';
import { invariants } from '../../apps/standalone/invariants.js';
import { noRedis, startTestRedis } from './redis.js';

describe('a test database', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it('has a clock that a test can move', async () => {
    const read = async (): Promise<number> => {
      const { rows } = await database.pool.query<{ now: Date }>('select platform.clock() as now');
      return rows[0]?.now.getTime() ?? 0;
    };
    const before = await read();
    await database.advanceClock(3_600_000);
    expect((await read()) - before).toBeGreaterThanOrEqual(3_600_000);
  });

  it('is sound when nothing has happened yet', async () => {
    expect(invariants().length).toBeGreaterThan(10);
    await expectInvariants(database);
  });
});

describe.skipIf(noRedis)('a test Redis', () => {
  it('starts, restarts and stops', async () => {
    const redis = await startTestRedis();
    if (redis.process !== undefined) await redis.restart();
    await redis.stop();
    expect(redis.url).toMatch(/^redis/);
  });
});
