import { afterEach, beforeEach, expect, it } from 'vitest';
import { expectInvariants } from '../support/database.js';
import { Hook } from './hook.js';
import { Stage } from './stage.js';

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

it('work is tried although earlier tries took longer than it has time', async () => {
  const { provider, services } = await stage.otherProvider(2_500, 1_000);
  const receiver = await hook(() => undefined);
  const endpoint = await stage.endpoint(receiver.url, { agentId: provider });
  stage.sender().start();
  await stage.invoke(services[0]);
  await stage.settled(endpoint, 1);
  receiver.answer = (response) => response.writeHead(204).end();
  await stage.invoke(services[1]);
  const rows = await stage.settled(endpoint, 2);
  expect(rows.map(({ status }) => status)).toEqual(['expired', 'delivered']);
});

it('an address that takes connections and answers badly closes its host to nobody else', async () => {
  const other = await stage.otherProvider();
  const receiver = await hook((response, _hit, request) => {
    if (request.url === '/bad') response.end('x'.repeat(100_000));
    else response.writeHead(204).end();
  });
  const bad = await stage.endpoint(receiver.url.replace('/hook', '/bad'));
  const good = await stage.endpoint(receiver.url, { agentId: other.provider });
  stage.sender().start();
  for (let n = 0; n < 6; n += 1) await stage.invoke();
  await receiver.until(6);
  await stage.invoke(other.service);
  expect((await stage.settled(good, 1))[0]).toMatchObject({ status: 'delivered', attempt: 1 });
  const tries = (await stage.rows(bad)).flatMap((row) => row.tries);
  expect(tries.length).toBeGreaterThanOrEqual(5);
  expect(new Set(tries.map(({ reason }) => reason))).toEqual(new Set(['too-large']));
});

it('a secret that cannot be opened keeps nothing from other endpoints', async () => {
  const other = await stage.otherProvider();
  const receiver = await hook();
  const spoilt = await stage.endpoint(receiver.url);
  const good = await stage.endpoint(receiver.url, { agentId: other.provider });
  await stage.database.pool.query(
    'update market.webhook_secret set secret = set_byte(secret, 19, 255 - get_byte(secret, 19)) where endpoint_id = $1',
    [spoilt],
  );
  // Both fall due in one claim.
  await stage.invoke();
  await stage.invoke(other.service);
  stage.sender().start();
  expect((await stage.settled(good, 1))[0]).toMatchObject({ status: 'delivered', attempt: 1 });
  expect(receiver.hits.map(({ body }) => [body['seq'], body['serviceId'], body['attempt']])).toEqual([
    [1, Number(other.service), 1],
  ]);
});

it('a backlog that falls due at once holds up nobody who has news', async () => {
  const other = await stage.otherProvider();
  const slow = await hook(() => undefined);
  const well = await hook();
  const behind = await stage.endpoint(slow.url);
  const good = await stage.endpoint(well.url, { agentId: other.provider });
  await stage.set(behind, `state = 'paused'`);
  for (let n = 0; n < 200; n += 1) await stage.invoke();
  stage.sender().start();
  await expect.poll(async () => (await stage.rows(behind)).length, { timeout: 10_000 }).toBe(200);
  await stage.set(behind, `state = 'active'`);
  await stage.deliveries.wake(behind);
  await slow.until(16);
  await stage.invoke(other.service);
  stage.hint(other.provider);
  await stage.settled(good, 1);
  const lateMs = await stage.ledger.one(
    `select extract(epoch from a.at - d.event_created_at) * 1000 from market.delivery_attempt a
    join market.delivery d on d.id = a.delivery_id where d.endpoint_id = $1`,
    [good],
  );
  expect(Number(lateMs)).toBeLessThan(1_500);
});
