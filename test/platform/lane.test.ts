import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Database, Lane, LaneClosed, LaneFull, LaneUnwanted, type LaneFunction, type LaneLimits } from '#platform';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';

type Item = { id: bigint; mood: 'good' | 'bad' | 'again' | 'slow' };
type Verdict = { id: bigint; verdict: 'made' | 'again' };

const good = (count: number): Item[] => Array.from({ length: count }, (_, n) => ({ id: BigInt(n), mood: 'good' }));

let database: TestDatabase;
let doors: Database;
let proxy: TcpProxy;
const lanes: Lane<Item, Verdict>[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  // A call makes its things or none of them, and notes how many it was given.
  await database.pool.query(`
    create table public.thing (id bigint primary key);
    create table public.call (n bigserial primary key, ids bigint[] not null);
    create function public.make_things(p_ids bigint[], p_moods text[]) returns table (id bigint, verdict text)
    language plpgsql security definer as $$
    begin
      if 'slow' = any (p_moods) then perform pg_sleep(0.4); end if;
      if 'bad' = any (p_moods) then raise exception 'bad item'; end if;
      insert into public.call (ids) values (p_ids);
      insert into public.thing select u.id from unnest(p_ids, p_moods) as u (id, mood)
      where u.mood <> 'again' or cardinality(p_ids) = 1;
      return query select u.id, case when u.mood = 'again' and cardinality(p_ids) > 1 then 'again' else 'made' end
      from unnest(p_ids, p_moods) with ordinality as u (id, mood, n) order by u.n;
    end $$;
    grant select on public.thing to c4c_app;
    grant execute on function public.make_things to c4c_app`);
  const { hostname, port } = new URL(database.appUrl);
  proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  doors = new Database(database.config({ DATABASE_DIRECT_URL: proxy.url(database.appUrl) }).database);
});

beforeEach(async () => {
  told = { waited: 0, committed: [], refused: [] };
  await database.pool.query('truncate public.thing, public.call');
});

afterEach(async () => {
  proxy.mend();
  await Promise.all(lanes.splice(0).map((lane) => lane.close()));
});

afterAll(async () => {
  await doors.close();
  await proxy.close();
  await database.drop();
});

/** What the lanes told of themselves. */
let told: { waited: number; committed: number[]; refused: string[] };

function openLane(limits: LaneLimits = {}, changed: Partial<LaneFunction<Item, Verdict>> = {}): Lane<Item, Verdict> {
  const lane = new Lane<Item, Verdict>(
    doors,
    {
      name: 'make-things',
      text: 'select id, verdict from public.make_things($1::bigint[], $2::text[])',
      values: (items) => [items.map(({ id }) => id), items.map(({ mood }) => mood)],
      isAgain: ({ verdict }) => verdict === 'again',
      recover: async ({ id }) => {
        const [row] = await doors.query<{ id: bigint }>('select id from public.thing where id = $1', [id]);
        return row === undefined ? undefined : { id: row.id, verdict: 'made' };
      },
      ...changed,
    },
    limits,
    () => ({
      waited: () => (told.waited += 1),
      committed: (items) => told.committed.push(items),
      refused: (reason) => told.refused.push(reason),
    }),
  );
  lanes.push(lane);
  return lane;
}

async function things(): Promise<bigint[]> {
  const { rows } = await database.pool.query<{ id: bigint }>('select id from public.thing order by id');
  return rows.map(({ id }) => id);
}

/** The ids of each call that took effect. */
async function calls(): Promise<bigint[][]> {
  const { rows } = await database.pool.query<{ ids: string[] }>(
    'select ids::text[] as ids from public.call order by n',
  );
  return rows.map(({ ids }) => ids.map(BigInt));
}

async function lanesOpen(): Promise<number> {
  const { rowCount } = await database.pool.query(
    `select 1 from pg_stat_activity where datname = current_database() and application_name = 'c4c-lane'`,
  );
  return rowCount ?? 0;
}

