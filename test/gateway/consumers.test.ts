import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Client } from './client.js';
import { Market, Node, type Agent, type Shop } from './market.js';

let market: Market;

beforeAll(async () => {
  market = await Market.start();
});
afterEach(() => market.hangUp());
afterAll(() => market.close());

/** So many invocations for the provider: events 1, 2, … of its stream. */
async function announce(shop: Shop, count: number): Promise<number[]> {
  const ids: number[] = [];
  for (let n = 0; n < count; n += 1) ids.push(await market.invoke(shop));
  return ids;
}

async function place(agent: Agent, consumer = 'default'): Promise<{ acked: number; taken: number } | undefined> {
  const { rows } = await market.database.pool.query<{ acked: number; taken: number }>(
    `select acked_seq::integer as acked, taken_seq::integer as taken from market.consumer_cursor
    where agent_id = $1 and consumer = $2`,
    [agent.id, consumer],
  );
  return rows[0];
}

/** Waits for what the database comes to say; the server writes it down within a second. */
async function until(holds: () => Promise<boolean> | boolean, limitMs = 4_000): Promise<void> {
  const end = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`did not come in ${String(limitMs)} ms`);
    await sleep(10);
  }
}

describe('a consumer', () => {
  it('gets a welcome, everything after its number, caught_up, and then what happens', async () => {
    const shop = await market.shop();
    const ids = await announce(shop, 3);
    const client = await market.greet(shop.provider, { after: 1, consumer: 'main', window: 10 });
    expect(client.welcome).toMatchObject({ v: 1, head: 3, acked: 1, window: 10, pingMs: 20_000, maxBytes: 524_288 });
    await client.until(() => client.ofType('caught_up').length > 0);
    ids.push(await market.invoke(shop));
    await client.until(() => client.events.length === 3);
    expect(client.frames.map(({ type, seq }) => [type, seq])).toEqual([
      ['welcome', undefined],
      ['event', 2],
      ['event', 3],
      ['caught_up', 3],
      ['event', 4],
    ]);
    expect(client.ofType('event')[0]).toMatchObject({
      event: 'service_invoked',
      class: 'work',
      attempt: 1,
      redelivered: false,
      id: expect.stringMatching(/^evt_/),
      deadlineAt: expect.any(String),
      data: { invocationId: ids[1], input: { text: 'x' } },
    });
    expect(client.ws.protocol).toBe('c4c.v1');
  });

  it('is told where a long input is, and gets it with the event when its key could not read it there', async () => {
    const shop = await market.shop();
    const { key } = await market.node.call<{ key: string }>(
      shop.provider.ownerKey,
      'POST',
      `/owner/agents/${String(shop.provider.id)}/keys`,
      { scopes: ['provide'] },
    );
    const input = { text: 'x'.repeat(100_000) };
    const id = await market.invoke(shop, { input });
    const reader = await market.greet(shop.provider, { consumer: 'reader' });
    await reader.until(() => reader.events.length === 1);
    expect(reader.ofType('event')[0]?.data).toMatchObject({
      invocationId: id,
      inputUrl: `/openapi/v1/agent/me/service-invocations/${String(id)}`,
    });
    expect(reader.ofType('event')[0]?.data).not.toHaveProperty('input');
    const worker = await market.greet({ ...shop.provider, key }, { consumer: 'worker' });
    await worker.until(() => worker.events.length === 1);
    expect(worker.ofType('event')[0]?.data?.['input']).toEqual(input);
    worker.ack('1.1');
    await until(async () => (await market.phase(id)) === 'acknowledged');
  });

  it('that is new and names no number begins with what is pending', async () => {
    const shop = await market.shop();
    const [first] = await announce(shop, 3);
    await market.submit(shop, first ?? 0);
    const client = await market.greet(shop.provider);
    await client.until(() => client.ofType('caught_up').length > 0);
    expect(client.events).toEqual(['2.1', '3.1']);
    const caller = await market.greet(shop.caller);
    await caller.until(() => caller.ofType('caught_up').length > 0);
    expect(caller.events).toEqual([]);
  });

  it('gets only the types it asks for, and its place passes over the others', async () => {
    const shop = await market.shop();
    const [first] = await announce(shop, 2);
    await market.submit(shop, first ?? 0);
    await market.submit(shop, (first ?? 0) + 1).catch(() => undefined);
    await market.node.call(shop.caller.key, 'POST', `/agent/me/service-invocations/${String(first)}/review`, {
      rating: 5,
    });
    const client = await market.greet(shop.provider, { after: 0, types: ['review.created'] });
    await client.until(() => client.ofType('caught_up').length > 0);
    expect(client.ofType('event').map(({ seq, event }) => [seq, event])).toEqual([[3, 'invocation_reviewed']]);
    expect(await place(shop.provider)).toEqual({ acked: 2, taken: 3 });
  });

  it('gets at most its window without acknowledging, and the rest as it does', async () => {
    const shop = await market.shop();
    await announce(shop, 7);
    const client = await market.greet(shop.provider, { after: 0, window: 3 });
    await client.until(() => client.events.length === 3);
    client.ack('1.1');
    await client.until(() => client.events.length === 4);
    client.ack('2.1', '3.1', '4.1');
    await client.until(() => client.events.length === 7);
    expect(client.ofType('caught_up')).toHaveLength(0);
    client.ack('5.1', '6.1', '7.1');
    await client.until(() => client.ofType('caught_up').length === 1);
    await until(async () => (await place(shop.provider))?.acked === 7);
  });

  it('never has its place moved past what is unacknowledged: by duplicate, reordered, stale or invented acknowledgements', async () => {
    const shop = await market.shop();
    await announce(shop, 5);
    const client = await market.greet(shop.provider, { after: 0 });
    await client.until(() => client.events.length === 5);
    client.ack('5.1', '3.1', '3.1', '4.1', '1.1', '2.2', '2.0x', '900.1');
    // The malformed one ends the socket.
    expect(await client.untilClosed()).toMatchObject({ code: 4501 });
    await until(async () => (await place(shop.provider))?.acked === 1);
    const again = await market.greet(shop.provider);
    await again.until(() => again.ofType('caught_up').length > 0);
    expect(again.events).toEqual(['2.2']);
    expect(again.ofType('event')[0]).toMatchObject({ redelivered: true });
    again.ack('2.1');
    again.ack('2.2');
    await until(async () => (await place(shop.provider))?.acked === 5);
  });

  it('gets an event again after the delay of its nack, with the next attempt', async () => {
    const shop = await market.shop();
    await announce(shop, 2);
    const client = await market.greet(shop.provider, { after: 0 });
    await client.until(() => client.events.length === 2);
    client.send({ type: 'nack', seq: 1, attempt: 1, delayMs: 0 });
    await client.until(() => client.events.includes('1.2'));
    const startedAt = performance.now();
    client.send({ type: 'nack', seq: 2, attempt: 1, delayMs: 1_000 });
    await client.until(() => client.events.includes('2.2'));
    expect(performance.now() - startedAt).toBeGreaterThan(950);
    // An acknowledgement of the attempt that was given back counts no more.
    client.ack('1.1', '2.1');
    client.ack('1.2');
    await until(async () => (await place(shop.provider))?.acked === 1);
  });

  it('gets an event again that it has not acknowledged in time, but not while it reports progress', async () => {
    const shop = await market.shop();
    const [first, second] = await announce(shop, 2);
    const client = await market.greet(shop.provider, { after: 0 });
    await client.until(() => client.events.length === 2);
    const age = `update market.consumer_claim set due_at = due_at - interval '30 seconds' where agent_id = $1`;
    await market.database.pool.query(age, [shop.provider.id]);
    await client.until(() => client.events.includes('1.2') && client.events.includes('2.2'));
    client.send({ type: 'progress', seq: 2, percent: 40, note: 'half' });
    await until(async () => (await market.phase(second ?? 0)) === 'acknowledged');
    expect(await market.phase(first ?? 0)).toBe('handed_over');
    const { rows } = await market.database.pool.query<{ later: boolean }>(
      `select max(due_at) filter (where seq = 2) > max(due_at) filter (where seq = 1) as later
      from market.consumer_claim where agent_id = $1`,
      [shop.provider.id],
    );
    expect(rows).toEqual([{ later: true }]);
    client.ack('1.2');
    await until(async () => (await market.phase(first ?? 0)) === 'acknowledged');
  });

  it('is told what retention has dropped, and goes on behind it', async () => {
    const shop = await market.shop();
    await announce(shop, 4);
    await market.database.pool.query('delete from market.agent_event where agent_id = $1 and seq <= 2', [
      shop.provider.id,
    ]);
    const client = await market.greet(shop.provider, { after: 0 });
    await client.until(() => client.ofType('caught_up').length > 0);
    expect(client.ofType('gap')).toEqual([{ type: 'gap', from: 1, to: 2 }]);
    expect(client.events).toEqual(['3.1', '4.1']);
    await client.leave();
    await market.database.pool.query('delete from market.agent_event where agent_id = $1', [shop.provider.id]);
    const again = await market.greet(shop.provider, { after: 3 });
    await again.until(() => again.ofType('caught_up').length > 0);
    expect(again.ofType('gap')).toEqual([{ type: 'gap', from: 4, to: 4 }]);
    expect(await place(shop.provider)).toEqual({ acked: 4, taken: 4 });
  });

  it('pauses, resumes and says goodbye', async () => {
    const shop = await market.shop();
    const client = await market.greet(shop.provider);
    client.send({ type: 'pause' });
    client.send({ type: 'ping', n: 7 });
    await client.until(() => client.ofType('pong').length > 0);
    await market.invoke(shop);
    const other = await market.greet(shop.provider, { consumer: 'other', after: 0 });
    await other.until(() => other.events.length === 1);
    expect(client.events).toEqual([]);
    client.send({ type: 'resume' });
    await client.until(() => client.events.length === 1);
    client.ack('1.1');
    client.send({ type: 'bye' });
    expect(await client.untilClosed()).toMatchObject({ code: 1000 });
    await until(async () => (await place(shop.provider))?.acked === 1);
  });
});

