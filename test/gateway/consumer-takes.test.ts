import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

const NODE = '00000000-0000-4000-8000-000000000001';
const LEASE_MS = 30_000;
const TYPES = ['invocation.invoked', 'review.created', 'invocation.invoked', 'invocation.completed'];

/** How a consumer comes to where it stands before the taking that is looked at. */
type Case = {
  what: string;
  types?: string[];
  limit?: number;
  /** Sessions that take, one after the other. */
  sessions?: number;
  isEmpty?: boolean;
  /** A taking of so many before, and what became of them. */
  held?: { limit: number; isDue?: boolean; acknowledged?: number[]; putBack?: number[] };
  /** Retention has passed over everything up to this number. */
  goneTo?: number;
  isUnknown?: 'session' | 'consumer';
};

const CASES: Case[] = [
  { what: 'everything is new' },
  { what: 'nothing ever happened', isEmpty: true },
  { what: 'fewer than there are', limit: 3 },
  { what: 'no room at all', limit: 0 },
  { what: 'everything was taken', held: { limit: 8 } },
  { what: 'some types only', types: ['review.created'] },
  { what: 'some types only, and fewer than there are', types: ['review.created'], limit: 3 },
  { what: 'types that never come', types: ['endpoint.failing'] },
  { what: 'a session that is not known', isUnknown: 'session' },
  { what: 'a consumer that is not known', isUnknown: 'consumer' },
  { what: 'the first are gone', goneTo: 2 },
  { what: 'all are gone', goneTo: 8 },
  { what: 'the next are gone', held: { limit: 2 }, goneTo: 4 },
  { what: 'some are held', held: { limit: 3 } },
  { what: 'some of the held are acknowledged', held: { limit: 3, acknowledged: [1, 3] } },
  { what: 'all of the held are acknowledged', held: { limit: 3, acknowledged: [1, 2, 3] } },
  { what: 'one was given back', held: { limit: 3, putBack: [2] } },
  { what: 'the held are due again', held: { limit: 3, isDue: true } },
  { what: 'more are due again than there is room', held: { limit: 5, isDue: true }, limit: 2 },
  { what: 'of those due again some are gone', held: { limit: 5, isDue: true }, goneTo: 2 },
  { what: 'two sessions of one consumer', sessions: 2, limit: 3 },
  { what: 'two sessions of one consumer, with little to take', sessions: 2 },
];

/** One that takes, as the functions want to know it. */
type Taker = { agentId: bigint; consumer: string; session: string; limit: number };

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  await query(`insert into market.owner (name) values ('owner')`);
  await query('select market.gateway_beat($1, true)', [NODE]);
});

afterAll(async () => {
  await database.drop();
});

it('gives to many sessions in one call what each would get alone, one after the other', async () => {
  const agentIds: bigint[] = [];
  for (const one of CASES) agentIds.push(await agentWith(one.isEmpty === true ? [] : [...TYPES, ...TYPES]));
  const takersOf = async (consumer: string): Promise<Taker[][]> => {
    const takers: Taker[][] = [];
    for (const [n, one] of CASES.entries()) takers.push(await prepare(one, agentIds[n] ?? 0n, consumer));
    return takers;
  };
  const [together, apart] = [await takersOf('together'), await takersOf('apart')];
  for (const [n, { goneTo = 0 }] of CASES.entries())
    await query('delete from market.agent_event where agent_id = $1 and seq <= $2', [agentIds[n], goneTo]);

  const given = await takeMany(together.flat());
  const expected: unknown[] = [];
  for (const taker of apart.flat()) expected.push(await takeAlone(taker));

  const whats = CASES.flatMap(({ what, sessions = 1 }) => Array.from({ length: sessions }, () => what));
  expect(given.map((rows, n) => [whats[n], rows])).toEqual(expected.map((rows, n) => [whats[n], rows]));
  expect(await left('together')).toEqual(await left('apart'));
});

async function query<R extends Record<string, unknown>>(sql: string, values: unknown[] = []): Promise<R[]> {
  return (await database.pool.query<R>(sql, values)).rows;
}

