import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, expectInvariants, type TestDatabase } from '../support/database.js';
import { Fleet, invoke, send, submit, want, type FleetShop } from '../support/fleet.js';
import { PostgresProxy } from '../support/postgres-proxy.js';
import type { AppProcess } from '../support/processes.js';
import { DurableMarket, killBetweenCommitAndAnswer, killPostgresUnderLoad } from './crash-rounds.js';

const ROUNDS = [1, 2];
// Several processes start in each; a busy machine takes its time for that.
const ROUND_TIMEOUT_MS = 120_000;
const OPEN = 'invocation-open';
const CLOSE = 'invocation-close';

describe('when the api is killed between commit and answer', () => {
  it.each(ROUNDS)(
    'a repeated request gets the first answer and nothing happens twice, round %i',
    { timeout: ROUND_TIMEOUT_MS },
    async () => {
      const database = await createTestDatabase();
      try {
        await killBetweenCommitAndAnswer(database);
      } finally {
        await database.drop();
      }
    },
  );
});

describe('when PostgreSQL is killed with all its processes under load', () => {
  let market: DurableMarket;
  beforeAll(async () => {
    market = await DurableMarket.start();
  });
  afterAll(() => market.end());

  it.each(ROUNDS)(
    'nothing that was acknowledged is lost and every hold ends, round %i',
    { timeout: ROUND_TIMEOUT_MS },
    () => killPostgresUnderLoad(market, { operations: 200 }),
  );
});