describe('several sockets', () => {
  it('of one consumer share its events, of another each get all; at two processes too', async () => {
    const shop = await market.shop();
    const there = await market.elsewhere();
    const sharing = [
      await market.greet(shop.provider, { consumer: 'pool', window: 2 }),
      await market.greet(shop.provider, { consumer: 'pool', window: 2 }),
      await market.greet(shop.provider, { consumer: 'pool', window: 2 }, there),
    ];
    const alone = await market.greet(shop.provider, { consumer: 'audit' }, there);
    await announce(shop, 6);
    await alone.until(() => alone.events.length === 6);
    const got = (): string[] => sharing.flatMap(({ events }) => events).sort();
    await until(() => got().length === 6);
    expect(got()).toEqual(['1.1', '2.1', '3.1', '4.1', '5.1', '6.1']);
    expect(sharing.map(({ events }) => events.length)).toEqual([2, 2, 2]);
    // What one of them held when it ended goes to the others.
    const [first, second, third] = sharing as [Client, Client, Client];
    const lost = [...third.events];
    for (const client of [first, second]) client.ack(...client.events);
    third.ws.terminate();
    const again = lost.map((event) => event.replace('.1', '.2'));
    await until(() => again.every((event) => got().includes(event)));
    for (const client of [first, second]) client.ack(...client.events);
    await until(async () => (await place(shop.provider, 'pool'))?.acked === 6);
  });

  it('of a key that may only read take nothing from those that provide, under the same name', async () => {
    const shop = await market.shop();
    const made = await market.node.call<{ key: string }>(
      shop.provider.ownerKey,
      'POST',
      `/owner/agents/${String(shop.provider.id)}/keys`,
      { scopes: ['read'] },
    );
    const watcher = await market.greet({ ...shop.provider, key: made.key }, { consumer: 'pool' });
    const worker = await market.greet(shop.provider, { consumer: 'pool' });
    const [first] = await announce(shop, 3);
    await Promise.all([
      watcher.until(() => watcher.events.length === 3),
      worker.until(() => worker.events.length === 3),
    ]);
    watcher.ack('1.1', '2.1', '3.1');
    worker.ack('2.1');
    await until(async () => (await place(shop.provider, '~pool'))?.acked === 3);
    expect(await place(shop.provider, 'pool')).toEqual({ acked: 0, taken: 3 });
    expect(await market.phase(first ?? 0)).toBe('handed_over');
  });

  it('share what a process held that died', async () => {
    const shop = await market.shop();
    const dying = await Node.start(market.database);
    const held = await market.greet(shop.provider, { consumer: 'pool' }, dying);
    await announce(shop, 3);
    await held.until(() => held.events.length === 3, 3_000);
    const heir = await market.greet(shop.provider, { consumer: 'pool', after: 0 });
    await heir.until(() => heir.ofType('caught_up').length > 0);
    expect(heir.events).toEqual([]);
    // It has not said for a minute that it is there, as one that is frozen or cut off.
    const { rows } = await market.database.pool.query<{ node: string }>(
      'select node from market.consumer_socket where agent_id = $1',
      [shop.provider.id],
    );
    expect(new Set(rows.map(({ node }) => node)).size).toBe(2);
    // In one transaction with what the other says of itself: the beats of both go on, and neither is to come in between.
    const gone = `update market.gateway_node set seen_at = seen_at - interval '1 minute'
      where node in (select node from market.consumer_socket where session::text = $1)`;
    const tx = await market.database.pool.connect();
    await tx.query('begin');
    await tx.query(gone, [held.welcome?.['session']]);
    await tx.query(
      `select market.gateway_beat(node, false) from market.gateway_node where node = any ($1) and seen_at > now() - interval '5 seconds'`,
      [rows.map(({ node }) => node)],
    );
    await tx.query('commit');
    tx.release();
    await heir.until(() => heir.events.length === 3, 8_000);
    expect(heir.events).toEqual(['1.2', '2.2', '3.2']);
    // Should it come back, its acknowledgements count no more, and its clients begin anew.
    held.ack(...held.events);
    expect(await held.untilClosed(8_000)).toMatchObject({ code: 4005 });
    expect(await place(shop.provider, 'pool')).toEqual({ acked: 0, taken: 3 });
    await dying.close();
  });

  it('of one consumer are each told that all has been handed out, whichever of them is idle', async () => {
    const shop = await market.shop();
    await announce(shop, 2);
    const first = await market.greet(shop.provider, { consumer: 'main' });
    await first.until(() => first.ofType('caught_up').length === 1);
    const second = await market.greet(shop.provider, { consumer: 'main' });
    await second.until(() => second.ofType('caught_up').length === 1);
    expect(first.ofType('caught_up')).toHaveLength(1);
    expect(first.events).toEqual(['1.1', '2.1']);
    expect(second.events).toEqual([]);
  });

  it('are refused for a number that the stream has not reached, and keep what they had', async () => {
    const shop = await market.shop();
    await announce(shop, 2);
    const before = await market.greet(shop.provider, { consumer: 'main' });
    await before.until(() => before.events.length === 2);
    await before.leave();
    const ahead = await market.open(shop.provider, {}, '?v=1');
    ahead.send({ type: 'hello', consumer: 'main', after: 3 });
    expect(await ahead.untilClosed()).toMatchObject({ code: 4501, reason: 'CURSOR_AHEAD' });
    expect(ahead.frames).toMatchObject([{ type: 'error', code: 'CURSOR_AHEAD', details: { after: 3, head: 2 } }]);
    const after = await market.greet(shop.provider, { consumer: 'main' });
    await after.until(() => after.events.length === 2);
    expect(after.events).toEqual(['1.2', '2.2']);
  });

  it('that comes back with other types gets nothing that it had before under those it leaves out', async () => {
    const shop = await market.shop();
    await announce(shop, 2);
    const before = await market.greet(shop.provider, { consumer: 'main', types: ['invocation.invoked'] });
    await before.until(() => before.events.length === 2);
    await before.leave();
    const after = await market.greet(shop.provider, { consumer: 'main', types: ['review.created'] });
    await after.until(() => after.ofType('caught_up').length === 1);
    expect(after.events).toEqual([]);
    expect(after.welcome?.['acked']).toBe(2);
  });

  it('of one consumer have the same types: another hello is refused and takes nothing away', async () => {
    const shop = await market.shop();
    const there = await market.elsewhere();
    const first = await market.greet(shop.provider, { consumer: 'main' });
    for (const node of [undefined, there]) {
      const second = await market.open(shop.provider, {}, '?v=1', node);
      second.send({ type: 'hello', consumer: 'main', types: ['review.created'] });
      expect(await second.untilClosed()).toMatchObject({ code: 4501, reason: 'CONSUMER_TYPES' });
      expect(second.frames).toMatchObject([{ type: 'error', code: 'CONSUMER_TYPES', retryable: false }]);
      expect(second.frames[0]?.['message']).toContain('another name of a consumer');
    }
    await market.invoke(shop);
    await first.until(() => first.events.length === 1);
    first.ack('1.1');
    await first.leave();

    // Alone it may; and then the order of the types is nothing.
    const types = ['review.created', 'invocation.completed'];
    const alone = await market.greet(shop.provider, { consumer: 'main', types });
    const same = await market.greet(shop.provider, { consumer: 'main', types: types.toReversed() }, there);
    for (const other of [types.slice(1), undefined]) {
      const refused = await market.open(shop.provider, {}, '?v=1');
      refused.send({ type: 'hello', consumer: 'main', types: other });
      expect(await refused.untilClosed()).toMatchObject({ code: 4501, reason: 'CONSUMER_TYPES' });
    }
    expect([alone.closed, same.closed]).toEqual([undefined, undefined]);
  });

  it('of one consumer leave its place alone when they say another number', async () => {
    const shop = await market.shop();
    await announce(shop, 3);
    const first = await market.greet(shop.provider, { after: 1 });
    await first.until(() => first.events.length === 2);
    const second = await market.greet(shop.provider, { after: 0 }, await market.elsewhere());
    expect(second.welcome).toMatchObject({ acked: 1, head: 3 });
    await second.until(() => second.ofType('caught_up').length > 0);
    expect(second.events).toEqual([]);
  });
});

