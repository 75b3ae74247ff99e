import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DeadlineBell, DueWorker, QueueFactory } from '#platform';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { noRedis, startTestRedis, type TestRedis } from '../support/redis.js';

const NEVER_MS = 600_000;
// A bucket is half a second; the rest is for a busy machine.
const LATE_MAX_MS = 1_000;

const backends = [
  { backend: 'postgres', missing: undefined },
  { backend: 'redis', missing: noRedis },
] as const;

describe.each(backends)('deadlines over $backend', ({ backend, missing }) => {
  let database: TestDatabase;
  let redis: TestRedis | undefined;
  let queueName: string;
  let files = 0;
  const errors: unknown[] = [];
  const open: { close(): Promise<void> }[] = [];

  beforeAll(async () => {
    if (missing !== undefined) return;
    database = await createTestDatabase();
    await database.pool.query(
      'create table public.promise (id serial primary key, deadline_at timestamptz not null, closed_at timestamptz)',
    );
    if (backend === 'redis') redis = await startTestRedis();
  });

  afterAll(async () => {
    await redis?.stop();
    await database?.drop();
  });

  beforeEach(async () => {
    if (missing !== undefined) return;
    files += 1;
    queueName = `due-${redis?.prefix ?? 'test'}-${String(files)}`;
    errors.length = 0;
    await database.pool.query('delete from public.promise');
    await database.pool.query(`update platform.clock_offset set value = '0'`);
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.close()));
  });

  const queues = (): QueueFactory =>
    new QueueFactory({ redisUrl: redis?.url, directUrl: database.appUrl, onError: (error) => errors.push(error) });

  /** A queue on a port where nobody listens. */
  const deadQueues = (): QueueFactory =>
    new QueueFactory({
      redisUrl: backend === 'redis' ? 'redis://127.0.0.1:1' : undefined,
      directUrl: 'postgresql://c4c_app@127.0.0.1:1/nothing',
      onError: (error) => errors.push(error),
    });

  function startBell(factory = queues()): DeadlineBell {
    const bell = new DeadlineBell(factory.queue(queueName), (error) => errors.push(error));
    bell.start();
    open.push(bell);
    return bell;
  }

  function startWorker({ sweepEveryMs = NEVER_MS, factory = queues(), due = closeDue } = {}): {
    closeDue(): Promise<void>;
    close(): Promise<void>;
  } {
    const worker = new DueWorker({ due }, { nowMs: databaseNowMs }, (error) => errors.push(error), sweepEveryMs);
    const consumer = factory.worker(queueName, (jobId) => worker.ring(jobId));
    worker.start();
    const running = {
      closeDue: () => worker.closeDue(),
      async close() {
        await consumer.close();
        await worker.close();
      },
    };
    open.push(running);
    return running;
  }

  async function databaseNowMs(): Promise<number> {
    const { rows } = await database.pool.query<{ ms: number }>(
      'select extract(epoch from platform.clock())::float8 * 1000 as ms',
    );
    return rows[0]?.ms ?? 0;
  }

  async function closeDue(): Promise<{ closed: number }> {
    const { rowCount } = await database.pool.query(
      `update public.promise set closed_at = platform.clock()
      where closed_at is null and id in (select id from public.promise where closed_at is null and deadline_at <= platform.clock() limit 500)`,
    );
    return { closed: rowCount ?? 0 };
  }

  /** Something that falls due in so many milliseconds. */
  async function promise(inMs: number): Promise<Date> {
    const deadlineAt = new Date(Math.ceil(await databaseNowMs()) + inMs);
    await database.pool.query('insert into public.promise (deadline_at) values ($1)', [deadlineAt]);
    return deadlineAt;
  }

  async function openPromises(): Promise<number> {
    const { rows } = await database.pool.query<{ n: number }>(
      'select count(*)::int as n from public.promise where closed_at is null',
    );
    return rows[0]?.n ?? 0;
  }

  /** How late each was closed, in milliseconds of the database's clock. */
  async function lateness(): Promise<number[]> {
    const { rows } = await database.pool.query<{ ms: number }>(
      'select (extract(epoch from closed_at - deadline_at) * 1000)::float8 as ms from public.promise order by deadline_at',
    );
    return rows.map((row) => row.ms);
  }

  async function untilClosed(limitMs: number): Promise<void> {
    const end = Date.now() + limitMs;
    while ((await openPromises()) > 0) {
      if (Date.now() > end)
        throw new Error(
          `${String(await openPromises())} were not closed in ${String(limitMs)} ms: ${errors.map(String).join('; ')}`,
        );
      await sleep(20);
    }
  }

  async function expectInTime(lateMaxMs = LATE_MAX_MS): Promise<void> {
    for (const late of await lateness()) {
      expect(late).toBeGreaterThanOrEqual(0);
      expect(late).toBeLessThan(lateMaxMs);
    }
  }

  /** Loses everything that the queue knows. */
  async function wipe(): Promise<void> {
    if (redis === undefined) {
      await database.pool.query('delete from bullmq.job');
      return;
    }
    const client = new Redis(redis.url);
    const keys = await client.keys(`{c4c}:${queueName}:*`);
    if (keys.length > 0) await client.del(keys);
    await client.quit();
  }

  /** Cuts every connection of the queue. */
  async function cut(): Promise<void> {
    if (redis === undefined) {
      await database.pool.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = 'c4c_app'`,
      );
      return;
    }
    const client = new Redis(redis.url);
    await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await client.quit();
  }

  const queueTests = describe.skipIf(missing !== undefined);

  queueTests(missing ?? 'with a queue', () => {
    it('rings within its half second, never before the deadline, without any sweep', async () => {
      startWorker();
      const bell = startBell();
      await sleep(300);
      for (const inMs of [900, 1_000, 1_700]) bell.ring(await promise(inMs));
      await untilClosed(5_000);
      await expectInTime();
      expect(errors).toEqual([]);
    });

    it('rings again later when the database is behind', async () => {
      await database.advanceClock(-1_500);
      startWorker();
      const bell = startBell();
      await sleep(300);
      const deadlineAt = await promise(600);
      bell.ring(deadlineAt);
      await untilClosed(6_000);
      await expectInTime();
    });

    it('adds one job for all deadlines of a half second', async () => {
      let adds = 0;
      const queue = queues().queue(queueName);
      open.push(queue);
      const counting = {
        connect: () => undefined,
        epoch: () => queue.epoch(),
        close: () => Promise.resolve(),
        add: () => Promise.resolve(void (adds += 1)),
      };
      const bell = new DeadlineBell(counting, (error) => errors.push(error));
      const startMs = 3_600_000_000_000;
      for (let n = 0; n < 1_000; n += 1) bell.ring(new Date(startMs + n));
      await sleep(10);
      for (let n = 0; n < 1_000; n += 1) bell.ring(new Date(startMs + n));
      await sleep(10);
      expect(adds).toBe(2);
      await bell.close();
    });

    it('rings for a half second that has rung before', async () => {
      startWorker();
      await sleep(300);
      const deadlineAt = await promise(200);
      startBell().ring(deadlineAt);
      await untilClosed(3_000);
      await sleep(200);
      await database.pool.query('insert into public.promise (deadline_at) values ($1)', [deadlineAt]);
      startBell().ring(deadlineAt);
      await untilClosed(2_000);
    });

    it('rings for what was added while no worker ran', async () => {
      const first = startWorker();
      const bell = startBell();
      await sleep(300);
      await first.close();
      bell.ring(await promise(300));
      await sleep(1_200);
      expect(await openPromises()).toBe(1);
      startWorker({ due: closeDue });
      await untilClosed(3_000);
    });

    it('loses no deadline with the queue wiped, thanks to the sweep', async () => {
      startWorker({ sweepEveryMs: 1_000 });
      const bell = startBell();
      await sleep(300);
      for (let n = 0; n < 50; n += 1) bell.ring(await promise(1_500 + 20 * n));
      await wipe();
      await untilClosed(6_000);
      await expectInTime(1_500);
    });

    it('notices a wiped queue and rings again for half seconds it had rung for', async () => {
      startWorker();
      const [bell, other] = [startBell(), startBell()];
      await sleep(1_300);
      const deadlineAt = await promise(5_000);
      bell.ring(deadlineAt);
      other.ring(deadlineAt);
      await sleep(300);
      await wipe();
      await sleep(2_400);
      other.ring(deadlineAt);
      await untilClosed(5_000);
      await expectInTime();
    });

    it('closes everything once with two workers', async () => {
      startWorker({ sweepEveryMs: 50 });
      startWorker({ sweepEveryMs: 50 });
      const bell = startBell();
      await sleep(300);
      for (let n = 0; n < 30; n += 1) bell.ring(await promise(500 + 30 * n));
      await untilClosed(5_000);
      await expectInTime();
    });

    it('never holds up or fails the request path while the queue is away; the sweep alone suffices', async () => {
      startWorker({ sweepEveryMs: 1_000, factory: deadQueues() });
      const bell = startBell(deadQueues());
      const deadlineAt = await promise(700);
      const startedAt = performance.now();
      for (let n = 0; n < 10_000; n += 1) bell.ring(new Date(deadlineAt.getTime() + 500 * n));
      expect(performance.now() - startedAt).toBeLessThan(500);
      await untilClosed(4_000);
      await expectInTime(1_500);
      const closingAt = performance.now();
      await Promise.all(open.splice(0).map((each) => each.close()));
      expect(performance.now() - closingAt).toBeLessThan(6_000);
      expect(errors.length).toBeGreaterThan(0);
    });

    it('rings on after its connections were cut', async () => {
      startWorker();
      const bell = startBell();
      await sleep(1_300);
      await cut();
      await sleep(1_500);
      bell.ring(await promise(700));
      await untilClosed(4_000);
      await expectInTime();
    });

    it('waits at its close for what is being closed', async () => {
      let isDone = false;
      const slow = async (): Promise<{ closed: number }> => {
        await sleep(800);
        isDone = true;
        return { closed: 0 };
      };
      const worker = startWorker({ due: slow });
      await sleep(100);
      await worker.close();
      expect(isDone).toBe(true);
    });
  });

  // PostgreSQL has no such cases: it keeps its jobs over a restart.
  if (backend !== 'redis') return;
  const given =
    (process.env['REDIS_URL'] ?? '') !== '' ? 'REDIS_URL is set, and a Redis of others is not killed' : undefined;
  describe.skipIf((missing ?? given) !== undefined)(missing ?? given ?? 'with a Redis of our own', () => {
    it('goes on by itself when a killed Redis comes back empty', async () => {
      startWorker({ sweepEveryMs: 1_000 });
      const bell = startBell();
      await sleep(1_300);
      bell.ring(await promise(3_000));
      await redis?.restart();
      await sleep(2_500);
      // Far from any sweep that could do it: only the queue can ring now.
      await Promise.all(open.splice(1).map((each) => each.close()));
      startWorker();
      const again = startBell();
      await sleep(300);
      again.ring(await promise(500));
      await untilClosed(4_000);
      await expectInTime(1_500);
    });

    it('rings again over the same connections after a restart', async () => {
      startWorker();
      const bell = startBell();
      await sleep(300);
      await redis?.restart();
      await sleep(2_500);
      bell.ring(await promise(800));
      await untilClosed(4_000);
      await expectInTime();
    });

    it('stays quick while Redis is frozen, and rings again when it thaws', async () => {
      startWorker();
      const bell = startBell();
      await sleep(300);
      redis?.process?.kill('SIGSTOP');
      const startedAt = performance.now();
      for (let n = 0; n < 1_000; n += 1) bell.ring(new Date(Date.now() + 60_000 + 500 * n));
      expect(performance.now() - startedAt).toBeLessThan(200);
      await sleep(4_000);
      redis?.process?.kill('SIGCONT');
      await sleep(2_500);
      bell.ring(await promise(800));
      await untilClosed(4_000);
    });
  });
});
