import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '#platform';
import { EndpointStore } from '../../libs/webhooks/endpoint.store.js';
import { SecretBox } from '../../libs/webhooks/secret-box.js';
import { newSecret } from '../../libs/webhooks/signing.js';
import { Client } from '../gateway/client.js';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { Fleet, invoke, send, want, type FleetShop } from '../support/fleet.js';
import type { AppProcess } from '../support/processes.js';
import { noRedis, startTestRedis, type TestRedis } from '../support/redis.js';
import { Hook } from './hook.js';

const SLACK_MS = 1_000;

// With a Redis the worker hears of an event, and of a socket that has ended, at once; without one it finds out by looking.
describe.each([
  ['with a Redis', noRedis !== undefined],
  ['without a Redis', false],
])('two apis and a worker %s', (title, isSkipped) => {
  let redis: TestRedis | undefined;
  let database: TestDatabase;
  let doors: Database;
  let fleet: Fleet;
  let near: AppProcess;
  let far: AppProcess;
  const hooks: Hook[] = [];
  const clients: Client[] = [];

  beforeAll(async () => {
    if (isSkipped) return;
    if (title === 'with a Redis') redis = await startTestRedis();
    database = await createTestDatabase();
    const config = database.config();
    doors = new Database(config.database);
    const shared = redis === undefined ? undefined : { REDIS_URL: redis.url };
    fleet = await Fleet.on(database, { C4C_EGRESS_ALLOW: '127.0.0.0/8', ...shared });
    [near, far] = await Promise.all([fleet.start('api'), fleet.start('api'), fleet.start('worker')]);
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.ws.terminate();
  });
  afterAll(async () => {
    if (isSkipped) return;
    await expectInvariants(database);
    await fleet.end();
    await doors.close();
    await database.drop();
    await redis?.stop();
    await Promise.all(hooks.map((hook) => hook.stop()));
  });

  async function shopWithHook(): Promise<{ shop: FleetShop; hook: Hook }> {
    const [shop, hook] = [await fleet.shop(near), await Hook.start()];
    hooks.push(hook);
    const endpoints = new EndpointStore(doors, new SecretBox(database.config()));
    await doors.inTransaction(async (tx) => {
      await endpoints.lockCount(tx, BigInt(shop.provider.id));
      const id = await endpoints.insert(tx, BigInt(shop.provider.id), hook.url, { ratePerSecond: 1_000 });
      await endpoints.addSecret(tx, id, newSecret());
      await tx.query(`update market.webhook_endpoint set state = 'active' where id = $1`, [id]);
    });
    return { shop, hook };
  }

  async function greet(api: AppProcess, key: string): Promise<Client> {
    const client = await Client.open(Number(new URL(api.url).port), key, {}, '', ['c4c.v1']);
    clients.push(client);
    client.send({ type: 'hello' });
    await client.until(() => client.welcome !== undefined);
    return client;
  }

  const present = async ({ provider }: FleetShop): Promise<number> => {
    const { rows } = await database.pool.query<{ count: number }>(
      'select count(*)::int as count from market.agent_presence where agent_id = $1',
      [provider.id],
    );
    return rows[0]?.count ?? -1;
  };
  const statusOf = async (id: number): Promise<string | undefined> => {
    const { rows } = await database.pool.query<{ status: string }>(
      `select status from market.delivery where invocation_id = $1 and class = 'work'`,
      [id],
    );
    return rows[0]?.status;
  };

  it.skipIf(isSkipped)('have work go to a socket of either, and by webhook what is not acknowledged', async () => {
    const { shop, hook } = await shopWithHook();
    const client = await greet(far, shop.provider.key);
    await expect.poll(() => present(shop)).toBe(1);
    const [acked, left] = [await want(invoke(near, shop)), await want(invoke(near, shop))];
    const invokedAt = Date.now();
    await client.until(() => client.events.length === 2);
    client.ack('1.1');
    await expect.poll(() => statusOf(left.invocationId), { timeout: 10_000 }).toBe('delivered');
    await expect.poll(() => statusOf(acked.invocationId), { timeout: 10_000 }).toBe('superseded');
    expect(hook.hits.map(({ body }) => body['invocationId'])).toEqual([left.invocationId]);
    const afterMs = (hook.hits[0]?.atMs ?? 0) - invokedAt;
    expect(afterMs).toBeGreaterThan(1_500);
    expect(afterMs).toBeLessThan(2_000 + SLACK_MS);
  });

  it.skipIf(isSkipped)('do not wait for the sockets of one that was killed', async () => {
    const { shop, hook } = await shopWithHook();
    const dying = await fleet.start('api');
    const client = await greet(dying, shop.provider.key);
    await expect.poll(() => present(shop)).toBe(1);
    // So that others have something to say, and to clear away.
    await greet(near, shop.caller.key);
    await dying.kill();
    const killedAt = Date.now();
    await client.untilClosed();
    const first = await want(invoke(near, shop));
    await hook.until(1);
    expect((hook.hits[0]?.atMs ?? 0) - killedAt).toBeLessThan(2_000 + SLACK_MS);
    expect(hook.hits[0]?.body['invocationId']).toBe(first.invocationId);
    await expect.poll(() => present(shop), { timeout: 15_000 }).toBe(0);
    expect(Date.now() - killedAt).toBeGreaterThan(8_000);
    const invokedAt = Date.now();
    await want(invoke(near, shop));
    await hook.until(2);
    expect((hook.hits[1]?.atMs ?? 0) - invokedAt).toBeLessThan(SLACK_MS);
  });

  it.skipIf(isSkipped)('show a provider that has a socket at the other as reachable', async () => {
    const shop = await fleet.shop(near);
    const shown = async (): Promise<unknown> =>
      (await want(send(near, shop.caller.key, 'GET', `/market/services/${shop.serviceId}`)))['reachability'];
    expect(await shown()).toBe('unreachable');
    const client = await greet(far, shop.provider.key);
    await expect.poll(shown).toBe('reachable');
    await client.leave();
    await expect.poll(shown).toBe('unreachable');
  });
});
