import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Market } from './market.js';

let market: Market;

beforeAll(async () => {
  market = await Market.start();
});
afterEach(() => market.hangUp());
afterAll(() => market.close());

describe('notifications', () => {
  it('bring live events in their order to every socket of the agent, and to nobody else', async () => {
    const [shop, stranger] = [await market.shop(), await market.shop()];
    const [first, second] = [await market.open(shop.provider), await market.open(shop.provider)];
    const foreign = await market.open(stranger.provider);
    const ids: number[] = [];
    for (let n = 0; n < 30; n += 1) ids.push(await market.invoke(shop));
    await Promise.all([first.until(() => first.invoked.length >= 30), second.until(() => second.invoked.length >= 30)]);
    expect(first.invoked).toEqual(ids);
    expect(second.invoked).toEqual(ids);
    expect(foreign.frames).toEqual([]);
  });

  it('have the shape that existing clients read', async () => {
    const shop = await market.shop();
    const [provider, caller] = [await market.open(shop.provider), await market.open(shop.caller)];
    const invocationId = await market.invoke(shop, { input: { text: 'hello' } });
    await provider.until(() => provider.frames.length === 1);
    expect(provider.frames[0]).toMatchObject({
      type: 'notification',
      domain: 'service_invocation',
      event: 'service_invoked',
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
      messageId: expect.stringMatching(/^evt_/),
      data: { invocationId, serviceId: shop.serviceId, serviceTitle: 'Echo', price: '0.01', input: { text: 'hello' } },
    });
    await market.submit(shop, invocationId);
    await caller.until(() => caller.frames.length === 1);
    expect(caller.frames[0]).toMatchObject({
      event: 'result_submitted',
      data: { invocationId, output: { text: 'y' } },
    });
  });

  it('of employments have the shape that existing clients read', async () => {
    const { provider, caller } = await market.shop();
    const [employee, employer] = [await market.open(provider), await market.open(caller)];
    const { id } = await market.node.call<{ id: number }>(caller.key, 'POST', '/agent/me/employments', {
      employeeAgentId: provider.id,
      salary: '0.01',
      duration: 3,
    });
    await market.node.call(provider.key, 'POST', `/agent/me/employments/${id}/accept`, {});
    await market.node.call(caller.key, 'POST', `/agent/me/employments/${id}/terminate`, { reason: 'Done.' });
    await Promise.all([
      employee.until(() => employee.frames.length === 2),
      employer.until(() => employer.frames.length === 1),
    ]);
    const data = {
      employmentId: id,
      employerAgentName: expect.any(String),
      employeeAgentName: expect.any(String),
      salary: '0.01',
      duration: 3,
    };
    expect(employee.frames).toMatchObject([
      { type: 'notification', domain: 'employment', event: 'employment_offered', data },
      {
        domain: 'employment',
        event: 'employment_terminated',
        data: { ...data, reason: 'Done.', totalPayment: '0.01' },
      },
    ]);
    expect(employer.frames).toMatchObject([{ domain: 'employment', event: 'employment_accepted', data }]);
  });

  it('have the whole input, however long, at connect and afterwards', async () => {
    const shop = await market.shop();
    const input = { text: 'x'.repeat(250_000) };
    const live = await market.open(shop.provider);
    await market.invoke(shop, { input });
    const later = await market.open(shop.provider);
    for (const client of [live, later]) {
      await client.until(() => client.frames.length === 1);
      expect(client.frames[0]?.data?.['input']).toEqual(input);
      expect(client.frames[0]?.data).not.toHaveProperty('inputUrl');
    }
  });

  it('of what is still pending come again at connect, once, and then what follows', async () => {
    const shop = await market.shop();
    const old: number[] = [];
    for (let n = 0; n < 40; n += 1) old.push(await market.invoke(shop));
    await market.submit(shop, old[3] ?? 0);
    const client = await market.open(shop.provider);
    const fresh = await market.invoke(shop);
    const expected = [...old.filter((id) => id !== old[3]), fresh];
    await client.until(() => client.invoked.length >= expected.length);
    // Longer than the next look at the log: nothing may come a second time.
    await sleep(1_000);
    expect(client.invoked).toEqual(expected);
  });

  it('of what was pending at connect and has ended since are not sent to a client that reads only now', async () => {
    const shop = await market.shop();
    const input = { text: 'x'.repeat(250_000) };
    const ids = await Promise.all(Array.from({ length: 120 }, () => market.invoke(shop, { input })));
    const last = Math.max(...ids);
    const client = await market.open(shop.provider);
    client.ws.pause();
    await expect.poll(() => market.phase(Math.min(...ids)), { timeout: 5_000 }).toBe('handed_over');
    await market.submit(shop, last);
    client.ws.resume();
    await client.until(() => client.invoked.length >= ids.length - 1, 20_000);
    const after = await market.invoke(shop);
    await client.until(() => client.invoked.includes(after));
    expect(client.invoked).toEqual([...ids.sort((a, b) => a - b).filter((id) => id !== last), after]);
  });

  it('come without any hint, too, in about a second', async () => {
    const shop = await market.shop();
    const client = await market.open(shop.provider);
    const id = await market.invoke(shop, { at: await market.elsewhere() });
    await client.until(() => client.invoked.includes(id), 2_000);
  });

  it('are not lost over a reconnect: the same message id again, and what was missed', async () => {
    const shop = await market.shop();
    const before = await market.open(shop.provider);
    const seen = await market.invoke(shop);
    await before.until(() => before.invoked.length === 1);
    await before.leave();
    const missed = await market.invoke(shop);
    const after = await market.open(shop.provider);
    await after.until(() => after.invoked.length === 2);
    expect(after.invoked).toEqual([seen, missed]);
    expect(after.frames[0]?.messageId).toBe(before.frames[0]?.messageId);
  });

  it('neither lack nor double an invocation made while sockets come and go', async () => {
    const shop = await market.shop();
    const made: number[] = [];
    const invoking = (async () => {
      for (let n = 0; n < 120; n += 1) made.push(await market.invoke(shop));
    })();
    for (let n = 0; n < 12; n += 1) {
      const client = await market.open(shop.provider);
      await sleep(30);
      expect(new Set(client.invoked).size).toBe(client.invoked.length);
      await client.leave();
    }
    const last = await market.open(shop.provider);
    await invoking;
    await last.until(() => last.invoked.length >= made.length);
    await sleep(1_000);
    expect(last.invoked).toEqual(made);
  });
});

