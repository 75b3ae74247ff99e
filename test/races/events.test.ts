import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EventStreamClient } from '../support/event-stream.js';
import { dataOf } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

type Page = {
  events: { seq: number; id: string; data: { invocationId: number } }[];
  nextAfter: number;
  hasMore: boolean;
};

const EVENTS = '/agent/me/events';
const INVOCATIONS = '/agent/me/service-invocations';
const CALLERS = 6;
const EACH = 40;
const TOTAL = CALLERS * EACH;

let world: World;
let provider: AgentActor;
let callers: AgentActor[];
let serviceId: number;

beforeAll(async () => {
  world = await startWorld();
});
beforeEach(async () => {
  provider = await world.agent();
  callers = [];
  for (let n = 0; n < CALLERS; n += 1) {
    const caller = await world.agent();
    await world.fund(caller.owner, '1000');
    callers.push(caller);
  }
  serviceId = await world.service(provider, { price: '1', avgResponseMs: 60_000, maxPending: 10_000 });
});
afterAll(() => world.close());

const invoke = async (caller: AgentActor): Promise<number> => {
  const answer = await caller.api.post(INVOCATIONS, { serviceId, input: { text: 'x' } });
  return dataOf<{ invocationId: number }>(answer).invocationId;
};

/** Everybody invokes at once; answers what was opened. */
const rush = async (): Promise<number[]> => {
  const made: number[] = [];
  await Promise.all(
    callers.map(async (caller) => {
      for (let n = 0; n < EACH; n += 1) made.push(await invoke(caller));
    }),
  );
  return made;
};

const numbered = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1);
const sorted = (ids: readonly number[]): number[] => ids.toSorted((a, b) => a - b);

describe('events that are appended while somebody reads', () => {
  it.each([1, 7, 100])('reach a poller in pages of %i: none is missed, none comes twice', async (limit) => {
    const rushing = rush();
    const seen: Page['events'] = [];
    let after = 0;
    while (seen.length < TOTAL) {
      const { events, nextAfter } = dataOf<Page>(
        await provider.api.get(`${EVENTS}?after=${after}&wait=20&limit=${limit}`),
      );
      // It waits until there is something; a wait that ends with nothing would mean that something was missed.
      expect(events.length).toBeGreaterThan(0);
      seen.push(...events);
      after = nextAfter;
    }
    expect(seen.map(({ seq }) => seq)).toEqual(numbered(TOTAL));
    expect(sorted(seen.map(({ data }) => data.invocationId))).toEqual(sorted(await rushing));
  });

  it('reach streams that come, go and come back after the last number they have', async () => {
    const url = `${world.url}/openapi/v1${EVENTS}/stream?after=0`;
    const open = (lastEventId: number): Promise<EventStreamClient> =>
      EventStreamClient.open(url, { 'x-api-key': provider.key, 'last-event-id': String(lastEventId) });
    const staying = await open(0);
    const rushing = rush();
    const seen: number[] = [];
    while (seen.length < TOTAL) {
      const stream = await open(seen.at(-1) ?? 0);
      const before = seen.length;
      await stream.until(() => before + stream.seqs.length >= Math.min(before + 25, TOTAL), 20_000);
      stream.hangUp();
      seen.push(...stream.seqs);
    }
    await staying.until(() => staying.seqs.length === TOTAL, 20_000);
    staying.hangUp();
    expect(seen).toEqual(numbered(TOTAL));
    expect(staying.seqs).toEqual(numbered(TOTAL));
    await rushing;
  });
});

describe('the numbers of a stream', () => {
  const append = 'select market.event_append(array[$1]::bigint[], array[$2], array[$3]::bigint[], platform.clock())';
  let first: pg.Client;
  let second: pg.Client;
  let id: number;

  beforeEach(async () => {
    [first, second] = [1, 2].map(() => new pg.Client({ connectionString: world.database.adminUrl })) as [
      pg.Client,
      pg.Client,
    ];
    await Promise.all([first.connect(), second.connect()]);
    const [caller] = callers;
    if (caller === undefined) throw new Error('there is no caller');
    id = await invoke(caller);
    await first.query('begin');
    await first.query(append, [provider.id, 'invocation.failed', id]);
    return () => Promise.all([first.end(), second.end()]);
  });

  const types = async (): Promise<unknown[]> =>
    dataOf<{ events: { seq: number; eventType: string }[] }>(await provider.api.get(`${EVENTS}?after=1`)).events.map(
      ({ seq, eventType }) => [seq, eventType],
    );

  it('follow the commits: who comes second waits, so nobody reads past what is not committed', async () => {
    const waiting = second.query(append, [provider.id, 'invocation.timeout', id]);
    expect(await types()).toEqual([]);
    await first.query('commit');
    await waiting;
    expect(await types()).toEqual([
      [2, 'invocation.failed'],
      [3, 'invocation.timeout'],
    ]);
  });

  it('are not used up by what is rolled back', async () => {
    const waiting = second.query(append, [provider.id, 'invocation.timeout', id]);
    await first.query('rollback');
    await waiting;
    expect(await types()).toEqual([[2, 'invocation.timeout']]);
  });
});
