import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EVENT_TYPES, EVENTS } from '#events';
import { Database } from '#platform';
import { ReplayStore } from '../../libs/webhooks/replay.store.js';
import { dataOf, expectProblem } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

type Delivery = {
  id: number;
  seq: number;
  status: string;
  eventType: string;
  eventId: string;
  replayOf: number | null;
};
type Replay = { id: number; kind: string; status: string; made: number; after: number | null; through: number | null };
type Deliveries = { deliveries: Delivery[]; nextBefore: number | null };

const WORK_TYPES = EVENT_TYPES.filter((type) => EVENTS[type].class === 'work');

let world: World;
let agent: AgentActor;
let endpoint: number;

beforeAll(async () => {
  world = await startWorld();
});
beforeEach(begin);
async function begin(): Promise<void> {
  agent = await world.agent();
  const created = dataOf<{ endpoint: { id: number } }>(
    await agent.api.post('/agent/me/webhooks', { url: 'https://example.com/hook' }),
  );
  endpoint = created.endpoint.id;
  await set(`state = 'active'`);
}
afterAll(() => world.close());

const path = (rest = ''): string => `/agent/me/webhooks/${endpoint}/${rest}`;
const set = (change: string): Promise<unknown> =>
  world.database.pool.query(`update market.webhook_endpoint set ${change} where id = $1`, [endpoint]);

/** So many events of the agent, each with a delivery in this status and one try. */
async function delivered(status: string, count = 1, type = 'review.created'): Promise<number[]> {
  const ids: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const { rows } = await world.database.pool.query<{ id: bigint }>(
      `with appended as (select market.event_append(array [$1::bigint], array [$2], array [1::bigint], platform.clock())),
      delivery as (
        insert into market.delivery (endpoint_id, agent_id, seq, event_id, event_created_at, type, invocation_id, class, status, run_at,
          attempt, created_at, ended_at)
        select $3, $1, (select next_seq from market.agent_stream where agent_id = $1), platform.uuidv7(), platform.clock(), $2, 1, 'info',
          $4, platform.clock() + interval '1 hour', 1, platform.clock(), case when $4 <> 'pending' then platform.clock() end
        from appended
        returning id
      )
      insert into market.delivery_attempt (delivery_id, attempt, at, status_code, total_ms, response)
      select id, 1, platform.clock(), case when $4 = 'delivered' then 204 else 500 end, 1.5, 'as it is' from delivery
      returning delivery_id as id`,
      [agent.id, type, endpoint, status],
    );
    ids.push(Number(rows[0]?.id));
  }
  return ids;
}

/** What the worker does. */
async function work(): Promise<void> {
  while (await step());
}

async function step(): Promise<boolean> {
  const doors = new Database(world.database.config().database);
  const isMore = await new ReplayStore(doors).step(WORK_TYPES, 2);
  await doors.close();
  return isMore;
}

describe('deliveries', () => {
  it('are listed newest first, page by page, and filtered', async () => {
    const failed = await delivered('failed', 3);
    const [arrived] = await delivered('delivered', 1, 'invocation.completed');
    const first = dataOf<Deliveries>(await agent.api.get(path('deliveries?limit=2')));
    expect(first.deliveries.map(({ id }) => id)).toEqual([arrived, failed[2]]);
    expect(first.nextBefore).toBe(failed[2]);
    const second = dataOf<Deliveries>(await agent.api.get(path(`deliveries?limit=3&before=${first.nextBefore}`)));
    expect(second).toMatchObject({ deliveries: [{ id: failed[1] }, { id: failed[0] }], nextBefore: null });
    const ofStatus = dataOf<Deliveries>(await agent.api.get(path('deliveries?status=failed')));
    expect(ofStatus.deliveries.map(({ id }) => id)).toEqual(failed.toReversed());
    const ofType = dataOf<Deliveries>(await agent.api.get(path('deliveries?eventType=invocation.completed')));
    expect(ofType.deliveries.map(({ id }) => id)).toEqual([arrived]);
  });

  it('are listed from a time on', async () => {
    const [old] = await delivered('failed');
    await world.database.pool.query(
      `update market.delivery set created_at = created_at - interval '2 hours' where id = $1`,
      [old],
    );
    const [fresh] = await delivered('failed');
    const since = async (hoursAgo: number): Promise<unknown> => {
      const at = new Date(Date.now() - hoursAgo * 3_600_000).toISOString();
      const { deliveries } = dataOf<Deliveries>(await agent.api.get(path(`deliveries?since=${at}`)));
      return deliveries.map(({ id }) => id);
    };
    expect([await since(3), await since(1), await since(-1)]).toEqual([[fresh, old], [fresh], []]);
  });

  it('are empty before the first event', async () => {
    expect(dataOf(await agent.api.get(path('deliveries')))).toEqual({ deliveries: [], nextBefore: null });
  });

  it('show their tries', async () => {
    const [id] = await delivered('failed');
    expect(dataOf(await agent.api.get(path(`deliveries/${id}`)))).toMatchObject({
      id,
      endpointId: endpoint,
      status: 'failed',
      attempts: 1,
      nextTryAt: null,
      tries: [{ attempt: 1, statusCode: 500, response: 'as it is', timings: { totalMs: 1.5, dnsMs: null } }],
    });
  });

  it.each([
    'status=done',
    'eventType=toString',
    'since=yesterday',
    'replayId=-1',
    'before=0',
    'before=x',
    'limit=0',
    'state=failed',
  ])('are not listed by %s', async (query) => {
    expectProblem(await agent.api.get(path(`deliveries?${query}`)), 400, 'VALIDATION_FAILED', [
      query.slice(0, query.indexOf('=')),
    ]);
  });
});

