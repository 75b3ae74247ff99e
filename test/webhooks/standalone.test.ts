import { afterEach, beforeEach, expect, it } from 'vitest';
import { startMarket } from '../../apps/standalone/market.js';
import { expectInvariants } from '../support/database.js';
import { Hook } from './hook.js';
import { Stage } from './stage.js';

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.start();
});
afterEach(async () => {
  await expectInvariants(stage.database);
  await stage.end();
});

it('a market in one process that stops ends the tries under way, and the next one goes on with the rest', async () => {
  const held: (() => void)[] = [];
  const hook = await Hook.start((response) => void held.push(() => response.writeHead(204).end()));
  const endpoint = await stage.endpoint(hook.url);
  for (let n = 0; n < 24; n += 1) await stage.invoke();
  const config = stage.database.config({ C4C_EGRESS_ALLOW: '127.0.0.0/8' });
  const first = await startMarket(config);
  await hook.until(16);
  const closed = first.close();
  // The API ends before the workers do.
  await expect
    .poll(() =>
      fetch(first.url).then(
        () => 'there',
        () => 'gone',
      ),
    )
    .toBe('gone');
  hook.answer = (response) => response.writeHead(204).end();
  for (const answer of held) answer();
  await closed;
  const sent = hook.hits.length;
  const delivered = (await stage.rows(endpoint)).filter(({ status }) => status === 'delivered');
  expect(delivered.length).toBe(sent);
  const next = await startMarket(config);
  try {
    await stage.settled(endpoint, 24);
    expect([hook.hits.length, hook.ids.size]).toEqual([24, 24]);
  } finally {
    await next.close();
    await hook.stop();
  }
});
