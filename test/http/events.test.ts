import { get as httpGet } from 'node:http';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EventReaders } from '#gateway';
import { EventStreamClient } from '../support/event-stream.js';
import { dataOf, expectProblem } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

type Page = {
  events: { seq: number; eventType: string; data: { invocationId: number } }[];
  nextAfter: number;
  head: number;
  hasMore: boolean;
  gap?: { from: number; to: number };
};

const EVENTS = '/agent/me/events';
const INVOCATIONS = '/agent/me/service-invocations';
const INPUT = { text: 'one two three' };
const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

let world: World;
let provider: AgentActor;
let caller: AgentActor;
let serviceId: number;

beforeAll(async () => {
  world = await startWorld();
  await world.database.pool.query('create table public.dropped (like market.agent_event)');
});
beforeEach(async () => {
  provider = await world.agent();
  caller = await world.agent();
  await world.fund(caller.owner, '1000');
  serviceId = await world.service(provider, { price: '1', avgResponseMs: 60_000 });
});
afterAll(async () => {
  // The invariants at the end count every event.
  await world.database.pool.query('insert into market.agent_event select * from public.dropped');
  await world.close();
});

const invoke = async (input: object = INPUT): Promise<number> =>
  dataOf<{ invocationId: number }>(await caller.api.post(INVOCATIONS, { serviceId, input })).invocationId;
const invokeTimes = async (times: number): Promise<number[]> => {
  const ids: number[] = [];
  for (let n = 0; n < times; n += 1) ids.push(await invoke());
  return ids;
};
const submit = async (id: number): Promise<void> => {
  const body = { status: 'completed', output: { words: 3 } };
  dataOf(await provider.api.post(`${INVOCATIONS}/${id}/submit`, body));
};
const page = async (query = '', actor = provider): Promise<Page> =>
  dataOf<Page>(await actor.api.get(`${EVENTS}${query}`));
const readers = (): EventReaders => world.app.get(EventReaders, { strict: false });
const untilWaiting = async (count: number): Promise<void> => {
  const deadline = performance.now() + 5_000;
  while (readers().waiting !== count) {
    if (performance.now() > deadline) throw new Error(`${readers().waiting} wait, not ${count}`);
    await sleep(5);
  }
};
/** What retention does, for this agent alone: its oldest events are gone, its numbers go on. */
const drop = (upTo: number) =>
  world.database.pool.query(
    `with gone as (delete from market.agent_event where agent_id = $1 and seq <= $2 returning *)
    insert into public.dropped select * from gone`,
    [provider.id, upTo],
  );
/** Asks for events and does not wait for the answer; a request of supertest begins when somebody awaits it. */
const asked = (query: string, actor = provider) => {
  const answer = actor.api.get(`${EVENTS}${query}`).then((response) => response);
  answer.catch(() => undefined);
  return answer;
};

