import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openPlatform, type Platform } from '#platform';
import { startWorker, type Worker } from '../../apps/worker/worker.js';
import { expectInvariants } from '../support/database.js';
import { dataOf } from '../support/expect-problem.js';
import { noRedis, startTestRedis, type TestRedis } from '../support/redis.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';

const INVOCATIONS = '/agent/me/service-invocations';

describe.each([
  { backend: 'postgres', missing: undefined },
  { backend: 'redis', missing: noRedis },
])('paid invocations and their deadlines over $backend', ({ backend, missing }) => {
  describe.skipIf(missing !== undefined)(missing ?? 'with a queue', () => {
    let world: World;
    let redis: TestRedis | undefined;
    let provider: AgentActor;
    let caller: AgentActor;
    let serviceId: number;
    const running: { worker: Worker; platform: Platform }[] = [];
    let env: Record<string, string> = {};

    beforeAll(async () => {
      if (backend === 'redis') {
        redis = await startTestRedis();
        env = { REDIS_URL: redis.url };
      }
      world = await startWorld({ env });
      provider = await world.agent();
      caller = await world.agent();
      await world.fund(caller.owner, '1000');
      // The shortest deadline there is: one second.
      serviceId = await world.service(provider, {
        price: '1',
        avgResponseMs: 1,
        maxPending: 10_000,
        maxPendingPerCaller: 10_000,
      });
    });

    afterEach(async () => {
      await Promise.all(
        running.splice(0).map(async ({ worker, platform }) => {
          await worker.close();
          await platform.close();
        }),
      );
      await expectInvariants(world.database);
    });

    afterAll(async () => {
      await world.close();
      await redis?.stop();
    });

    async function work(): Promise<void> {
      const platform = openPlatform(world.database.config(env));
      running.push({ worker: await startWorker(platform), platform });
    }

    async function invoke(times: number): Promise<number[]> {
      const answers = await Promise.all(
        Array.from({ length: times }, () => caller.api.post(INVOCATIONS, { serviceId, input: { text: 'x' } })),
      );
      return answers.map((answer) => dataOf<{ invocationId: number }>(answer).invocationId);
    }

    /** Waits until none of them is pending; answers how late each was refunded, in milliseconds of the database's clock. */
    async function lateness(ids: number[]): Promise<number[]> {
      for (const until = Date.now() + 8_000; Date.now() < until; await sleep(50)) {
        const { rows } = await world.database.pool.query<{ status: string; late: number }>(
          `select status, (extract(epoch from settled_at - deadline_at) * 1000)::float8 as late from market.invocation where id = any ($1)`,
          [ids],
        );
        if (rows.every((row) => row.status === 'timeout')) return rows.map((row) => row.late).sort((a, b) => a - b);
      }
      throw new Error('some are still pending');
    }

    async function wallet(): Promise<unknown> {
      return dataOf(await caller.owner.api.get('/owner/wallet'));
    }

    it('are refunded soon after their deadline, each once, with two workers', async () => {
      await work();
      await work();
      const late = await lateness(await invoke(60));
      expect(late[0]).toBeGreaterThanOrEqual(0);
      expect(late.at(-1)).toBeLessThan(1_500);
      expect(await wallet()).toEqual({ available: '1000', held: '0' });
    });

    it('are refunded at the start of a worker when their time passed without one', async () => {
      const ids = await invoke(20);
      await sleep(1_200);
      await work();
      expect(await lateness(ids)).toHaveLength(20);
      expect(await wallet()).toEqual({ available: '1000', held: '0' });
    });

    it('are refunded when the queue forgot them', async () => {
      await work();
      const ids = await invoke(20);
      await world.database.pool.query('delete from bullmq.job');
      await redis?.restart().catch(() => undefined);
      expect((await lateness(ids)).at(-1)).toBeLessThan(2_000);
      expect(await wallet()).toEqual({ available: '1000', held: '0' });
    });
  });
});