async function agentWith(types: readonly string[]): Promise<bigint> {
  const [agent] = await query<{ id: bigint }>(
    `insert into market.agent (owner_id, name) values (1, 'agent') returning id`,
  );
  const id = agent?.id ?? 0n;
  await query('insert into market.agent_stream (agent_id) values ($1)', [id]);
  for (const type of types)
    await query('select market.event_append(array [$1::bigint], array [$2], array [7::bigint], platform.clock())', [
      id,
      type,
    ]);
  return id;
}

/** Brings a consumer to where the case has it. */
async function prepare(one: Case, agentId: bigint, consumer: string): Promise<Taker[]> {
  const takers = Array.from({ length: one.sessions ?? 1 }, () => {
    return { agentId, consumer, session: randomUUID(), limit: one.limit ?? 8 };
  });
  for (const { session } of takers)
    await query('select market.consumer_enter($1, $2, $3, $4, 0, $5, 32)', [
      agentId,
      consumer,
      session,
      NODE,
      one.types,
    ]);
  const [first] = takers;
  if (one.held !== undefined && first !== undefined) {
    const { limit, isDue = false, acknowledged = [], putBack = [] } = one.held;
    await takeAlone({ ...first, limit });
    const { session } = first;
    for (const seq of acknowledged)
      await query(
        'select market.consumer_settle(array [$1::bigint], array [$2], array [$3::uuid], array [$4::bigint], array [1])',
        [agentId, consumer, session, seq],
      );
    await query('select market.consumer_put_back($1, $2, $3, $4, 0, true)', [agentId, consumer, session, putBack]);
    if (isDue)
      await query('update market.consumer_claim set due_at = platform.clock() where agent_id = $1 and consumer = $2', [
        agentId,
        consumer,
      ]);
  }
  if (one.isUnknown === 'session') return takers.map((taker) => ({ ...taker, session: randomUUID() }));
  return one.isUnknown === 'consumer'
    ? takers.map((taker) => ({ ...taker, consumer: `${consumer} of nobody` }))
    : takers;
}

const ROW = 'kind, seq, to_seq, attempt, event_id, type, invocation_id, created_at';

async function takeAlone({ agentId, consumer, session, limit }: Taker): Promise<unknown> {
  const rows = await query<{ row: unknown }>(
    `select row_to_json(r) as row from (select ${ROW} from market.consumer_take($1, $2, $3, $4, ${LEASE_MS})) r`,
    [agentId, consumer, session, limit],
  );
  return rows.map(({ row }) => row);
}

async function takeMany(takers: readonly Taker[]): Promise<unknown[]> {
  const rows = await query<{ taken: unknown }>(
    `select array(
        select row_to_json(r) from (
          select ${ROW}
          from unnest(m.kinds, m.seqs, m.to_seqs, m.attempts, m.event_ids, m.types, m.invocation_ids, m.created_at) with ordinality
            as r (kind, seq, to_seq, attempt, event_id, type, invocation_id, created_at, n)
          order by n
        ) r) as taken
      from market.consumer_take_many($1::bigint[], $2::text[], $3::uuid[], $4::integer[], ${LEASE_MS}) m`,
    [
      takers.map(({ agentId }) => agentId),
      takers.map(({ consumer }) => consumer),
      takers.map(({ session }) => session),
      takers.map(({ limit }) => limit),
    ],
  );
  return rows.map(({ taken }) => taken);
}

/** What the consumers of this name have now, whoever holds it. */
async function left(consumer: string): Promise<unknown> {
  const cursors = await query(
    'select agent_id, acked_seq, taken_seq, types from market.consumer_cursor where consumer = $1 order by agent_id',
    [consumer],
  );
  const claims = await query(
    `select agent_id, seq, attempt, session is not null as is_held, due_at > platform.clock() as is_for_later
    from market.consumer_claim where consumer = $1 order by agent_id, seq`,
    [consumer],
  );
  return { cursors, claims };
}