describe('submit over the socket', () => {
  it('does what its request does, and the same again gets the first answer', async () => {
    const shop = await market.shop();
    const id = await market.invoke(shop);
    const client = await market.greet(shop.provider);
    const submit = { type: 'submit', ref: 'a', invocationId: id, status: 'completed', output: { text: 'y' } };
    client.send(submit);
    client.send({ ...submit, ref: 'b' });
    client.send({ ...submit, ref: 3, output: { text: 'z' } });
    await client.until(() => client.ofType('reply').length === 3);
    const byRef = new Map(client.ofType('reply').map((reply) => [reply['ref'], reply]));
    const done = { ok: true, invocationId: id, status: 'completed', completedAt: expect.any(String) };
    expect(byRef.get('a')).toMatchObject({ ...done, replayed: false });
    expect(byRef.get('b')).toMatchObject({ ...done, replayed: true });
    expect(byRef.get(3)).toMatchObject({ ok: false, code: 'ALREADY_SETTLED', retryable: false });
  });

  it('is refused in its reply: wrong fields, a foreign invocation, a key without the scope', async () => {
    const [shop, stranger] = [await market.shop(), await market.shop()];
    const id = await market.invoke(shop);
    const client = await market.greet(shop.provider);
    const foreign = await market.greet(stranger.provider);
    const submit = { type: 'submit', ref: 1, invocationId: id, status: 'completed', output: { text: 'y' } };
    client.send({ ...submit, status: 'failed' });
    client.send({ ...submit, ref: 2, colour: 'red', output: 'text' });
    foreign.send(submit);
    const shopOfReader = await market.shop(['read']);
    const reader = await market.greet(shopOfReader.provider);
    reader.send({ ...submit, invocationId: await market.invoke(shopOfReader) });
    await Promise.all([
      client.until(() => client.ofType('reply').length === 2),
      foreign.until(() => foreign.ofType('reply').length === 1),
      reader.until(() => reader.ofType('reply').length === 1),
    ]);
    expect(client.ofType('reply').map(({ ref, code }) => [ref, code])).toEqual([
      [1, 'VALIDATION_FAILED'],
      [2, 'VALIDATION_FAILED'],
    ]);
    expect(foreign.ofType('reply')[0]).toMatchObject({ ok: false, code: 'NOT_FOUND' });
    expect(reader.ofType('reply')[0]).toMatchObject({ ok: false, code: 'SCOPE_MISSING' });
    expect(await market.phase(id)).not.toBe('acknowledged');
    expect(client.closed).toBeUndefined();
  });
});