async function killLanes(): Promise<number> {
  const { rowCount } = await database.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'c4c-lane'`,
  );
  return rowCount ?? 0;
}

describe('a lane', () => {
  it('sends one item alone and at once', async () => {
    const lane = openLane();
    expect(await lane.send({ id: 7n, mood: 'good' })).toEqual({ id: 7n, verdict: 'made' });
    expect(await calls()).toEqual([[7n]]);
  });

  it('lets what comes meanwhile share calls, and gives each item its own verdict', async () => {
    const lane = openLane({ connections: 2, helpAfterMs: 0, batchMax: 32 });
    const items = good(500);
    const verdicts = await Promise.all(items.map((item) => lane.send(item)));
    expect(verdicts.map(({ id }) => id)).toEqual(items.map(({ id }) => id));
    expect(await things()).toEqual(items.map(({ id }) => id));
    const sizes = (await calls()).map((ids) => ids.length);
    expect(Math.max(...sizes)).toBe(32);
    expect(sizes.length).toBeLessThan(30);
  });

  it('keeps to one connection while calls are quick', async () => {
    const lane = openLane({ connections: 3, helpAfterMs: 60_000 });
    await Promise.all(good(500).map((item) => lane.send(item)));
    expect(await lanesOpen()).toBe(1);
  });

  it('takes another connection to help while a call takes long, and only then', async () => {
    const lane = openLane({ connections: 2, helpAfterMs: 20 });
    const slow = lane.send({ id: 100n, mood: 'slow' });
    await Promise.all(good(20).map((item) => lane.send(item)));
    expect((await calls()).flat()).not.toContain(100n);
    await slow;
    expect(await lanesOpen()).toBe(2);
    expect((await things()).length).toBe(21);
  });

  it('rejects the item that fails and no neighbour', async () => {
    const lane = openLane({ connections: 1 });
    const items = good(64);
    for (const place of [5, 41]) items[place] = { id: BigInt(place), mood: 'bad' };
    const ends = await Promise.allSettled(items.map((item) => lane.send(item)));
    expect(ends.flatMap(({ status }, place) => (status === 'rejected' ? [place] : []))).toEqual([5, 41]);
    expect((await things()).length).toBe(62);
  });

  it('sends alone what depends on a neighbour', async () => {
    const lane = openLane({ connections: 1 });
    const items = good(10);
    items[0] = { id: 0n, mood: 'slow' };
    items[4] = { id: 4n, mood: 'again' };
    items[8] = { id: 8n, mood: 'again' };
    const verdicts = await Promise.all(items.map((item) => lane.send(item)));
    expect(verdicts.every(({ verdict }) => verdict === 'made')).toBe(true);
    expect((await calls()).slice(-2)).toEqual([[4n], [8n]]);
  });

  it('sends nothing alone for ever', async () => {
    const lane = openLane({}, { isAgain: () => true });
    expect(await lane.send({ id: 1n, mood: 'good' })).toEqual({ id: 1n, verdict: 'made' });
    expect(await calls()).toEqual([[1n]]);
  });

  it('rejects an item whose values cannot be made, and goes on', async () => {
    const lane = openLane(
      { connections: 1 },
      {
        values: (items) => {
          if (items.some(({ mood }) => mood === 'bad')) throw new Error('no values');
          return [items.map(({ id }) => id), items.map(({ mood }) => mood)];
        },
      },
    );
    const sent = [
      lane.send({ id: 1n, mood: 'good' }),
      lane.send({ id: 2n, mood: 'bad' }),
      lane.send({ id: 3n, mood: 'good' }),
    ];
    expect((await Promise.allSettled(sent)).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
  });

  it('refuses what is more than it keeps waiting', async () => {
    const lane = openLane({ connections: 1, queueMax: 3 });
    const first = lane.send({ id: 100n, mood: 'slow' });
    const waiting = good(3).map((item) => lane.send(item));
    expect(lane.depth).toBe(3);
    await expect(lane.send({ id: 101n, mood: 'good' })).rejects.toBeInstanceOf(LaneFull);
    await Promise.all([first, ...waiting]);
    expect(await things()).toEqual([0n, 1n, 2n, 100n]);
  });

  it('serves the owner of one item in the next call, however many another has queued', async () => {
    const lane = openLane({ connections: 1, batchMax: 8 });
    const answered: bigint[] = [];
    const send = (id: bigint, turn: bigint, mood: Item['mood'] = 'good'): Promise<unknown> =>
      lane.send({ id, mood }, { turn }).then(() => answered.push(id));
    const sent = [send(10_000n, 1n, 'slow'), ...good(400).map(({ id }) => send(id, 1n)), send(20_000n, 2n)];
    await Promise.all(sent);
    expect((await calls())[1]).toContain(20_000n);
    expect(answered.indexOf(20_000n)).toBeLessThan(10);
    expect(answered.length).toBe(402);
  });

  it('lets the longest line give way when it is full', async () => {
    const lane = openLane({ connections: 1, queueMax: 3 });
    const first = lane.send({ id: 100n, mood: 'slow' }, { turn: 1n });
    const flood = good(3).map((item) => lane.send(item, { turn: 1n }));
    const displaced = expect(flood[2]).rejects.toBeInstanceOf(LaneFull);
    const other = lane.send({ id: 200n, mood: 'good' }, { turn: 2n });
    const refused = expect(lane.send({ id: 101n, mood: 'good' }, { turn: 1n })).rejects.toBeInstanceOf(LaneFull);
    await Promise.all([first, flood[0], flood[1], other, displaced, refused]);
    expect(await things()).toEqual([0n, 1n, 100n, 200n]);
    expect(told.refused).toEqual(['displaced', 'full']);
  });

  it('sends nothing that nobody waits for when its turn comes, and everything else', async () => {
    const lane = openLane({ connections: 1 });
    let isThere = true;
    const first = lane.send({ id: 100n, mood: 'slow' });
    const gone = expect(lane.send({ id: 1n, mood: 'good' }, { isWanted: () => isThere })).rejects.toBeInstanceOf(
      LaneUnwanted,
    );
    const stays = lane.send({ id: 2n, mood: 'good' }, { isWanted: () => true });
    isThere = false;
    await Promise.all([first, gone, stays]);
    expect(await things()).toEqual([2n, 100n]);
    expect(told.refused).toEqual(['cancelled']);
  });

  it('finishes an item that it has taken, also when nobody waits for it any more', async () => {
    const lane = openLane({ connections: 1 });
    let isThere = true;
    const sent = lane.send({ id: 1n, mood: 'slow' }, { isWanted: () => isThere });
    isThere = false;
    await sent;
    expect(await things()).toEqual([1n]);
  });

  it('draws the size of each call when it is told to', async () => {
    const sizes = [3, 1, 5, 2, 64];
    const lane = openLane({ connections: 1, batchMax: () => sizes.shift() ?? 64 });
    await Promise.all([lane.send({ id: 100n, mood: 'slow' }), ...good(20).map((item) => lane.send(item))]);
    // One alone at once, while the sizes are drawn; then what had gathered.
    expect((await calls()).map((ids) => ids.length)).toEqual([1, 1, 5, 2, 12]);
  });

  it('gathers what comes in one turn of the event loop when it is told to, also when it is closed in that turn', async () => {
    const lane = openLane({}, { isGathered: true });
    await Promise.all(good(20).map((item) => lane.send(item)));
    const last = lane.send({ id: 100n, mood: 'good' });
    await Promise.all([last, lane.close()]);
    expect((await calls()).map((ids) => ids.length)).toEqual([20, 1]);
  });

  it('tells how long items waited and what each call carried', async () => {
    const lane = openLane({ connections: 1 });
    await Promise.all([lane.send({ id: 100n, mood: 'slow' }), ...good(20).map((item) => lane.send(item))]);
    expect(told).toEqual({ waited: 21, committed: [1, 20], refused: [] });
  });

  it('finishes what it has taken when it is closed, and takes nothing more', async () => {
    const lane = openLane({ connections: 1, batchMax: 4 });
    const sent = [lane.send({ id: 100n, mood: 'slow' }), ...good(20).map((item) => lane.send(item))];
    const closing = lane.close();
    await expect(lane.send({ id: 200n, mood: 'good' })).rejects.toBeInstanceOf(LaneClosed);
    await closing;
    expect((await Promise.all(sent)).length).toBe(21);
    expect((await things()).length).toBe(21);
  });
});

describe('a lane whose connection breaks', () => {
  it('sends a batch again that was rolled back', async () => {
    const lane = openLane({ connections: 1 });
    const sent = [lane.send({ id: 100n, mood: 'slow' }), ...good(20).map((item) => lane.send(item))];
    await sleep(150);
    expect(await killLanes()).toBe(1);
    expect((await Promise.all(sent)).length).toBe(21);
    expect((await things()).length).toBe(21);
  });

  it('finds what had taken effect when the answer is lost, and does not do it again', async () => {
    const lane = openLane({ connections: 1 });
    await lane.send({ id: 1_000n, mood: 'good' });
    const sent = [lane.send({ id: 100n, mood: 'slow' }), ...good(20).map((item) => lane.send(item))];
    await sleep(100);
    proxy.loseAnswers();
    expect((await Promise.all(sent)).map(({ id }) => id)).toEqual([100n, ...good(20).map(({ id }) => id)]);
    const made = (await calls()).flat();
    expect(made.length).toBe(22);
    expect(new Set(made).size).toBe(22);
  });

  it('waits for an answer only so long', async () => {
    const lane = openLane({ connections: 1 });
    await lane.send({ id: 1_000n, mood: 'good' });
    proxy.swallowAnswers();
    const sent = good(5).map((item) => lane.send(item));
    expect((await Promise.all(sent)).length).toBe(5);
    expect((await things()).length).toBe(6);
  }, 40_000);

  it('says so when the database cannot be reached, and works when it can again', async () => {
    const lane = openLane({ connections: 1 });
    proxy.refuse();
    const ends = await Promise.allSettled(good(10).map((item) => lane.send(item)));
    expect(ends.every(({ status }) => status === 'rejected')).toBe(true);
    expect(await things()).toEqual([]);
    proxy.mend();
    expect((await Promise.all(good(10).map((item) => lane.send(item)))).length).toBe(10);
  });

  it('doubles nothing and forgets nothing while connections are killed again and again', async () => {
    const lane = openLane({ connections: 2, helpAfterMs: 0, batchMax: 16 });
    let isOver = false;
    let killed = 0;
    const killing = (async () => {
      while (!isOver) {
        killed += await killLanes();
        await sleep(10);
      }
    })();
    const made: bigint[] = [];
    const failed: bigint[] = [];
    for (let round = 0; round < 20 || killed < 10; round += 1) {
      const items = good(40).map(({ id }) => ({ id: id + BigInt(round) * 100n, mood: 'good' as const }));
      const ends = await Promise.allSettled(items.map((item) => lane.send(item)));
      for (const [place, { status }] of ends.entries()) {
        (status === 'fulfilled' ? made : failed).push(items[place]?.id ?? -1n);
      }
    }
    isOver = true;
    await killing;
    const there = new Set(await things());
    // What was answered is there; what was rejected is unknown to the client, which repeats with its key.
    expect(made.filter((id) => !there.has(id))).toEqual([]);
    expect(made.length).toBeGreaterThan(failed.length);
    const doubled = (await calls()).flat();
    expect(doubled.length).toBe(new Set(doubled).size);
  });
});
