import { afterEach, beforeEach, expect, it } from 'vitest';
import { expectInvariants } from '../support/database.js';
import { figuresOf } from '../support/figures.js';
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
const figures = async (): Promise<Map<string, number>> => figuresOf(await stage.platform.metrics.text());

it('tell of deliveries made and ended, and of each try', async () => {
  const well = await hook();
  const angry = await hook((response) => response.writeHead(angry.hits.length < 3 ? 503 : 200).end());
  const gone = await hook((_response, _hit, request) => request.socket.resetAndDestroy());
  const endpoints = [await stage.endpoint(well.url), await stage.endpoint(angry.url)];
  await stage.endpoint(gone.url, { agentId: stage.caller });
  stage.sender().start();
  const id = await stage.invoke();
  stage.hint(stage.provider);
  for (const endpoint of endpoints) await stage.settled(endpoint, 1);
  await stage.submit(id);
  stage.hint(stage.caller);
  await gone.until(1);
  await expect
    .poll(async () => (await figures()).get('c4c_webhook_tries_total{outcome="failed",cause="reset"}'))
    .toBe(1);
  const after = await figures();
  expect(after.get('c4c_webhook_deliveries_made_total')).toBe(3);
  expect(after.get('c4c_webhook_deliveries_ended_total{status="delivered"}')).toBe(2);
  expect(after.get('c4c_webhook_tries_total{outcome="delivered",cause="2xx"}')).toBe(2);
  expect(after.get('c4c_webhook_tries_total{outcome="refused",cause="5xx"}')).toBe(2);
  expect(after.get('c4c_webhook_try_seconds_count{outcome="delivered"}')).toBe(2);
  expect(after.get('c4c_webhook_try_seconds_count{outcome="refused"}')).toBe(2);
  expect(after.get('c4c_webhook_try_seconds_count{outcome="failed"}')).toBe(1);
  expect(after.get('c4c_webhook_try_lateness_seconds_count')).toBe(5);
  // A try is late from when it was due, not from when the one before it was.
  expect(after.get('c4c_webhook_try_lateness_seconds_sum')).toBeLessThan(5);
});

it('count what is under way, what is pending and for how long it has been due', async () => {
  const held: (() => void)[] = [];
  const slow = await hook((response) => void held.push(() => response.writeHead(204).end()));
  const endpoint = await stage.endpoint(slow.url);
  for (let n = 0; n < 3; n += 1) await stage.invoke();
  await stage.deliveries.fanOut([stage.provider], ['invocation.invoked'], 50);
  await stage.database.advanceClock(7_000);
  stage.sender();
  const before = await figures();
  expect(before.get('c4c_webhook_deliveries_pending')).toBe(3);
  expect(before.get('c4c_webhook_oldest_due_seconds')).toBeGreaterThanOrEqual(7);
  expect(before.get('c4c_webhook_tries_in_flight')).toBe(0);
  expect(before.get('c4c_webhook_breakers_open')).toBe(0);
  expect(before.get('c4c_webhook_replays_pending')).toBe(0);
  stage.sender().start();
  await slow.until(3);
  expect((await figures()).get('c4c_webhook_tries_in_flight')).toBe(3);
  for (const answer of held) answer();
  await stage.settled(endpoint, 3);
  await expect.poll(async () => (await figures()).get('c4c_webhook_tries_in_flight')).toBe(0);
  const lateS = (await figures()).get('c4c_webhook_try_lateness_seconds_sum');
  expect(lateS).toBeGreaterThanOrEqual(21);
});

it('count breakers that are open and replays that wait', async () => {
  // Nobody listens there any more.
  const down = await Hook.start();
  const { url } = down;
  await down.stop();
  const endpoint = await stage.endpoint(url, { agentId: stage.caller });
  for (let n = 0; n < 8; n += 1) await stage.submit(await stage.invoke());
  const { rows } = await stage.database.pool.query<{ id: bigint }>(
    `insert into market.webhook_replay (endpoint_id, idempotency_key, kind, after, through, position)
    values ($1, 'k', 'failed', 0, 0, 0) returning id`,
    [endpoint],
  );
  expect(rows.length).toBe(1);
  stage.sender().start();
  await expect.poll(async () => (await stage.endpointRow(endpoint)).opened).toBe(1);
  const after = await figures();
  expect(after.get('c4c_webhook_breakers_open')).toBe(1);
  expect(after.get('c4c_webhook_host_breakers_open')).toBe(1);
  expect(after.get('c4c_webhook_replays_pending')).toBe(1);
});
