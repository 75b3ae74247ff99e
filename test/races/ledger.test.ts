import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { Ledger, type CloseItem, type OpenItem } from '../ledger/ledger.js';
import { testPool } from '../support/pool.js';

const WORKERS = 8;
const RESPONSE_MS = 60_000;
const DEADLINE_MS = 2 * RESPONSE_MS;

let database: TestDatabase;
/** Every worker has a connection, as every lane of every process has. */
let pool: pg.Pool;
let ledger: Ledger;
let payers: { owner: bigint; agent: bigint }[];
let provider: bigint;
let service: bigint;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = testPool({ connectionString: database.adminUrl, max: WORKERS, types: database.pool.options.types });
  ledger = new Ledger(pool);
  payers = [];
  for (let n = 0; n < 4; n += 1) {
    const owner = await ledger.owner(1_000_000n);
    payers.push({ owner, agent: await ledger.agent(owner) });
  }
  const seller = await ledger.owner();
  provider = await ledger.agent(seller);
  const limits = { maxPending: 1_000_000, maxPendingPerCaller: 1_000_000 };
  service = await ledger.service(provider, seller, { price: 10n, avgResponseMs: RESPONSE_MS, ...limits });
});

afterAll(async () => {
  await expectInvariants(database);
  const deadlocks = 'select deadlocks from pg_stat_database where datname = current_database()';
  expect(await ledger.one<bigint>(deadlocks)).toBe(0n);
  await pool.end();
  await database.drop();
});

it('a result, a failure, a cancellation and the deadline meet a thousand times at the instant, and each time one wins', async () => {
  const counts = new Map<string, number>();
  for (let round = 0; round < 20; round += 1) {
    const ids = await opened(50);
    // Shortly before the first deadline: what follows takes about as long as is left, now more, now less.
    await database.advanceClock((await msToFirstDeadline(ids)) - 30 * (round % 5));
    const winners = await atOnce(WORKERS - 1, async (worker) => {
      const action = (['complete', 'fail', 'expire', 'complete', 'cancel', 'expire'] as const)[worker % 6] ?? 'expire';
      const won: bigint[] = [];
      for (const some of chunks(shuffled(ids), 1 + 3 * (worker % 3))) {
        const items = some.map((id) => closing(id, action, `by ${worker}`));
        const { verdicts } = await ledger.inLane((batch: readonly CloseItem[]) => ledger.close(batch), items);
        won.push(...some.filter((_, place) => verdicts[place]?.verdict === 'closed'));
      }
      return won;
    });
    expect(new Set(winners.flat()).size).toBe(winners.flat().length);
    await database.advanceClock(DEADLINE_MS);
    await ledger.close(ids.map((id) => closing(id, 'expire', '')));
    const { rows } = await pool.query<{ status: string; n: number }>(
      'select status, count(*)::int as n from market.invocation where id = any ($1) group by status',
      [ids],
    );
    for (const { status, n } of rows) counts.set(status, (counts.get(status) ?? 0) + n);
  }
  // The instant lay in the middle: some were in time, some were not, and nothing is left.

  expect(counts.get('pending')).toBeUndefined();
  expect((counts.get('completed') ?? 0) + (counts.get('failed') ?? 0)).toBeGreaterThan(20);
  expect(counts.get('timeout')).toBeGreaterThan(20);
  expect([...counts.values()].reduce((sum, n) => sum + n, 0)).toBe(1_000);
  await expectInvariants(database);
}, 120_000);

it('calls of one and calls of many fight for the same keys, and each key buys once', async () => {
  for (let round = 0; round < 10; round += 1) {
    const keys = Array.from({ length: 30 }, (_, n) => `fight ${round} ${n}`);
    const bought = await atOnce(WORKERS, async (worker) => {
      const results: [string, bigint][] = [];
      for (const some of chunks(shuffled(keys), worker % 2 === 0 ? 1 : 10)) {
        const items = await Promise.all(some.map((key) => wish(0, key)));
        const { verdicts } = await ledger.inLane((batch: readonly OpenItem[]) => ledger.open(batch), items);
        for (const [place, { verdict, invocationId }] of verdicts.entries()) {
          expect(['opened', 'replay']).toContain(verdict);
          results.push([some[place] ?? '', invocationId]);
        }
      }
      return results;
    });
    for (const key of keys) {
      expect(new Set(bought.flat().flatMap(([its, id]) => (its === key ? [id] : []))).size).toBe(1);
    }
  }
  await expectInvariants(database);
}, 120_000);

it('at every moment of a busy market the books are right', async () => {
  let isOver = false;
  const open: bigint[] = [];
  const working = atOnce(WORKERS - 2, async (worker) => {
    for (let n = 0; n < 60; n += 1) {
      const many = 1 + ((n * 7 + worker) % 24);
      switch ((n + worker) % 6) {
        case 0:
        case 1:
        case 2: {
          const items = await Promise.all(Array.from({ length: many }, (_, place) => wish((place + n) % 4, null)));
          await ledger.inLane((batch: readonly OpenItem[]) => ledger.open(batch), items);
          open.push(...items.map(({ id }) => id));
          break;
        }
        case 3:
        case 4: {
          const action = (['complete', 'fail', 'cancel'] as const)[n % 3] ?? 'complete';
          const items = shuffled(open)
            .slice(0, many)
            .map((id) => closing(id, action, `${worker} ${n}`));
          if (items.length > 0) await ledger.inLane((batch: readonly CloseItem[]) => ledger.close(batch), items);
          break;
        }
        default:
          await ledger.deposit(payers[worker % 4]?.owner ?? 0n, 17n);
          for (const { owner } of payers) await ledger.fold(owner);
          await ledger.tally();
      }
    }
  }).finally(() => (isOver = true));
  let looks = 0;
  while (!isOver) {
    // Each statement reads one snapshot of everything, in the middle of whatever goes on.
    await expectInvariants(database);
    looks += 1;
  }
  await working;
  expect(looks).toBeGreaterThan(2);
}, 120_000);

async function msToFirstDeadline(ids: readonly bigint[]): Promise<number> {
  return ledger.one<number>(
    `select (extract(epoch from min(deadline_at) - platform.clock()) * 1000)::float8 from market.invocation where id = any ($1)`,
    [ids],
  );
}

async function opened(count: number): Promise<bigint[]> {
  const items: OpenItem[] = [];
  for (let n = 0; n < count; n += 1) items.push(await wish(n % 4, null));
  for (const some of chunks(items, 100)) {
    expect((await ledger.open(some)).every(({ verdict }) => verdict === 'opened')).toBe(true);
  }
  return items.map(({ id }) => id);
}

async function wish(payer: number, key: string | null): Promise<OpenItem> {
  const { owner, agent: caller } = payers[payer] ?? { owner: 0n, agent: 0n };
  const id = await ledger.nextId('market.invocation_id');
  const holdId = await ledger.nextHoldId();
  return { id, holdId, caller, owner, service, version: 1, maxPrice: null, key, print: 'same' };
}

/** A cancellation comes from one of the callers, mostly from one who is a stranger to this invocation. */
function closing(id: bigint, action: CloseItem['action'], print: string): CloseItem {
  const caller = payers[Number(id) % 4]?.agent ?? 0n;
  const actor = action === 'expire' ? null : action === 'cancel' ? caller : provider;
  return { id, action, actor, print };
}

function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((value) => ({ value, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}

function chunks<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, n) => list.slice(n * size, (n + 1) * size));
}

function atOnce<T>(times: number, work: (n: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: times }, (_, n) => work(n)));
}