describe('a replay of one', () => {
  it('makes another delivery of the same event, once under a key', async () => {
    const [id] = await delivered('delivered');
    const ask = (): Promise<Delivery> =>
      agent.api
        .post(path(`deliveries/${id}/replay`))
        .set('idempotency-key', 'k')
        .then(dataOf<Delivery>);
    const [first, ...others] = await Promise.all(Array.from({ length: 5 }, ask));
    for (const other of others) expect(other).toEqual(first);
    const original = dataOf<Delivery>(await agent.api.get(path(`deliveries/${id}`)));
    expect(first).toMatchObject({ status: 'pending', replayOf: id, eventId: original.eventId, seq: original.seq });
    const list = dataOf<Deliveries>(await agent.api.get(path('deliveries')));
    expect(list.deliveries.length).toBe(2);
    const again = dataOf<Delivery>(await agent.api.post(path(`deliveries/${id}/replay`)));
    expect(again.id).not.toBe(first?.id);
  });

  it('is refused while the delivery is tried, and where nothing is sent', async () => {
    const [pending] = await delivered('pending');
    expectProblem(await agent.api.post(path(`deliveries/${pending}/replay`)), 409, 'DELIVERY_PENDING');
    const [failed] = await delivered('failed');
    await set(`state = 'disabled', disabled_at = platform.clock()`);
    expectProblem(await agent.api.post(path(`deliveries/${failed}/replay`)), 409, 'WEBHOOK_STATE');
  });

  it('is refused under a key that named another', async () => {
    const [one, other] = await delivered('failed', 2);
    dataOf(await agent.api.post(path(`deliveries/${one}/replay`)).set('idempotency-key', 'k'));
    expectProblem(
      await agent.api.post(path(`deliveries/${other}/replay`)).set('idempotency-key', 'k'),
      422,
      'IDEMPOTENCY_KEY_REUSED',
    );
    expectProblem(
      await agent.api.post(path('replays'), { kind: 'failed' }).set('idempotency-key', 'k'),
      422,
      'IDEMPOTENCY_KEY_REUSED',
    );
  });
});