describe('when the connection to the database breaks', () => {
  let database: TestDatabase;
  let proxy: PostgresProxy;
  let fleet: Fleet;
  let api: AppProcess;
  let shop: FleetShop;

  beforeAll(async () => {
    database = await createTestDatabase();
    proxy = await PostgresProxy.start(database.appUrl);
    fleet = await Fleet.on(database, {
      DATABASE_URL: proxy.url(database.appUrl),
      DATABASE_DIRECT_URL: proxy.url(database.appUrl),
    });
    api = await fleet.start('api');
    shop = await fleet.shop(api);
  });
  afterEach(() => expectInvariants(database));
  afterAll(async () => {
    await fleet.end();
    await proxy.close();
    await database.drop();
  });

  const faults = (['lose-request', 'lose-answer', 'break-after-request'] as const).flatMap((fault) =>
    [true, false].map((hasKey) => ({ fault, hasKey })),
  );

  it.each(faults)('an invoke holds once and is answered: $fault, key: $hasKey', async ({ fault, hasKey }) => {
    const key = hasKey ? `${fault} key` : undefined;
    const before = await holds(database);
    const caught = proxy.next(OPEN, fault);
    const [answer] = await Promise.all([invoke(api, shop, { key }), caught]);
    expect(answer).toMatchObject({ status: 200, data: { status: 'pending' } });
    // Nobody asked before: whatever happened behind the api, this is the first answer.
    expect(answer.headers.get('idempotent-replayed')).toBeNull();
    expect(await holds(database)).toBe(before + 1);
    if (key === undefined) return;
    const again = await invoke(api, shop, { key });
    expect(again.data).toEqual(answer.data);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(await holds(database)).toBe(before + 1);
  });

  it.each(faults.filter(({ hasKey }) => hasKey))('a submit settles once and is answered: $fault', async ({ fault }) => {
    const { invocationId } = await want(invoke(api, shop));
    const caught = proxy.next(CLOSE, fault);
    const [first] = await Promise.all([submit(api, shop, invocationId), caught]);
    expect(first).toMatchObject({ status: 200, data: { invocationId, status: 'completed' } });
    expect((await submit(api, shop, invocationId)).data).toEqual(first.data);
    expect(await submit(api, shop, invocationId, 'another')).toMatchObject({ status: 409, code: 'ALREADY_SETTLED' });
  });

  it.each([true, false])(
    'a call whose session goes on when its connection breaks holds once, key: %s',
    async (hasKey) => {
      const before = await holds(database);
      const known = await laneSessions(database);
      const locker = await database.pool.connect();
      try {
        // The call waits for the wallet when its connection breaks, and so does its repetition: whoever is left then goes on.
        await locker.query('begin');
        await locker.query('select 1 from ledger.wallet where account_id = $1 for update', [shop.caller.ownerId]);
        const caught = proxy.next(OPEN, 'break-after-request');
        const answering = invoke(api, shop, { key: hasKey ? 'overtaken' : undefined });
        await caught;
        await expect
          .poll(
            async () => (await laneSessions(database, `wait_event_type = 'Lock'`)).some((pid) => !known.includes(pid)),
            {
              interval: 5,
            },
          )
          .toBe(true);
        await locker.query('commit');
        const answer = await answering;
        expect(answer).toMatchObject({ status: 200, data: { status: 'pending' } });
        expect(answer.headers.get('idempotent-replayed')).toBeNull();
      } finally {
        locker.release();
      }
      expect(await holds(database)).toBe(before + 1);
    },
  );

  it('a batch of neighbours is answered one by one, each held once', async () => {
    const before = await holds(database);
    const caught = proxy.next(OPEN, 'hold-request');
    const answering = Array.from({ length: 40 }, (_, n) =>
      invoke(api, shop, { key: n % 2 === 0 ? `n${n}` : undefined }),
    );
    await caught;
    await sleep(300);
    proxy.cutAll();
    const answers = await Promise.all(answering);
    // What cannot be known is said so (503) and repeated with its key; nothing may be held in secret.
    const opened = answers.filter(({ status }) => status === 200);
    for (const { status } of answers) expect([200, 503]).toContain(status);
    const known = new Set(opened.map(({ data }) => data.invocationId));
    expect(known.size).toBe(opened.length);
    for (const [n, { status }] of answers.entries()) {
      if (status === 503 && n % 2 === 0) known.add((await want(invoke(api, shop, { key: `n${n}` }))).invocationId);
    }
    const unknown = answers.filter(({ status }, n) => status === 503 && n % 2 === 1).length;
    const held = (await holds(database)) - before;
    expect(held).toBeGreaterThanOrEqual(known.size);
    expect(held).toBeLessThanOrEqual(known.size + unknown);
  });

  it('silence on the way to the database and back stops no lane for ever', async () => {
    const before = await holds(database);
    // The network swallows one request and one answer without a word: neither an end nor a reset.
    const answering = [];
    for (const fault of ['hold-request', 'hold-answer'] as const) {
      const caught = proxy.next(OPEN, fault);
      answering.push(invoke(api, shop, { key: fault }));
      await caught;
    }
    for (const answer of await Promise.all(answering)) expect(answer.status).toBe(200);
    proxy.release();
    expect(await holds(database)).toBe(before + 2);
  });

  it('a database that takes connections and says nothing is reported as away, and nothing hangs', async () => {
    proxy.silence(true);
    proxy.cutAll();
    const answer = await invoke(api, shop);
    expect(answer).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
    proxy.silence(false);
    proxy.cutAll();
    await expect.poll(async () => (await invoke(api, shop)).status, { timeout: 8_000 }).toBe(200);
  });

  it('reads and writes go on after all connections were cut at once', async () => {
    proxy.cutAll();
    await expect.poll(async () => (await invoke(api, shop)).status, { timeout: 5_000 }).toBe(200);
    const wallet = await send(api, shop.caller.ownerKey, 'GET', '/owner/wallet');
    expect(wallet.status).toBe(200);
  });
});

