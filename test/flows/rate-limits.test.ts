import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatApiKey, secretFrom } from '#kernel';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { Fleet, send, type FleetAgent } from '../support/fleet.js';
import type { AppProcess } from '../support/processes.js';
import { noRedis, startTestRedis, type TestRedis } from '../support/redis.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';

const WRONG = 30;
// Processes exchange their counts ten times a second.
const GUESS_EVERY_MS = 100;

describe.skipIf(noRedis !== undefined)('two api processes', () => {
  let database: TestDatabase;
  let redis: TestRedis;
  let proxy: TcpProxy;
  let fleet: Fleet;
  let [one, other]: AppProcess[] = [];
  let agent: FleetAgent;

  beforeAll(async () => {
    database = await createTestDatabase();
    redis = await startTestRedis();
    const { hostname, port } = new URL(redis.url);
    proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    // Each test comes from an address of its own, as a trusted proxy names it.
    const env = { REDIS_URL: proxy.url(redis.url), C4C_RATE_WRONG_KEYS: `${WRONG}`, C4C_TRUST_PROXY: '1' };
    fleet = await Fleet.on(database, env);
    [one, other] = await Promise.all([fleet.start('api'), fleet.start('api')]);
    agent = await fleet.agent(started(one));
    for (const process of [one, other]) expect(await asks(started(process), agent.key, someone())).toBe(200);
  });
  afterAll(async () => {
    await fleet.end();
    await proxy.close();
    await redis.stop();
    await database.drop();
  });

  const started = (process: AppProcess | undefined): AppProcess => {
    if (process === undefined) throw new Error('not started');
    return process;
  };
  /** An address that nobody has used. */
  const someone = (): string => `10.${[...randomBytes(3)].join('.')}`;
  const asks = async (process: AppProcess, key: string, from: string): Promise<number> =>
    (await send(process, key, 'GET', '/agent/me', undefined, { 'x-forwarded-for': from })).status;
  const guesses = (process: AppProcess, times: number, from: string): Promise<number[]> =>
    Promise.all(
      Array.from({ length: times }, () => asks(process, formatApiKey('agent', secretFrom(randomBytes)), from)),
    );
  /** How many guesses pass, one after the other, before one is refused. */
  const guessesUntilRefused = async (process: AppProcess, from: string): Promise<number> => {
    for (let passed = 0; passed < WRONG; passed += 1) {
      if (countOf(await guesses(process, 1, from), 429) === 1) return passed;
      await sleep(GUESS_EVERY_MS);
    }
    return WRONG;
  };
  const countOf = (statuses: readonly number[], status: number): number =>
    statuses.filter((each) => each === status).length;

  it('share one limit with Redis, and right keys pass behind it', async () => {
    const from = someone();
    const first = await guesses(started(one), WRONG + 20, from);
    // Two seconds bring one guess more.
    expect(countOf(first, 401)).toBeGreaterThanOrEqual(WRONG);
    expect(countOf(first, 401)).toBeLessThanOrEqual(WRONG + 5);
    // What it has not heard of makes the other process ask, and with the next exchange it knows.
    expect(await guessesUntilRefused(started(other), from)).toBeLessThan(WRONG / 2);
    for (const process of [one, other]) expect(await asks(started(process), agent.key, from)).toBe(200);
    expect(countOf(await guesses(started(other), 1, someone()), 401)).toBe(1);
  });

  it('each go on limiting while Redis is away', async () => {
    proxy.refuse();
    const from = someone();
    for (const process of [started(one), started(other)]) {
      const statuses = await guesses(process, WRONG + 20, from);
      expect(countOf(statuses, 401) + countOf(statuses, 429)).toBe(WRONG + 20);
      expect(countOf(statuses, 401)).toBeGreaterThanOrEqual(WRONG);
      expect(countOf(statuses, 401)).toBeLessThanOrEqual(WRONG + 5);
      expect(await asks(process, agent.key, from)).toBe(200);
    }
    proxy.mend();
  });
});
