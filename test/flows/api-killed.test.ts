import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { Fleet, invoke, type FleetShop } from '../support/fleet.js';
import {
  ConsumerListener,
  PlainListener,
  PollListener,
  reach,
  StreamListener,
  type Listener,
} from '../support/listeners.js';
import { PostgresProxy } from '../support/postgres-proxy.js';
import type { AppProcess } from '../support/processes.js';
import { ackedBy, killHolder } from './api-killed.js';

// The look every 750 ms finds it; what is more is what a busy machine takes to look and to answer.
const FOUND_WITHIN_MS = 1_000 + 500;
const NODE_IS_GONE_MS = 10_000;
// Two beats of the survivor and one look.
const NOTICED_WITHIN_MS = 2 * 2_000 + 750 + 1_000;

describe('when an api process is killed', () => {
  let database: TestDatabase;
  let proxy: PostgresProxy;
  let fleet: Fleet;
  let dying: AppProcess;
  let survivor: AppProcess;
  let shop: FleetShop;

  beforeEach(async () => {
    database = await createTestDatabase();
    proxy = await PostgresProxy.start(database.appUrl);
    fleet = await Fleet.on(database);
    [dying, survivor] = await Promise.all([
      fleet.start('api', { DATABASE_DIRECT_URL: proxy.url(database.appUrl) }),
      fleet.start('api'),
    ]);
    shop = await fleet.shop(survivor);
  });
  afterEach(async () => {
    await expectInvariants(database);
    await fleet.end();
    await proxy.close();
    await database.drop();
  });

  it('between its commit and its hints, every channel of another one has the event within a second', async () => {
    const door = (): AppProcess => survivor;
    const { key } = shop.provider;
    const listeners: Listener[] = [
      new PlainListener('plain socket', key, door),
      new ConsumerListener(key, door, 'main'),
      new StreamListener('stream', key, door),
      new PollListener('poll', key, door),
    ];
    await Promise.all(listeners.map((listener) => listener.start()));
    const committed = proxy.next('invocation-open', 'hold-answer');
    const unanswered = expect(invoke(dying, shop)).rejects.toThrow();
    await committed;
    const committedAt = performance.now();
    await dying.kill();
    await unanswered;
    const { rows } = await database.pool.query<{ id: bigint }>('select id from market.invocation');
    const ids = rows.map(({ id }) => Number(id));
    expect(ids).toHaveLength(1);
    for (const listener of listeners) {
      await reach([listener], ids, 5_000);
      expect(Math.max(...listener.cameAt.values()) - committedAt, listener.channel).toBeLessThan(FOUND_WITHIN_MS);
    }
    await Promise.all(listeners.map((listener) => listener.stop()));
  });

  it('what its sockets held goes to those of another one when it has been silent for 10 s', async () => {
    // The clock goes on, and nobody has to wait for it.
    const pass = (): Promise<void> => database.advanceClock(NODE_IS_GONE_MS + 1);
    await killHolder({ dying, survivor }, shop, pass, NOTICED_WITHIN_MS);
    await expect.poll(() => ackedBy(database, shop), { timeout: 3_000 }).toBe(5);
  });
});
