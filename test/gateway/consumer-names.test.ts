import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Market, type Agent } from './market.js';

type Known = {
  consumers: {
    name: string;
    ackedSeq: number;
    takenSeq: number;
    types: string[];
    sockets: number;
    updatedAt: string;
  }[];
  max: number;
  working: number;
  watching: number;
};

let market: Market;

beforeAll(async () => {
  market = await Market.start();
});
afterEach(() => market.hangUp());
afterAll(() => market.close());

const PATH = '/agent/me/consumers';
const known = (agent: Agent): Promise<Known> => market.node.call<Known>(agent.key, 'GET', PATH);
const forget = (agent: Agent, name: string): Promise<object> =>
  market.node.call(agent.key, 'DELETE', `${PATH}/${encodeURIComponent(name)}`);
/** Another key of the same agent. */
async function keyWith(agent: Agent, scopes: string[]): Promise<Agent> {
  const path = `/owner/agents/${String(agent.id)}/keys`;
  const { key, id } = await market.node.call<{ key: string; id: number }>(agent.ownerKey, 'POST', path, { scopes });
  return { ...agent, key, keyId: id };
}

describe('the consumers of an agent', () => {
  it('are listed with their places, types and open sockets', async () => {
    const shop = await market.shop();
    await market.invoke(shop);
    await market.invoke(shop);
    const main = await market.greet(shop.provider, { consumer: 'main', after: 0 });
    await market.greet(shop.provider, { consumer: 'main' });
    const watcher = await keyWith(shop.provider, ['read']);
    await (await market.greet(watcher, { consumer: 'main', types: ['review.created'] })).leave();
    await main.until(() => main.events.length > 0);
    main.ack('1.1');
    await expect.poll(async () => (await known(shop.provider)).consumers[0]?.ackedSeq, { timeout: 4_000 }).toBe(1);
    expect(await known(shop.provider)).toEqual({
      consumers: [
        { name: 'main', ackedSeq: 1, takenSeq: 2, types: [], sockets: 2, updatedAt: expect.any(String) },
        {
          name: '~main',
          ackedSeq: expect.any(Number),
          takenSeq: expect.any(Number),
          types: ['review.created'],
          sockets: 0,
          updatedAt: expect.any(String),
        },
      ],
      max: 32,
      working: 1,
      watching: 1,
    });
    expect((await known(shop.caller)).consumers).toEqual([]);
  });

  it('are forgotten with their place, but not while a socket is open', async () => {
    const shop = await market.shop();
    await market.invoke(shop);
    const client = await market.greet(shop.provider, { consumer: 'main', after: 0 });
    await client.until(() => client.events.length === 1);
    await expect(forget(shop.provider, 'main')).rejects.toThrow('CONSUMER_OPEN');
    await client.leave();
    await expect.poll(async () => (await known(shop.provider)).consumers[0]?.sockets).toBe(0);
    await forget(shop.provider, 'main');
    await expect(forget(shop.provider, 'main')).rejects.toThrow('NOT_FOUND');
    expect((await known(shop.provider)).consumers).toEqual([]);
    const { rows } = await market.database.pool.query('select from market.consumer_claim where agent_id = $1', [
      shop.provider.id,
    ]);
    expect(rows).toHaveLength(0);
    // New again: it begins with what is pending, as the first attempt.
    const again = await market.greet(shop.provider, { consumer: 'main' });
    await again.until(() => again.events.length === 1);
    expect(again.events).toEqual(['1.1']);
  });

  it.each(['nobody', '~main', 'a/b', 'main\n', 'x'.repeat(64), '%'])(
    'that is not there is not found: %j',
    async (name) => {
      const agent = await market.agent();
      await (await market.greet(agent, { consumer: 'main' })).leave();
      await expect(forget(agent, name)).rejects.toThrow('NOT_FOUND');
    },
  );

  it('are not those of another agent, and only whoever may provide forgets one', async () => {
    const [agent, other] = [await market.agent(), await market.agent()];
    await (await market.greet(agent, { consumer: 'main' })).leave();
    await expect(forget(other, 'main')).rejects.toThrow('NOT_FOUND');
    await expect(forget(await keyWith(agent, ['read']), 'main')).rejects.toThrow('SCOPE_MISSING');
    expect((await known(agent)).working).toBe(1);
  });

  it('that only watch take no place from those that work', async () => {
    const agent = await market.agent();
    const watcher = await keyWith(agent, ['read']);
    for (let n = 0; n < 32; n += 1) await (await market.greet(watcher, { consumer: `w${String(n)}` })).leave();
    const one = await market.open(watcher, {}, '?v=1');
    one.send({ type: 'hello', consumer: 'w32' });
    expect(await one.untilClosed()).toMatchObject({ code: 4501, reason: 'CONSUMER_LIMIT' });
    expect((await market.greet(agent, { consumer: 'main' })).welcome).toBeDefined();
    expect(await known(agent)).toMatchObject({ working: 1, watching: 32 });
    await forget(agent, '~w0');
    expect((await market.greet(watcher, { consumer: 'w32' })).welcome).toBeDefined();
  });

  it('take no names in the query', async () => {
    const agent = await market.agent();
    await expect(market.node.call(agent.key, 'GET', `${PATH}?limit=1`)).rejects.toThrow('VALIDATION_FAILED');
  });
});
