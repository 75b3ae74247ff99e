import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { expect } from 'vitest';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../libs/platform/embedded-postgres.js';
import { migrate } from '../../libs/platform/migrate.js';
import { migrateQueue } from '../../libs/platform/queue-migrate.js';
import { expectInvariants, type TestDatabase } from '../support/database.js';
import { Fleet, invoke, send, submit, want, type FleetDatabase, type FleetShop } from '../support/fleet.js';
import { killPostgres, untilAnswers } from '../support/kill-postgres.js';
import { removeFolder, temporaryFolder } from '../support/leftovers.js';
import { PostgresProxy } from '../support/postgres-proxy.js';
import type { AppProcess } from '../support/processes.js';
import { testPool } from '../support/pool.js';

/**
 * Kills an api process when an invoke, and later a submit, has been committed but not answered, and the worker with it; then
 * the client repeats its request to new processes.
 */
export async function killBetweenCommitAndAnswer(database: TestDatabase): Promise<void> {
  const proxy = await PostgresProxy.start(database.appUrl);
  const fleet = await Fleet.on(database);
  const seenThroughProxy = { DATABASE_DIRECT_URL: proxy.url(database.appUrl) };
  try {
    const [first, second] = await Promise.all([
      fleet.start('api', seenThroughProxy),
      fleet.start('api', seenThroughProxy),
      fleet.start('worker'),
    ]);
    const shop = await fleet.shop(first);
    const key = 'the same request';

    const committed = proxy.next('invocation-open', 'hold-answer');
    const unanswered = failed(invoke(first, shop, { key }));
    await committed;
    const [made] = await rowsOf(database);
    expect(made).toMatchObject({ status: 'pending', holds: 1 });
    await first.kill();
    await unanswered;

    const answer = await invoke(second, shop, { key });
    expect(answer).toMatchObject({ status: 200, data: { invocationId: Number(made?.id), status: 'pending' } });
    expect(answer.headers.get('idempotent-replayed')).toBe('true');
    expect((await invoke(second, shop, { key })).data).toEqual(answer.data);
    const otherRequest = { serviceId: shop.serviceId, input: { text: 'another' } };
    expect(
      await send(second, shop.caller.key, 'POST', '/agent/me/service-invocations', otherRequest, {
        'idempotency-key': key,
      }),
    ).toMatchObject({ status: 422, code: 'IDEMPOTENCY_KEY_REUSED' });

    const another = fleet.start('api');
    const id = answer.data.invocationId;
    const settled = proxy.next('invocation-close', 'hold-answer');
    const unheard = failed(submit(second, shop, id));
    await settled;
    const [ended] = await rowsOf(database);
    await second.kill();
    await unheard;

    const third = await another;
    const result = await submit(third, shop, id);
    expect(result).toMatchObject({
      status: 200,
      data: { invocationId: id, status: 'completed', completedAt: ended?.settledAt?.toISOString() },
    });
    expect(await submit(third, shop, id, 'another')).toMatchObject({ status: 409, code: 'ALREADY_SETTLED' });
    expect(await rowsOf(database)).toMatchObject([{ status: 'completed', holds: 1, settlements: 1 }]);
    expect(await want(send(third, shop.caller.ownerKey, 'GET', '/owner/wallet'))).toEqual({
      available: '999',
      held: '0',
    });
    expect(await want(send(third, shop.provider.ownerKey, 'GET', '/owner/wallet'))).toEqual({
      available: '1',
      held: '0',
    });
    await expectInvariants(database);
  } finally {
    await fleet.end();
    await proxy.close();
  }
}

type Row = { id: bigint; status: string; settledAt: Date | null; holds: number; settlements: number };

async function rowsOf({ pool }: FleetDatabase): Promise<Row[]> {
  const { rows } = await pool.query<Row>(
    `select i.id, i.status, i.settled_at as "settledAt",
      (select count(*)::int from ledger.hold h where h.subject_id = i.id) as holds,
      (select count(*)::int from ledger.settlement s where s.hold_id = i.hold_id) as settlements
    from market.invocation i order by i.id`,
  );
  return rows;
}

/** A request that must get no answer. */
async function failed(asked: Promise<unknown>): Promise<void> {
  await expect(asked).rejects.toThrow();
}

/** A durable cluster of its own, with the market's tables. */
export async function startDurableDatabase(): Promise<
  FleetDatabase & { server: EmbeddedPostgres; end(): Promise<void> }
> {
  const home = temporaryFolder();
  const server = await startEmbeddedPostgres({ home, durable: true });
  await migrate({ adminUrl: server.adminUrl(), appPassword: server.appPassword });
  await migrateQueue(server.adminUrl());
  const pool = testPool({ connectionString: server.adminUrl(), max: 4 });
  pool.on('error', () => undefined);
  return {
    adminUrl: server.adminUrl(),
    appUrl: server.appUrl(),
    pool,
    server,
    async end() {
      await pool.end();
      await server.stop();
      await removeFolder(home);
    },
  };
}

