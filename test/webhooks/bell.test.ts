import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bell, QueueFactory } from '#platform';
import { expectInvariants } from '../support/database.js';
import { noRedis, startTestRedis, type TestRedis } from '../support/redis.js';
import { Hook } from './hook.js';
import { Stage } from './stage.js';

const NEVER_MS = 600_000;
// A bell rings for half a second at once; the rest is for a busy machine.
const LATE_MAX_MS = 1_500;

const backends = [
  { backend: 'postgres', missing: undefined },
  { backend: 'redis', missing: noRedis },
] as const;

describe.each(backends)('a try that falls due, over $backend', ({ backend, missing }) => {
  let stage: Stage;
  let redis: TestRedis | undefined;
  let hook: Hook;
  const open: { close(): Promise<void> }[] = [];
  const errors: unknown[] = [];

  beforeEach(async () => {
    if (missing !== undefined) return;
    stage = await Stage.start();
    if (backend === 'redis') redis = await startTestRedis();
    hook = await Hook.start((response) => response.writeHead(500).end());
    errors.length = 0;
  });
  afterEach(async () => {
    if (missing !== undefined) return;
    await expectInvariants(stage.database);
    await Promise.all(open.splice(0).map((one) => one.close()));
    await stage.end();
    await hook.stop();
    await redis?.stop();
  });

  const name = (): string => `deliveries-${redis?.prefix ?? 'test'}`;
  const queues = (): QueueFactory =>
    new QueueFactory({
      redisUrl: redis?.url,
      directUrl: stage.database.appUrl,
      onError: (error) => errors.push(error),
    });
  function bell(): Bell {
    const one = new Bell(queues().queue(name()), (error) => errors.push(error));
    one.start();
    open.push(one);
    return one;
  }

  describe.skipIf(missing !== undefined)(missing ?? 'with a queue', () => {
    it('is made by another process when the one that planned it has gone', async () => {
      const well = await Hook.start();
      open.push({ close: () => well.stop() });
      const warmUp = await stage.endpoint(well.url);
      // It looks at its start, again after what it finds, and from then on only when it is told to.
      const other = stage.sender({ pollMs: NEVER_MS });
      await stage.invoke();
      other.start();
      await stage.settled(warmUp, 1);
      await stage.set(warmUp, 'deleted_at = platform.clock()');

      const endpoint = await stage.endpoint(hook.url);
      const first = stage.sender({ bell: bell() });
      first.start();
      await stage.invoke();
      await hook.until(1);
      await first.stop();
      const stoppedAt = performance.now();
      const sent = hook.hits.length;
      hook.answer = (response) => response.writeHead(204).end();
      open.push(queues().worker(name(), () => Promise.resolve(other.rung())));
      const [row] = await stage.settled(endpoint, 1);
      expect(performance.now() - stoppedAt).toBeLessThan(1_200 + LATE_MAX_MS);
      expect(row).toMatchObject({ status: 'delivered', attempt: sent + 1 });
      expect(errors).toEqual([]);
    });

    it('is made in time also when the queue has lost everything', async () => {
      const endpoint = await stage.endpoint(hook.url);
      const first = stage.sender({ bell: bell() });
      const other = stage.sender();
      first.start();
      await stage.invoke();
      await hook.until(1);
      await first.stop();
      if (redis === undefined) await stage.database.pool.query('delete from bullmq.job');
      else await redis.flush();
      hook.answer = (response) => response.writeHead(204).end();
      open.push(queues().worker(name(), () => Promise.resolve(other.rung())));
      other.start();
      await stage.settled(endpoint, 1);
      const lateMs = await stage.ledger.one(
        `select extract(epoch from a.at - p.at) * 1000 from market.delivery_attempt a
        join market.delivery_attempt p on p.delivery_id = a.delivery_id and p.attempt = a.attempt - 1
        where a.status_code = 204`,
      );
      // From the try that failed: the longest wait so early, and a look.
      expect(Number(lateMs)).toBeLessThan(1_200 + LATE_MAX_MS);
    });
  });
});
