import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CloseInvocations, EraseWorker } from '#invocations';
import { Database } from '#platform';
import { EraseStore } from '../../libs/invocations/erase.store.js';
import { expectInvariants } from '../support/database.js';
import { dataOf } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

const INVOCATIONS = '/agent/me/service-invocations';
const DAY_MS = 86_400_000;
const INPUT = { text: 'a private text' };
const OUTPUT = { words: 3 };

let world: World;
let doors: Database;
let provider: AgentActor;
let caller: AgentActor;
let serviceId: number;

beforeAll(async () => {
  world = await startWorld();
  doors = new Database(world.database.config().database);
});
beforeEach(async () => {
  provider = await world.agent();
  caller = await world.agent();
  await world.fund(caller.owner, '1000');
  serviceId = await world.service(provider, { price: '1', maxPending: 1_000, maxPendingPerCaller: 1_000 });
});
afterEach(() => expectInvariants(world.database));
afterAll(async () => {
  await doors.close();
  await world.close();
});

const eraser = (days = 90): EraseWorker =>
  new EraseWorker(new EraseStore(doors), world.database.config({ C4C_PAYLOAD_DAYS: String(days) }));
const invoke = async (body: object = {}, headers: Record<string, string> = {}): Promise<number> =>
  dataOf<{ invocationId: number }>(
    await caller.api.post(INVOCATIONS, { serviceId, input: INPUT, ...body }).set(headers),
  ).invocationId;
const submit = (
  id: number,
  body: object = { status: 'completed', output: OUTPUT, attachments: ['https://a.example/1'] },
) => provider.api.post(`${INVOCATIONS}/${id}/submit`, body);
const shown = async (id: number): Promise<Record<string, unknown>> =>
  dataOf(await caller.api.get(`${INVOCATIONS}/${id}`));

describe('payloads', () => {
  it('are erased when 90 days have passed since the end, and not before', async () => {
    const id = await invoke();
    await submit(id);
    await world.passTime(90 * DAY_MS - 60_000);
    await eraser().run();
    expect(await shown(id)).toMatchObject({ input: INPUT, output: OUTPUT, attachments: ['https://a.example/1'] });
    expect(await shown(id)).not.toHaveProperty('payloadErasedAt');
    await world.passTime(60_000);
    await eraser().run();
    const after = await shown(id);
    expect(after).toMatchObject({ status: 'completed', price: '1', input: null, output: null, attachments: null });
    expect(Date.parse(String(after['payloadErasedAt']))).toBeGreaterThan(Date.parse(String(after['completedAt'])));
    expect(dataOf(await provider.api.get(`${INVOCATIONS}/${id}`))).toMatchObject({ input: null, output: null });
  });

  it('stay while the invocation is pending, and count from its end', async () => {
    const old = await invoke();
    await submit(old);
    const id = await invoke();
    await world.passTime(90 * DAY_MS);
    await eraser().run();
    // Nobody has refunded it yet, so it has no end to count from.
    expect(await shown(id)).toMatchObject({ status: 'pending', input: INPUT });
    expect(await shown(old)).toMatchObject({ input: null });
    await world.app.get(CloseInvocations).due();
    await world.passTime(89 * DAY_MS);
    await eraser().run();
    expect(await shown(id)).toMatchObject({ status: 'timeout', input: INPUT });
    await world.passTime(2 * DAY_MS);
    await eraser().run();
    expect(await shown(id)).toMatchObject({ status: 'timeout', input: null });
  });

  it('take the words of a failure and of progress with them, and leave what was said in the review', async () => {
    const [failed, done, cancelled] = [await invoke(), await invoke(), await invoke()];
    await submit(failed, { status: 'failed', error: 'cannot read "a private text"' });
    await provider.api.post(`${INVOCATIONS}/${done}/progress`, { percent: 50, note: 'reading "a private text"' });
    await submit(done);
    await caller.api.post(`${INVOCATIONS}/${done}/review`, { rating: 4, review: 'quick' });
    await caller.api.post(`${INVOCATIONS}/${cancelled}/cancel`);
    await world.passTime(91 * DAY_MS);
    await eraser().run();
    expect(await shown(failed)).toMatchObject({ status: 'failed', phase: 'failed' });
    expect(await shown(failed)).not.toHaveProperty('error');
    expect(await shown(cancelled)).toMatchObject({ phase: 'cancelled', error: 'cancelled by the caller' });
    expect(await shown(done)).toMatchObject({ rating: 4, review: 'quick', output: null });
    const { entries } = dataOf<{ entries: { kind: string; detail?: object }[] }>(
      await caller.api.get(`${INVOCATIONS}/${done}/timeline`),
    );
    expect(entries.find(({ kind }) => kind === 'progress')?.detail).toEqual({ percent: 50, note: '' });
    const { rows } = await world.database.pool.query(
      `select from market.invocation where row_to_json(invocation)::text like '%private%'
      union all select from market.invocation_progress where note like '%private%'`,
    );
    expect(rows).toEqual([]);
  });

  it('are not needed to answer a repeated invoke or submit', async () => {
    const key = { 'idempotency-key': 'erased' };
    const id = await invoke({}, key);
    const first = await submit(id);
    await world.passTime(91 * DAY_MS);
    await eraser().run();
    expect(await invoke({}, key)).toBe(id);
    expect(dataOf(await submit(id))).toEqual(dataOf(first));
    expect((await submit(id, { status: 'completed', output: { words: 4 } })).status).toBe(409);
    expect((await caller.api.post(INVOCATIONS, { serviceId, input: { text: 'another' } }).set(key)).status).toBe(422);
  });

  it('can still be reviewed without', async () => {
    const id = await invoke();
    await submit(id);
    await world.passTime(91 * DAY_MS);
    await eraser().run();
    expect((await caller.api.post(`${INVOCATIONS}/${id}/review`, { rating: 5 })).status).toBe(200);
    expect(await shown(id)).toMatchObject({ rating: 5, output: null });
  });

  it('stay for ever when the setting is 0', async () => {
    const id = await invoke();
    await submit(id);
    await world.passTime(4_000 * DAY_MS);
    await eraser(0).run();
    expect(await shown(id)).toMatchObject({ input: INPUT, output: OUTPUT });
    await eraser(3_999).run();
    expect(await shown(id)).toMatchObject({ input: null });
  });

  it('go batch by batch, by several at once, and none is left out, also of those that ended at one instant', async () => {
    const ids = await Promise.all(Array.from({ length: 60 }, () => invoke()));
    await Promise.all(ids.map((id) => submit(id)));
    await world.database.pool.query(
      'update market.invocation set settled_at = (select max(settled_at) from market.invocation where id = any($1)) where id = any($2)',
      [ids, ids.slice(0, 30)],
    );
    await world.passTime(91 * DAY_MS);
    const store = new EraseStore(doors);
    const work = async (): Promise<void> => {
      // Whoever finds another at work gets 0, so each tries for a while after that.
      for (let rests = 0; rests < 20;) if ((await store.erase(90, 7)) === 0) rests += 1;
    };
    await Promise.all([work(), work(), work()]);
    const { rows } = await world.database.pool.query<{ left: bigint }>(
      'select count(*) as left from market.invocation where settled_at is not null and payload_erased_at is null',
    );
    expect(rows[0]?.left).toBe(0n);
    // The place is kept: a run that finds nothing new reads nothing old.
    expect(await store.erase(90, 500)).toBe(0);
  });
});