describe('when a worker is killed or stopped while deadlines are due', () => {
  let database: TestDatabase;
  let proxy: PostgresProxy;
  let fleet: Fleet;
  let api: AppProcess;
  let shop: FleetShop;

  beforeAll(async () => {
    database = await createTestDatabase();
    proxy = await PostgresProxy.start(database.appUrl);
    fleet = await Fleet.on(database);
    api = await fleet.start('api');
    // The shortest deadline there is: one second.
    shop = await fleet.shop(api, { avgResponseMs: 1 });
  });
  afterEach(async () => {
    proxy.release();
    await expectInvariants(database);
  });
  afterAll(async () => {
    await fleet.end();
    await proxy.close();
    await database.drop();
  });

  const behindProxy = (): Record<string, string> => ({
    DATABASE_URL: proxy.url(database.appUrl),
    DATABASE_DIRECT_URL: proxy.url(database.appUrl),
  });

  it.each(['hold-request', 'hold-answer'] as const)(
    'another one refunds what is left: %s',
    { timeout: 90_000 },
    async (fault) => {
      const worker = await fleet.start('worker', behindProxy());
      const caught = proxy.next(CLOSE, fault);
      await invokeMany(60);
      await caught;
      await worker.kill();
      const other = await fleet.start('worker');
      const readyAt = Date.now();
      await untilNothingIsPending(database);
      expect(Date.now() - readyAt).toBeLessThan(3_000);
      expect(await wallet()).toEqual({ available: '1000', held: '0' });
      await other.stop();
      expect(other.errors).toEqual([]);
    },
  );

  it('it settles nothing late and nothing twice when it goes on', { timeout: 90_000 }, async () => {
    const worker = await fleet.start('worker', behindProxy());
    const caught = proxy.next(CLOSE, 'hold-request');
    const ids = await invokeMany(20);
    await caught;
    // It has read what is due and is about to close it.
    worker.signal('SIGSTOP');
    const [late, ...rest] = ids;
    expect(await submit(api, shop, Number(late))).toMatchObject({ status: 409, code: 'DEADLINE_PASSED' });
    await sleep(5_000);
    const other = await fleet.start('worker');
    await untilNothingIsPending(database);
    const settled = await settlements(database);
    worker.signal('SIGCONT');
    proxy.release();
    await sleep(2_500);
    expect(await settlements(database)).toEqual(settled);
    for (const id of rest.slice(0, 3))
      expect(await submit(api, shop, id)).toMatchObject({ status: 409, code: 'DEADLINE_PASSED' });
    // It works on as if nothing had been.
    await other.stop();
    await invokeMany(5);
    await untilNothingIsPending(database);
    expect(await wallet()).toEqual({ available: '1000', held: '0' });
    await worker.stop();
  });

  async function invokeMany(times: number): Promise<number[]> {
    const opened = await Promise.all(Array.from({ length: times }, () => want(invoke(api, shop))));
    return opened.map(({ invocationId }) => invocationId);
  }

  function wallet(): Promise<unknown> {
    return want(send(api, shop.caller.ownerKey, 'GET', '/owner/wallet'));
  }
});

async function holds({ pool }: TestDatabase): Promise<number> {
  const { rows } = await pool.query<{ n: number }>('select count(*)::int as n from ledger.hold');
  return rows[0]?.n ?? 0;
}

async function settlements({ pool }: TestDatabase): Promise<unknown[]> {
  const { rows } = await pool.query<{ hold_id: bigint; outcome: string; at: string }>(
    'select hold_id, outcome, settled_at::text as at from ledger.settlement order by hold_id',
  );
  return rows;
}

/** Waits until so many statements wait for a lock. */
async function laneSessions({ pool }: TestDatabase, condition = 'true'): Promise<number[]> {
  const { rows } = await pool.query<{ pid: number }>(
    `select pid from pg_stat_activity where datname = current_database() and application_name = 'c4c-lane' and ${condition}`,
  );
  return rows.map(({ pid }) => pid);
}

async function untilNothingIsPending({ pool }: TestDatabase): Promise<void> {
  for (const until = Date.now() + 10_000; Date.now() < until; await sleep(20)) {
    const { rows } = await pool.query(`select from market.invocation where status = 'pending' limit 1`);
    if (rows.length === 0) return;
  }
  throw new Error('some invocations are still pending');
}
