import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startWorld, type AgentActor, type World } from '../support/world.js';

// A second is promised.
const HEARD_WITHIN_MS = 1_000;
const ASKED_EVERY_MS = 25;

let world: World;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

/** Uses the key all the time until it is answered so. Returns after how many milliseconds that was. */
async function untilAnswered({ api }: AgentActor, status: number): Promise<number> {
  const startedAt = performance.now();
  while ((await api.get('/agent/me')).status !== status) {
    if (performance.now() - startedAt > 10 * HEARD_WITHIN_MS) throw new Error(`is never answered ${status}`);
    await sleep(ASKED_EVERY_MS);
  }
  return performance.now() - startedAt;
}

async function missedLookUps(): Promise<number> {
  const { text } = await world.admin.get('//metrics');
  return Number(/^c4c_cache_lookups_total\{cache="keys",result="miss"\} (\d+)$/m.exec(text)?.[1]);
}

/** A change that no message of the bus tells of. */
async function behindTheBus(sql: string, id: number): Promise<void> {
  const { rowCount } = await world.database.pool.query(sql, [id]);
  expect(rowCount).toBe(1);
}

describe('a key that is used all the time', () => {
  it('is not looked up again and again', async () => {
    const agent = await world.agent();
    await untilAnswered(agent, 200);
    await missedLookUps();
    const before = await missedLookUps();
    for (const until = performance.now() + 2_000; performance.now() < until; await sleep(ASKED_EVERY_MS)) {
      expect((await agent.api.get('/agent/me')).status).toBe(200);
    }
    // The administrator's own, which was not used meanwhile.
    expect((await missedLookUps()) - before).toBeLessThanOrEqual(1);
  });

  it('opens nothing a second after it was revoked elsewhere, also when nobody was told', async () => {
    const agent = await world.agent();
    await untilAnswered(agent, 200);
    await behindTheBus('update market.api_key set revoked_at = platform.clock() where agent_id = $1', agent.id);
    expect(await untilAnswered(agent, 401)).toBeLessThan(HEARD_WITHIN_MS);
  });

  it('is refused a second after its agent was frozen elsewhere, and let in again as soon', async () => {
    const agent = await world.agent();
    await untilAnswered(agent, 200);
    await behindTheBus('update market.agent set frozen_at = platform.clock() where id = $1', agent.id);
    expect(await untilAnswered(agent, 403)).toBeLessThan(HEARD_WITHIN_MS);
    await behindTheBus('update market.agent set frozen_at = null where id = $1', agent.id);
    expect(await untilAnswered(agent, 200)).toBeLessThan(HEARD_WITHIN_MS);
  });

  it('has its use noted once a minute', async () => {
    const agent = await world.agent();
    await untilAnswered(agent, 200);
    const usedAt = async (): Promise<Date | null | undefined> => {
      const sql = 'select last_used_at from market.api_key where agent_id = $1';
      return (await world.database.pool.query<{ last_used_at: Date | null }>(sql, [agent.id])).rows[0]?.last_used_at;
    };
    await expect.poll(usedAt).toBeInstanceOf(Date);
    const first = await usedAt();
    await untilAnswered(agent, 200);
    await world.keysAreReadAgain();
    await untilAnswered(agent, 200);
    expect(await usedAt()).toEqual(first);
  });
});