describe('a replay of many', () => {
  it('makes what failed once more, whoever asks how often, and also when it is made in parts by several', async () => {
    const failed = await delivered('failed', 5);
    await delivered('delivered', 2);
    const ask = (): Promise<Replay> =>
      agent.api
        .post(path('replays'), { kind: 'failed' })
        .set('idempotency-key', 'all')
        .then(dataOf<Replay>);
    const [replay, ...same] = await Promise.all(Array.from({ length: 4 }, ask));
    expect(replay).toMatchObject({ kind: 'failed', status: 'pending', made: 0, after: null, through: null });
    for (const other of same) expect(other.id).toBe(replay?.id);
    await Promise.all([work(), work(), work()]);
    const done = dataOf<Replay>(await agent.api.get(path(`replays/${replay?.id}`)));
    expect(done).toMatchObject({ status: 'done', made: 5 });
    const { deliveries } = dataOf<Deliveries>(await agent.api.get(path('deliveries?status=pending')));
    expect(deliveries.map(({ replayOf }) => replayOf).sort()).toEqual(failed.sort());
    const made = dataOf<Deliveries>(await agent.api.get(path(`deliveries?replayId=${replay?.id}`)));
    expect(made.deliveries).toEqual(deliveries);
    expect(dataOf<Deliveries>(await agent.api.get(path('deliveries?replayId=999999'))).deliveries).toEqual([]);
    expect(dataOf(await agent.api.get(path('replays')))).toEqual({ replays: [done] });
    await work();
    expect(dataOf<Replay>(await agent.api.get(path(`replays/${replay?.id}`)))).toEqual(done);
  });

  it('leaves out what was replayed since, unless that failed too: then it is made for all of them', async () => {
    const end = (id: number | undefined, status: string): Promise<unknown> =>
      world.database.pool.query('update market.delivery set status = $2, ended_at = platform.clock() where id = $1', [
        id,
        status,
      ]);
    const again = async (id: number | undefined): Promise<number> =>
      dataOf<Delivery>(await agent.api.post(path(`deliveries/${id}/replay`))).id;
    const replayed = async (body: object): Promise<number> => {
      const replay = dataOf<Replay>(await agent.api.post(path('replays'), body));
      await work();
      return dataOf<Replay>(await agent.api.get(path(`replays/${replay.id}`))).made;
    };
    const [arrived, pending, twice, never, inRange] = await delivered('failed', 5);
    await end(await again(arrived), 'delivered');
    await again(pending);
    const failedAgain = await again(twice);
    await end(failedAgain, 'failed');
    const { seq } = dataOf<Delivery>(await agent.api.get(path(`deliveries/${inRange}`)));
    expect(await replayed({ kind: 'range', after: seq - 1, through: seq })).toBe(1);

    expect(await replayed({ kind: 'failed' })).toBe(2);
    const { deliveries } = dataOf<Deliveries>(await agent.api.get(path('deliveries')));
    expect(deliveries.slice(0, 2).map(({ replayOf }) => replayOf)).toEqual([failedAgain, never]);
    expect(await replayed({ kind: 'failed' })).toBe(0);
    for (const { id } of deliveries.slice(0, 2)) await end(id, 'delivered');
    expect(await replayed({ kind: 'failed' })).toBe(0);
  });

  it('makes a range of the log, of the types that the endpoint wants', async () => {
    await delivered('delivered', 4);
    await delivered('delivered', 2, 'invocation.completed');
    await set(`event_types = array ['review.created']`);
    const replay = dataOf<Replay>(await agent.api.post(path('replays'), { kind: 'range', after: 1, through: 100 }));
    expect(replay).toMatchObject({ kind: 'range', after: 1, through: 6 });
    await work();
    expect(dataOf<Replay>(await agent.api.get(path(`replays/${replay.id}`)))).toMatchObject({
      status: 'done',
      made: 3,
    });
    const { deliveries } = dataOf<Deliveries>(await agent.api.get(path('deliveries?status=pending')));
    expect(deliveries.map(({ seq }) => seq)).toEqual([4, 3, 2]);
  });

  it('is refused under a key that named another, also of another end, and not when the log has grown since', async () => {
    await delivered('delivered', 4);
    const ask = (through?: number, after = 1) =>
      agent.api.post(path('replays'), { kind: 'range', after, through }).set('idempotency-key', `k${after}`);
    const first = dataOf<Replay>(await ask(100));
    expect(first).toMatchObject({ after: 1, through: 4 });
    const open = dataOf<Replay>(await ask(undefined, 2));
    await delivered('delivered');
    expect(dataOf<Replay>(await ask(100))).toEqual(first);
    expect(dataOf<Replay>(await ask(undefined, 2))).toEqual(open);
    await world.nothingHappens(async () => {
      for (const through of [2, 4, 5, 101, undefined]) expectProblem(await ask(through), 422, 'IDEMPOTENCY_KEY_REUSED');
      expectProblem(await ask(4, 2), 422, 'IDEMPOTENCY_KEY_REUSED');
    });
  });

  it('may be one of ten that are pending, however many are asked for at once', async () => {
    await delivered('failed');
    const ask = (key: number) => agent.api.post(path('replays'), { kind: 'failed' }).set('idempotency-key', `k${key}`);
    const answers = await Promise.all(Array.from({ length: 13 }, (_, key) => ask(key)));
    const begun = answers.flatMap(({ status }, key) => (status === 200 ? [key] : []));
    expect(begun.length).toBe(10);
    for (const answer of answers.filter(({ status }) => status !== 200))
      expectProblem(answer, 409, 'WEBHOOK_REPLAY_LIMIT');
    await world.nothingHappens(async () => {
      expectProblem(await ask(13), 409, 'WEBHOOK_REPLAY_LIMIT');
      for (const key of begun) dataOf(await ask(key));
    });
    await work();
    dataOf(await ask(13));
  });

  it("takes turns with others, so that one agent's many do not hold up another's", async () => {
    const ask = async (): Promise<number> =>
      dataOf<Replay>(await agent.api.post(path('replays'), { kind: 'range', after: 0 })).id;
    await work();
    await delivered('delivered', 8);
    for (let n = 0; n < 3; n += 1) await ask();
    await begin();
    await delivered('delivered', 3);
    const id = await ask();
    const made: number[] = [];
    for (let n = 0; n < 8; n += 1) {
      await step();
      made.push(dataOf<Replay>(await agent.api.get(path(`replays/${id}`))).made);
    }
    expect(made).toEqual([0, 0, 0, 2, 2, 2, 2, 3]);
  });

  it('ends when the endpoint was deleted', async () => {
    await delivered('failed', 3);
    dataOf(await agent.api.post(path('replays'), { kind: 'failed' }));
    dataOf(await agent.api.delete(path().slice(0, -1)));
    await work();
    const { rows } = await world.database.pool.query(
      `select status, made from market.webhook_replay where endpoint_id = $1`,
      [endpoint],
    );
    expect(rows).toEqual([{ status: 'done', made: 0 }]);
  });

  it.each([
    [{}, ['kind']],
    [{ kind: 'one' }, ['kind']],
    [{ kind: 'range' }, ['after']],
    [{ kind: 'range', after: -1 }, ['after']],
    [{ kind: 'range', after: 5, through: 5 }, ['through']],
    [{ kind: 'range', after: 1_000_000 }, ['after']],
    [{ kind: 'failed', after: 5 }, ['after']],
    [{ kind: 'failed', through: 5 }, ['through']],
    [{ kind: 'range', after: 1.5, through: 'x', more: 1 }, ['after', 'through', 'more']],
  ])('is not made from %j', async (body, fields) => {
    await world.nothingHappens(async () => {
      expectProblem(await agent.api.post(path('replays'), body), 400, 'VALIDATION_FAILED', fields);
    });
  });

  it('is refused where nothing is sent', async () => {
    await set(`state = 'unverified'`);
    expectProblem(await agent.api.post(path('replays'), { kind: 'failed' }), 409, 'WEBHOOK_STATE');
  });
});