describe('a page of events', () => {
  it('shows the notification, and the place, class, deadline and trace of the event', async () => {
    const request = caller.api.post(INVOCATIONS, { serviceId, input: INPUT }).set('traceparent', TRACEPARENT);
    const { invocationId, timeoutAt } = dataOf<{ invocationId: number; timeoutAt: string }>(await request);
    expect(await page()).toEqual({
      events: [
        {
          type: 'notification',
          domain: 'service_invocation',
          event: 'service_invoked',
          timestamp: expect.stringMatching(/Z$/),
          messageId: expect.stringMatching(/^evt_/),
          data: expect.objectContaining({ invocationId, serviceId, input: INPUT, status: 'pending' }),
          id: expect.stringMatching(/^evt_/),
          seq: 1,
          attempt: 1,
          eventType: 'invocation.invoked',
          class: 'work',
          deadlineAt: timeoutAt,
          traceparent: TRACEPARENT,
        },
      ],
      nextAfter: 1,
      head: 1,
      hasMore: false,
    });
  });

  it('follows the one before, and together they are everything in order', async () => {
    const ids = await invokeTimes(7);
    const seen: number[] = [];
    let after = 0;
    for (let more = true; more;) {
      const { events, nextAfter, hasMore } = await page(`?after=${after}&limit=3`);
      seen.push(...events.map(({ data }) => data.invocationId));
      [after, more] = [nextAfter, hasMore];
    }
    expect(seen).toEqual(ids);
    expect(await page(`?after=${after}`)).toEqual({ events: [], nextAfter: 7, head: 7, hasMore: false });
  });

  it('is empty for an agent to whom nothing has happened, and shows nobody what is of others', async () => {
    await invoke();
    expect(await page('', caller)).toEqual({ events: [], nextAfter: 0, head: 0, hasMore: false });
  });

  it('has the types that were asked for, and passes the others', async () => {
    const [first = 0] = await invokeTimes(3);
    await submit(first);
    dataOf(await caller.api.post(`${INVOCATIONS}/${first}/review`, { rating: 5 }));
    const reviews = await page('?types=review.created,invocation.timeout&after=0');
    expect(reviews.events.map(({ eventType, seq }) => [eventType, seq])).toEqual([['review.created', 4]]);
    expect(await page('?types=invocation.timeout')).toEqual({ events: [], nextAfter: 4, head: 4, hasMore: false });
  });

  it('may be empty on the way to a type that is rare; a stream goes on by itself', async () => {
    const id = await invoke();
    const many = Array.from({ length: 1_200 }, () => id);
    await append(
      many.map(() => provider.id),
      many.map(() => 'invocation.failed'),
      many,
    );
    await append([provider.id], ['invocation.timeout'], [id]);
    const query = '?types=invocation.timeout';
    expect(await page(query)).toEqual({ events: [], nextAfter: 1_000, head: 1_202, hasMore: true });
    expect(await page(`${query}&after=1000`)).toMatchObject({ events: [{ seq: 1_202 }], hasMore: false });
    expect(await page(`${query}&wait=30`)).toMatchObject({ events: [], nextAfter: 1_000 });
    const headers = { 'x-api-key': provider.key };
    const stream = await EventStreamClient.open(`${world.url}/openapi/v1${EVENTS}/stream${query}&after=0`, headers);
    await stream.until(() => stream.seqs.length === 1);
    expect(stream.seqs).toEqual([1_202]);
    stream.hangUp();
    await untilWaiting(0);
  });

  it('ends where it becomes large, and the next one goes on', async () => {
    const free = await world.service(provider, { title: 'Free form', inputSchema: null, outputSchema: null });
    for (let n = 0; n < 20; n += 1) {
      dataOf(await caller.api.post(INVOCATIONS, { serviceId: free, input: { text: 'x'.repeat(65_000) } }));
    }
    const first = await page();
    expect(first.events.length).toBeLessThan(20);
    expect(first.hasMore).toBe(true);
    const second = await page(`?after=${first.nextAfter}`);
    expect(second.events[0]?.seq).toBe(first.nextAfter + 1);
  });

  it('names where a long input is, which is there for the provider', async () => {
    const free = await world.service(provider, { title: 'Free form', inputSchema: null, outputSchema: null });
    const input = { text: 'x'.repeat(100_000) };
    const { invocationId } = dataOf<{ invocationId: number }>(
      await caller.api.post(INVOCATIONS, { serviceId: free, input }),
    );
    const [event] = (await page()).events;
    expect(event?.data).toMatchObject({ invocationId, status: 'pending' });
    expect(event?.data).not.toHaveProperty('input');
    const { inputUrl } = event?.data as unknown as { inputUrl: string };
    expect(inputUrl).toBe(`/openapi/v1${INVOCATIONS}/${invocationId}`);
    const answer = await fetch(new URL(inputUrl, world.url), { headers: { 'x-api-key': provider.key } });
    expect(await answer.json()).toMatchObject({ data: { input } });
    // Reading it acknowledged it.
    expect(dataOf(await caller.api.get(`${INVOCATIONS}/${invocationId}`))['phase']).toBe('acknowledged');
  });

  it('names what retention has dropped to who has missed it, and not to who begins', async () => {
    await invokeTimes(5);
    await drop(3);
    expect(await page('?after=1')).toMatchObject({ gap: { from: 2, to: 3 }, events: [{ seq: 4 }, { seq: 5 }] });
    expect((await page()).gap).toBeUndefined();
    expect((await page('?after=3')).gap).toBeUndefined();
    await drop(5);
    expect(await page('?after=1')).toEqual({
      events: [],
      nextAfter: 5,
      head: 5,
      hasMore: false,
      gap: { from: 2, to: 5 },
    });
    expect(await page()).toEqual({ events: [], nextAfter: 5, head: 5, hasMore: false });
  });

  it('hands work over to a key that may provide, and to no other', async () => {
    const id = await invoke();
    const phase = async () => dataOf(await caller.api.get(`${INVOCATIONS}/${id}`))['phase'];
    const watcher = world.api.as(await provider.newKey({ scopes: ['read'] }));
    dataOf(await watcher.get(EVENTS));
    expect(await phase()).toBe('queued');
    await page();
    expect(await phase()).toBe('handed_over');
    const { entries } = dataOf<{ entries: object[] }>(await caller.api.get(`${INVOCATIONS}/${id}/timeline`));
    expect(entries).toContainEqual(expect.objectContaining({ kind: 'handed_over', detail: { channel: 'poll' } }));
  });

  it.each([
    ['after=-1', 'after'],
    ['after=x', 'after'],
    ['after=1.5', 'after'],
    ['after=9007199254740992', 'after'],
    ['wait=61', 'wait'],
    ['wait=-1', 'wait'],
    ['types=invocation.invoked,nothing', 'types'],
    ['types=review.created,review.created', 'types'],
    ['limit=0', 'limit'],
    ['afterr=5', 'afterr'],
  ])('refuses ?%s', async (query, field) => {
    expectProblem(await provider.api.get(`${EVENTS}?${query}`), 400, 'VALIDATION_FAILED', [field]);
  });

  it('needs a key with the scope to read, of an agent that is not frozen', async () => {
    expectProblem(await world.api.get(EVENTS), 401, 'UNAUTHENTICATED');
    expectProblem(await provider.owner.api.get(EVENTS), 401, 'UNAUTHENTICATED');
    const other = world.api.as(await provider.newKey({ scopes: ['provide'] }));
    expectProblem(await other.get(EVENTS), 403, 'SCOPE_MISSING');
    dataOf(await provider.owner.api.post(`/owner/agents/${provider.id}/freeze`));
    expectProblem(await provider.api.get(EVENTS), 403, 'AGENT_FROZEN');
  });

  it('is refused to who claims to have seen what has not happened', async () => {
    await invoke();
    const answer = expectProblem(await provider.api.get(`${EVENTS}?after=2`), 409, 'CURSOR_AHEAD');
    expect(answer.error.details).toEqual({ after: 2, head: 1 });
  });
});

