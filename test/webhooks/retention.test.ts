import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PurgeStore } from '../../libs/webhooks/purge.store.js';
import { expectInvariants } from '../support/database.js';
import { Hook } from './hook.js';
import { Stage } from './stage.js';

const DAYS = 30;
const DAY_MS = 86_400_000;

let stage: Stage;
const hooks: Hook[] = [];
beforeEach(async () => {
  stage = await Stage.start();
});
afterEach(async () => {
  await expectInvariants(stage.database);
  await stage.end();
  await Promise.all(hooks.splice(0).map((hook) => hook.stop()));
});

async function hook(...args: Parameters<typeof Hook.start>): Promise<Hook> {
  const one = await Hook.start(...args);
  hooks.push(one);
  return one;
}

const purge = (limit = 500): Promise<number> => new PurgeStore(stage.platform.database).purge(DAYS, limit);
const count = (table: string, where = 'true'): Promise<unknown> =>
  stage.ledger.one(`select count(*)::integer from market.${table} where ${where}`, []);

describe('a deleted endpoint', () => {
  it('takes with it what is on its way, also what waits for its next try or is being tried', async () => {
    const answers: (() => void)[] = [];
    const receiver = await hook((response) => answers.push(() => response.writeHead(204).end()));
    const endpoint = await stage.endpoint(receiver.url);
    stage.sender().start();
    await stage.invoke();
    await receiver.until(1);
    await stage.set(endpoint, `breaker_until = platform.clock() + interval '1 minute'`);
    await stage.invoke();
    // Put off by the breaker: while the sender does so, nobody waits for the row.
    const isPutOff = `endpoint_id = ${endpoint} and status = 'pending' and claim_id is null and run_at > platform.clock()`;
    await expect.poll(() => count('delivery', isPutOff)).toBe(1);
    expect(await stage.endpoints.delete(stage.provider, endpoint)).toBe(true);
    const cancelled = await stage.rows(endpoint);
    expect(cancelled).toMatchObject([
      { status: 'cancelled', body: null, tries: [] },
      { status: 'cancelled', body: null, tries: [] },
    ]);
    for (const answer of answers) answer();
    await stage.invoke();
    const next = await stage.endpoint((await hook()).url);
    await stage.invoke();
    await stage.settled(next, 1);
    expect(await stage.rows(endpoint)).toEqual(cancelled);
    expect(receiver.hits.length).toBe(1);
  });

  it('loses its secrets at once, and the rest after the days that events are kept', async () => {
    const [kept, gone] = [await stage.endpoint('http://127.0.0.1:1/'), await stage.endpoint('http://127.0.0.1:2/')];
    await stage.endpoints.delete(stage.provider, gone);
    expect(await purge()).toBe(1);
    expect(await count('webhook_secret')).toBe(1);
    expect(await count('webhook_endpoint')).toBe(2);
    await stage.database.advanceClock(DAYS * DAY_MS - 60_000);
    expect(await purge()).toBe(0);
    await stage.database.advanceClock(120_000);
    expect(await purge()).toBe(1);
    expect(await purge()).toBe(0);
    expect(await count('webhook_endpoint', `id = ${kept}`)).toBe(1);
    expect(await stage.secrets(kept)).toHaveLength(1);
  });

  it('stays as long as something is on its way to it', async () => {
    const endpoint = await stage.endpoint('http://127.0.0.1:1/', { agentId: stage.caller });
    await stage.submit(await stage.invoke());
    await stage.deliveries.fanOut([stage.caller], [], 50);
    await stage.endpoints.delete(stage.caller, endpoint);
    // As when it was being made at that moment.
    await stage.database.pool.query(`update market.delivery set status = 'pending', ended_at = null`);
    await stage.database.advanceClock((DAYS + 1) * DAY_MS);
    await purge();
    expect(await count('webhook_endpoint')).toBe(1);
    stage.sender().start();
    expect(await stage.settled(endpoint, 1)).toMatchObject([{ status: 'cancelled' }]);
    await purge();
    expect(await count('webhook_endpoint')).toBe(0);
  });
});

describe('what has ended', () => {
  it('goes after as many days: secrets that were rotated, replays that are done', async () => {
    const endpoint = await stage.endpoint('http://127.0.0.1:1/');
    await stage.rotate(endpoint, 3_600);
    for (const status of ['done', 'pending'])
      await stage.database.pool.query(
        `insert into market.webhook_replay (endpoint_id, idempotency_key, kind, after, through, position, status, ended_at)
        values ($1, $2, 'range', 0, 1, 1, $2, case when $2 = 'done' then platform.clock() end)`,
        [endpoint, status],
      );
    await stage.database.advanceClock(DAYS * DAY_MS - 60_000);
    expect(await purge()).toBe(0);
    await stage.database.advanceClock(2 * 3_600_000);
    expect(await purge(1)).toBe(2);
    expect(await purge(1)).toBe(0);
    expect(await count('webhook_secret')).toBe(1);
    expect(await count('webhook_replay', `status = 'pending'`)).toBe(1);
    expect(await stage.secrets(endpoint)).toHaveLength(1);
  });
});

describe('another address', () => {
  it('gets what happened before it was verified, once it is', async () => {
    const [before, after] = [await hook(), await hook()];
    const endpoint = await stage.endpoint(before.url);
    stage.sender().start();
    await stage.invoke();
    await stage.settled(endpoint, 1);
    expect(await stage.endpoints.update(stage.provider, endpoint, { url: after.url })).toBe(true);
    await stage.invoke();
    await stage.invoke();
    await expect
      .poll(async () => (await stage.rows(endpoint)).map(({ status }) => status))
      .toEqual(['delivered', 'pending', 'pending']);
    expect(await stage.endpointRow(endpoint)).toMatchObject({ state: 'unverified' });
    expect(await stage.endpoints.activate(stage.provider, endpoint, after.url)).toBe(true);
    await stage.deliveries.wake(endpoint);
    await stage.settled(endpoint, 3);
    expect([before.hits.length, after.hits.length]).toEqual([1, 2]);
    expect(after.hits.every(({ headers }) => headers['x-c4c-attempt'] === '1')).toBe(true);
  });

  it('of an endpoint that never was verified gets nothing of before', async () => {
    const receiver = await hook();
    const endpoint = await stage.endpoint('http://127.0.0.1:1/');
    await stage.set(endpoint, `state = 'unverified', verified_at = null`);
    await stage.endpoints.update(stage.provider, endpoint, { url: receiver.url });
    await stage.invoke();
    stage.sender().start();
    const other = await stage.endpoint((await hook()).url);
    await stage.invoke();
    await stage.settled(other, 1);
    expect(await stage.rows(endpoint)).toEqual([]);
  });
});