describe('a hand-over', () => {
  it('is recorded, and counts as acknowledged when the socket answers a ping 2 s later', async () => {
    const shop = await market.shop();
    const client = await market.open(shop.provider);
    const id = await market.invoke(shop);
    await client.until(() => client.invoked.includes(id));
    await sleep(500);
    expect(await market.phase(id)).toBe('handed_over');
    await sleep(2_500);
    expect(await market.phase(id)).toBe('acknowledged');
  });

  it('is not acknowledged by a peer that answers no pings, and is none to a key that may not provide', async () => {
    const [shop, watched] = [await market.shop(), await market.shop(['read'])];
    const [mute, watcher] = [
      await market.open(shop.provider, { autoPong: false }),
      await market.open(watched.provider),
    ];
    const [id, watchedId] = [await market.invoke(shop), await market.invoke(watched)];
    await mute.until(() => mute.invoked.length === 1);
    await watcher.until(() => watcher.invoked.length === 1);
    await sleep(3_000);
    expect(await market.phase(id)).toBe('handed_over');
    expect(await market.phase(watchedId)).toBe('queued');
  });
});

describe('a slow reader', () => {
  it('is not buffered for, while others get everything; when it reads on it gets the rest, in order', async () => {
    const [slow, quick] = [await market.shop(), await market.shop()];
    const [sleeper, reader] = [await market.open(slow.provider), await market.open(quick.provider)];
    sleeper.ws.pause();
    const input = { text: 'x'.repeat(100_000) };
    const made: number[] = [];
    for (let n = 0; n < 300; n += 1) made.push(await market.invoke(slow, { input }));
    for (let n = 0; n < 10; n += 1) await market.invoke(quick);
    await reader.until(() => reader.invoked.length === 10);
    await sleep(1_000);
    // 30 MB wait for the sleeper; half a megabyte and the frame that went over it are held for it.
    expect(market.buffered(slow.provider)).toBeGreaterThan(512 * 1024);
    expect(market.buffered(slow.provider)).toBeLessThan(700 * 1024);
    sleeper.ws.resume();
    await sleeper.until(() => sleeper.invoked.length >= 300, 20_000);
    expect(sleeper.invoked).toEqual(made);
  });
});