describe('a request that waits', () => {
  it('is answered when an event comes', async () => {
    const answer = asked('?after=0&wait=30');
    await untilWaiting(1);
    const id = await invoke();
    expect(dataOf<Page>(await answer).events.map(({ data }) => data.invocationId)).toEqual([id]);
    await untilWaiting(0);
  });

  it('is answered without a hint, too, in about a second', async () => {
    const id = await invoke();
    const answer = asked('?after=1&wait=30');
    await untilWaiting(1);
    await append([provider.id], ['invocation.failed'], [id]);
    expect(dataOf<Page>(await answer)).toMatchObject({ events: [{ seq: 2, eventType: 'invocation.failed' }] });
  });

  it('is answered with nothing when its time is over', async () => {
    expect(await page('?wait=1')).toEqual({ events: [], nextAfter: 0, head: 0, hasMore: false });
    await untilWaiting(0);
  });

  it('goes on waiting when only other types come', async () => {
    const answer = asked('?after=0&wait=30&types=review.created');
    await untilWaiting(1);
    const id = await invoke();
    await submit(id);
    dataOf(await caller.api.post(`${INVOCATIONS}/${id}/review`, { rating: 4 }));
    expect(dataOf<Page>(await answer)).toMatchObject({ events: [{ eventType: 'review.created' }], nextAfter: 2 });
  });

  it('is given up when its client hangs up', async () => {
    const request = httpGet(`${world.url}/openapi/v1${EVENTS}?wait=60`, { headers: { 'x-api-key': provider.key } });
    request.on('error', () => undefined);
    await untilWaiting(1);
    request.destroy();
    await untilWaiting(0);
  });

  it('is refused to an agent that waits twenty times already; without waiting it may read', async () => {
    const waiting = Array.from({ length: 20 }, () => asked('?wait=30'));
    await untilWaiting(20);
    expectProblem(await provider.api.get(`${EVENTS}?wait=1`), 429, 'TOO_MANY_READERS');
    expectProblem(await provider.api.get(`${EVENTS}/stream`), 429, 'TOO_MANY_READERS');
    expect((await page()).events).toEqual([]);
    const id = await invoke();
    for (const answer of waiting) expect(dataOf<Page>(await answer).events[0]?.data.invocationId).toBe(id);
    await untilWaiting(0);
  });

  it('ends with its key, and with the freezing of its agent', async () => {
    const key = await provider.newKey();
    const revoked = { ...provider, api: world.api.as(key) };
    const [first, second] = [asked('?wait=30', revoked), asked('?wait=30')];
    await untilWaiting(2);
    const { keys } = dataOf<{ keys: { id: number; hint: string }[] }>(
      await provider.owner.api.get(`/owner/agents/${provider.id}/keys`),
    );
    const keyId = Math.max(...keys.map(({ id }) => id));
    dataOf(await provider.owner.api.delete(`/owner/agents/${provider.id}/keys/${keyId}`));
    expectProblem(await first, 401, 'UNAUTHENTICATED');
    dataOf(await provider.owner.api.post(`/owner/agents/${provider.id}/freeze`));
    expectProblem(await second, 403, 'AGENT_FROZEN');
    await untilWaiting(0);
  });
});