/** What a client was told, in its own words. */
type History = {
  opened: Set<number>;
  completed: Map<number, string>;
  unknown: string[];
  refused: Record<string, number>;
};

/** A market on a durable cluster, for rounds of `killPostgresUnderLoad`. */
export class DurableMarket {
  private constructor(
    readonly database: Durable,
    readonly fleet: Fleet,
    readonly api: AppProcess,
    readonly worker: AppProcess,
  ) {}

  static async start(): Promise<DurableMarket> {
    const database = await startDurableDatabase();
    const fleet = await Fleet.on(database);
    try {
      const [api, worker] = await Promise.all([fleet.start('api'), fleet.start('worker')]);
      return new DurableMarket(database, fleet, api, worker);
    } catch (error) {
      await fleet.end();
      await database.end();
      throw error;
    }
  }

  async end(): Promise<void> {
    await this.fleet.end();
    await this.database.end();
  }
}

type Durable = Awaited<ReturnType<typeof startDurableDatabase>>;

/** Kills all of PostgreSQL in the middle of so many invokes and submits, lets it come back, and compares. */
export async function killPostgresUnderLoad(
  { database, fleet, api }: DurableMarket,
  { operations }: { operations: number },
): Promise<void> {
  const shop = await fleet.shop(api, { avgResponseMs: 2_000 });
  const history: History = { opened: new Set(), completed: new Map(), unknown: [], refused: {} };
  let sent = 0;
  // Invokes and submits count; the middle half of the load may be hit.
  const killAt = Math.floor((operations / 2) * (0.3 + Math.random() * 0.4));
  let killed: Promise<void> | undefined;
  const client = async (): Promise<void> => {
    while (sent < operations / 2) {
      const key = `op ${(sent += 1)}`;
      if (sent >= killAt) killed ??= killPostgres(database.server);
      await live(api, shop, key, history);
    }
  };
  await Promise.all(Array.from({ length: 8 }, client));
  await killed;
  await untilAnswers(database.pool);

  // A client that heard nothing repeats with its key, and learns what became of its request.
  for (const key of history.unknown) {
    const { invocationId } = await want(invoke(api, shop, { key }));
    history.opened.add(invocationId);
  }
  const { rows } = await database.pool.query<{ id: string; status: string; at: Date | null }>(
    'select id::text, status, settled_at as at from market.invocation where service_id = $1',
    [shop.serviceId],
  );
  const found = new Map(rows.map((row) => [Number(row.id), row]));
  const lost = [...history.opened].filter((id) => !found.has(id));
  const undone = [...history.completed].filter(([id, at]) => {
    const row = found.get(id);
    return row?.status !== 'completed' || row.at?.toISOString() !== at;
  });
  expect({ lost, undone }).toEqual({ lost: [], undone: [] });
  expect(found.size).toBe(history.opened.size);
  expect(Object.keys(history.refused).filter((what) => what !== '503 UNAVAILABLE')).toEqual([]);
  // The load has met the crash.
  expect(history.unknown.length + (history.refused['503 UNAVAILABLE'] ?? 0)).toBeGreaterThan(0);
  await untilNoHoldIsOpen(database.pool);
  await expectInvariants(database);
}

/** One invoke and, for most, its submit; what is answered is written down, and nothing is repeated yet. */
async function live(api: AppProcess, shop: FleetShop, key: string, history: History): Promise<void> {
  const refuse = (status: number, code = ''): void => {
    const what = `${status} ${code}`;
    history.refused[what] = (history.refused[what] ?? 0) + 1;
  };
  const opened = await invoke(api, shop, { key });
  if (opened.status !== 200) {
    refuse(opened.status, opened.code);
    history.unknown.push(key);
    await sleep(50);
    return;
  }
  const id = opened.data.invocationId;
  history.opened.add(id);
  if (id % 4 === 0) return;
  const ended = await submit(api, shop, id);
  if (ended.status === 200) history.completed.set(id, ended.data.completedAt);
  // The deadline may have passed while the server was down.
  else if (ended.code !== 'DEADLINE_PASSED') refuse(ended.status, ended.code);
}

export async function untilNoHoldIsOpen(pool: pg.Pool, limitMs = 15_000): Promise<void> {
  for (const until = Date.now() + limitMs; Date.now() < until; await sleep(50)) {
    const { rows } = await pool.query(
      'select from ledger.hold h where not exists (select from ledger.settlement s where s.hold_id = h.id) limit 1',
    );
    if (rows.length === 0) return;
  }
  throw new Error('some holds are still open');
}
