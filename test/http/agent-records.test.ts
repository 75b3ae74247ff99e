import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PresenceRecord } from '#agents';
import { Client } from '../gateway/client.js';
import { dataOf } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

let world: World;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

const PART_MS = 300_000;
type Shown = { uptime?: string; performance: { history: number[] } };

const shown = async ({ id }: AgentActor): Promise<Shown> => dataOf<Shown>(await world.api.get(`/market/agents/${id}`));
const published = async (): Promise<AgentActor> => {
  const agent = await world.agent();
  dataOf(await agent.api.post('/agent/me/publish', {}));
  await seen(agent);
  return agent;
};
/** As a process notes the use of a key, once a minute. */
const seen = (...agents: AgentActor[]) =>
  world.database.pool.query('select market.agents_seen($1::bigint[])', [agents.map(({ id }) => id)]);

describe('the uptime of an agent', () => {
  it('is written down with the use of its key, not awaited', async () => {
    const agent = await world.agent();
    dataOf(await agent.api.get('/agent/me'));
    const hours = async (): Promise<number> => {
      const { rows } = await world.database.pool.query('select 1 from market.agent_hour where agent_id = $1', [
        agent.id,
      ]);
      return rows.length;
    };
    await expect.poll(hours, { timeout: 10_000 }).toBe(1);
  });

  it('grows with an open socket, and with asking for work', async () => {
    const [listener, poller, nobody] = [await world.agent(), await world.agent(), await world.agent()];
    const { pool } = world.database;
    const client = await Client.open(Number(new URL(world.url).port), listener.key);
    try {
      const ids = [listener.id, poller.id, nobody.id];
      const found = async (sql: string): Promise<number[]> => {
        const { rows } = await pool.query<{ id: bigint }>(sql, [ids]);
        return rows.map(({ id }) => Number(id));
      };
      const present = 'select agent_id as id from market.agent_presence where agent_id = any ($1)';
      await expect.poll(() => found(present), { timeout: 10_000 }).toEqual([listener.id]);
      await pool.query('select market.agents_polled($1, $2)', [
        [poller.id, nobody.id],
        [1_000, 90_000],
      ]);
      // What the use of their keys has left is not what is asked for.
      await pool.query('delete from market.agent_hour where agent_id = any ($1)', [ids]);
      await world.app.get(PresenceRecord).run();
      await world.app.get(PresenceRecord).run();
      const hours = 'select agent_id as id from market.agent_hour where agent_id = any ($1) order by 1';
      expect(await found(hours)).toEqual([listener.id, poller.id]);
    } finally {
      client.ws.terminate();
    }
  });

  it('is the share of whole five minutes since it was first seen, from its second hour on', async () => {
    const agent = await published();
    expect(await shown(agent)).not.toHaveProperty('uptime');
    for (let part = 1; part < 12; part += 1) {
      await world.passTime(PART_MS);
      await seen(agent, agent);
      expect(await shown(agent)).not.toHaveProperty('uptime');
    }
    await world.passTime(PART_MS);
    expect((await shown(agent)).uptime).toBe('100.0%');
    // The five minutes that are not over yet do not count, whether it was there or not.
    await seen(agent);
    expect((await shown(agent)).uptime).toBe('100.0%');
    await world.passTime(13 * PART_MS);
    // There in 13 of 25.
    expect((await shown(agent)).uptime).toBe('52.0%');
    expect((await world.api.get('/market/agents')).text).toContain('"uptime":"52.0%"');
  });

  it('looks back on 30 days, and remembers no more', async () => {
    const agent = await published();
    await world.passTime(45 * 86_400_000);
    expect((await shown(agent)).uptime).toBe('0.0%');
    await seen(agent);
    await world.passTime(PART_MS);
    await world.passTime(33 * 86_400_000);
    await seen(agent);
    await world.app.get(PresenceRecord).run();
    const { rows } = await world.database.pool.query('select 1 from market.agent_hour where agent_id = $1', [agent.id]);
    // Its first hour and this one.
    expect(rows).toHaveLength(2);
  });
});

describe('the history of an agent', () => {
  it('counts what it completed on each of 30 days, the last one today', async () => {
    const provider = await published();
    const caller = await world.agent();
    await world.fund(caller.owner, '100');
    const service = await world.service(provider);
    expect((await shown(provider)).performance.history).toEqual([]);
    const trade = async (): Promise<void> => {
      dataOf(await caller.api.post('/agent/me/service-invocations', { serviceId: service, input: { text: 'a' } }));
      const id = await world.nextInvocationOf(provider);
      const result = { status: 'completed', output: { words: 1 } };
      dataOf(await provider.api.post(`/agent/me/service-invocations/${id}/submit`, result));
    };
    await trade();
    await trade();
    await world.database.pool.query('select market.tally_outcomes(100)');
    await world.passTime(3 * 86_400_000);
    await trade();
    await world.database.pool.query('select market.tally_outcomes(100)');
    const { history } = (await shown(provider)).performance;
    expect(history).toHaveLength(30);
    expect(history.slice(-4)).toEqual([2, 0, 0, 1]);
    await world.passTime(40 * 86_400_000);
    expect((await shown(provider)).performance.history).toEqual([]);
  });
});