describe('a stream of events', () => {
  const open = (query = '', headers: Record<string, string> = {}, key = provider.key): Promise<EventStreamClient> =>
    EventStreamClient.open(`${world.url}/openapi/v1${EVENTS}/stream${query}`, { 'x-api-key': key, ...headers });

  it('brings what comes from now on, each under its number', async () => {
    await invoke();
    const stream = await open();
    expect([stream.status, stream.response.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8']);
    await stream.until(() => stream.blocks.length === 1);
    const id = await invoke();
    await stream.until(() => stream.seqs.length === 1);
    const [block] = stream.blocks.filter(({ data }) => data !== undefined);
    expect(block).toMatchObject({
      id: '2',
      data: { seq: 2, eventType: 'invocation.invoked', data: { invocationId: id } },
    });
    expect(block?.data).toEqual((await page('?after=1')).events[0] as object);
    stream.hangUp();
    await untilWaiting(0);
  });

  it('goes on after Last-Event-ID, else after `after`', async () => {
    await invokeTimes(4);
    const [browser, other] = [await open('?after=1', { 'last-event-id': '2' }), await open('?after=1')];
    await browser.until(() => browser.seqs.length === 2);
    await other.until(() => other.seqs.length === 3);
    expect([browser.seqs, other.seqs]).toEqual([
      [3, 4],
      [2, 3, 4],
    ]);
    for (const stream of [browser, other]) stream.hangUp();
    await untilWaiting(0);
  });

  it('names a gap, and goes on after it', async () => {
    await invokeTimes(4);
    await drop(2);
    const stream = await open('?after=0');
    await stream.until(() => stream.seqs.length === 2);
    expect(stream.blocks[1]).toEqual({ id: '2', event: 'gap', data: { from: 1, to: 2 } });
    expect(stream.seqs).toEqual([3, 4]);
    stream.hangUp();
    await untilWaiting(0);
  });

  it('has only the types that were asked for', async () => {
    const stream = await open('?types=review.created');
    await untilWaiting(1);
    const id = await invoke();
    await submit(id);
    dataOf(await caller.api.post(`${INVOCATIONS}/${id}/review`, { rating: 4 }));
    await stream.until(() => stream.seqs.length === 1);
    expect(stream.seqs).toEqual([2]);
    stream.hangUp();
    await untilWaiting(0);
  });

  it('ends with its key, and says why', async () => {
    const stream = await open('', {}, await provider.newKey());
    await untilWaiting(1);
    const { keys } = dataOf<{ keys: { id: number }[] }>(
      await provider.owner.api.get(`/owner/agents/${provider.id}/keys`),
    );
    const keyId = Math.max(...keys.map(({ id }) => id));
    dataOf(await provider.owner.api.delete(`/owner/agents/${provider.id}/keys/${keyId}`));
    await invoke();
    await stream.until(() => stream.isEnded);
    expect(stream.seqs).toEqual([]);
    expect(stream.blocks.at(-1)).toMatchObject({ event: 'closed', data: { code: 'UNAUTHENTICATED' } });
    await untilWaiting(0);
  });

  it('leaves in the log what its peer does not read, which then gets all of it in order', async () => {
    const free = await world.service(provider, {
      title: 'Free form',
      price: '1',
      inputSchema: null,
      outputSchema: null,
      maxPendingPerCaller: 1_000,
    });
    const stream = await open('?after=0');
    stream.response.pause();
    await untilWaiting(1);
    const input = { text: 'x'.repeat(65_000) };
    for (let n = 0; n < 300; n += 1) dataOf(await caller.api.post(INVOCATIONS, { serviceId: free, input }));
    const [reader] = readers().of(BigInt(provider.id));
    // 20 MB wait. The sockets of both sides take some megabytes of it, and the server holds a page or two.
    expect(Number(reader?.cursor)).toBeLessThan(200);
    expect(reader?.response.writableLength).toBeLessThan(2 * 1024 * 1024);
    stream.response.resume();
    await stream.until(() => stream.seqs.length === 300, 20_000);
    expect(stream.seqs).toEqual(Array.from({ length: 300 }, (_, n) => n + 1));
    stream.hangUp();
    await untilWaiting(0);
  });

  it('ends with its key without a hint, too, within about a second', async () => {
    const stream = await open();
    await untilWaiting(1);
    await world.database.pool.query(
      `update market.api_key set revoked_at = platform.clock() where agent_id = $1 and revoked_at is null`,
      [provider.id],
    );
    await stream.until(() => stream.isEnded, 3_000);
    expect(stream.blocks.at(-1)).toMatchObject({ event: 'closed', data: { code: 'UNAUTHENTICATED' } });
  });

  it.each(['x', '-1', '1.5', '99999999999999999'])('refuses the Last-Event-ID %s', async (id) => {
    const answer = await provider.api.get(`${EVENTS}/stream`).set('Last-Event-ID', id);
    expectProblem(answer, 400, 'VALIDATION_FAILED', ['Last-Event-ID']);
  });

  it('refuses as pages do', async () => {
    expectProblem(await world.api.get(`${EVENTS}/stream`), 401, 'UNAUTHENTICATED');
    const other = world.api.as(await provider.newKey({ scopes: ['provide'] }));
    expectProblem(await other.get(`${EVENTS}/stream`), 403, 'SCOPE_MISSING');
    expectProblem(await provider.api.get(`${EVENTS}/stream?after=1`), 409, 'CURSOR_AHEAD');
    expectProblem(await provider.api.get(`${EVENTS}/stream?types=x`), 400, 'VALIDATION_FAILED', ['types']);
    expectProblem(await provider.api.get(`${EVENTS}/stream?wait=5`), 400, 'VALIDATION_FAILED', ['wait']);
    await untilWaiting(0);
  });
});

describe('a stop', () => {
  it('answers who waits and tells the streams when to come back', async () => {
    const place = await startWorld();
    try {
      const agent = await place.agent();
      const url = `${place.url}/openapi/v1${EVENTS}`;
      const headers = { 'x-api-key': agent.key };
      const poll = fetch(`${url}?wait=60`, { headers });
      const stream = await EventStreamClient.open(`${url}/stream`, headers);
      await stream.until(() => stream.blocks.length === 1);
      const its = place.app.get(EventReaders, { strict: false });
      while (its.waiting < 2) await sleep(5);
      const startedAt = performance.now();
      await its.drain();
      expect(performance.now() - startedAt).toBeLessThan(2_000);
      expect(((await (await poll).json()) as { data: Page }).data.events).toEqual([]);
      if (!stream.isEnded) await once(stream.response, 'close');
      expect(stream.blocks.at(-1)).toEqual({ event: 'drain', data: { reconnectAfterMs: expect.any(Number) } });
    } finally {
      await place.close();
    }
  });
});

/** As the functions of the market do, but without a hint afterwards. */
async function append(agentIds: number[], types: string[], invocationIds: number[]): Promise<void> {
  await world.database.pool.query('select market.event_append($1, $2, $3, platform.clock())', [
    agentIds,
    types,
    invocationIds,
  ]);
}
