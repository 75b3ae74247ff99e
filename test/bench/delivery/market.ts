import { randomBytes } from 'node:crypto';
import { formatApiKey, secretFrom } from '#kernel';
import { noRedis, startTestRedis } from '../../support/redis.js';
import { openBenchDatabase, type BenchDatabase } from '../bench-database.js';
import { apiEnv } from '../http-rows.js';
import { startApiProcess, startWorkerProcess, type ApiProcess } from '../processes.js';
import { brokenInvariants } from '../report.js';
import type { Run } from '../run.js';

/** A market of its own on the bench's server: a database, an API process and, with webhooks, a worker process and Redis between them. */
export type OwnMarket = {
  database: BenchDatabase;
  api: ApiProcess;
  adminKey: string;
  /** Starts the worker process; it is stopped with everything else. */
  startWorker(): Promise<ApiProcess>;
  /** True when hints go between the processes at once; else each finds by looking. */
  hasRedis: boolean;
};

/** Opens one, has it used and closes it; its books are looked at as those of the first one are. */
export async function withOwnMarket<R>(
  run: Run,
  serverUrl: string,
  wish: { hasWorker: boolean },
  use: (market: OwnMarket) => Promise<R>,
): Promise<R> {
  const closing: (() => Promise<void>)[] = [];
  try {
    const database = await openBenchDatabase(serverUrl);
    closing.push(() => database.drop());
    const hasRedis = wish.hasWorker && noRedis === undefined;
    const redis = hasRedis ? await startTestRedis() : undefined;
    if (redis !== undefined) closing.push(() => redis.stop());
    const adminKey = formatApiKey('admin', secretFrom(randomBytes));
    const env = {
      ...apiEnv(database, adminKey),
      ...(wish.hasWorker ? LOCAL_RECEIVERS : {}),
      ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
    };
    const api = await startApiProcess(env, run.profileFolder);
    closing.push(() => api.stop());
    const startWorker = async (): Promise<ApiProcess> => {
      const worker = await startWorkerProcess(env, run.profileFolder);
      closing.push(() => worker.stop());
      return worker;
    };
    const result = await use({ database, api, adminKey, startWorker, hasRedis });
    for (const broken of await brokenInvariants(database.adminUrl))
      run.failures.push(`in a market of its own: ${broken}`);
    return result;
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

/** In production a webhook's address is https and public; the bench's receiver is neither. */
const LOCAL_RECEIVERS = { NODE_ENV: 'development', C4C_EGRESS_ALLOW: '127.0.0.0/8' };
