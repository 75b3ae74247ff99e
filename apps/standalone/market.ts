import { startApi, type Api } from '../api/api.js';
import { startWorker } from '../worker/worker.js';
import { openPlatform, requireRealClock, type Config, type Log } from '#platform';

export type Market = Pick<Api, 'url' | 'app'> & { close(): Promise<void> };

/** API, gateway and workers in one process, on a database that is migrated. */
export async function startMarket(config: Config, log?: Log): Promise<Market> {
  const platform = openPlatform(config, log);
  try {
    await requireRealClock(config, platform.database);
    const worker = await startWorker(platform);
    const api = await startApi(platform).catch(async (error: unknown) => {
      await worker.close();
      throw error;
    });
    return {
      url: api.url,
      app: api.app,
      async close() {
        await api.close();
        await worker.close();
        await platform.close();
      },
    };
  } catch (error) {
    await platform.close();
    throw error;
  }
}