it("is nobody else's business", async () => {
  const [id] = await delivered('failed');
  const replay = dataOf<Replay>(await agent.api.post(path('replays'), { kind: 'failed' }));
  const stranger = await world.agent();
  const reads = ['deliveries', `deliveries/${id}`, 'replays', `replays/${replay.id}`];
  for (const rest of reads) expectProblem(await stranger.api.get(path(rest)), 404, 'NOT_FOUND');
  for (const rest of [`deliveries/${id}/replay`, 'replays'])
    expectProblem(
      await stranger.api.post(path(rest), rest === 'replays' ? { kind: 'failed' } : undefined),
      404,
      'NOT_FOUND',
    );
  for (const rest of ['deliveries/999999', 'replays/999999'])
    expectProblem(await agent.api.get(path(rest)), 404, 'NOT_FOUND');
  expectProblem(await agent.api.post(path('deliveries/999999/replay')), 404, 'NOT_FOUND');
  const reader = world.api.as(await agent.newKey({ scopes: ['read'] }));
  dataOf(await reader.get(path('deliveries')));
  expectProblem(await reader.post(path('replays'), { kind: 'failed' }), 403, 'SCOPE_MISSING');
  expectProblem(await world.api.get(path('deliveries')), 401, 'UNAUTHENTICATED');
});
