import { ApiModule } from '../api/api.module.js';
import { startApi, type Api } from '../api/api.js';
import { startWorker } from '../worker/worker.js';
import { openPlatform, requireRealClock, type Config, type HealthCheck, type Log } from '#platform';

export type Market = Pick<Api, 'url' | 'app'> & { close(): Promise<void> };

/** API, gateway and workers in one process, on a database that is migrated. @param checks what else has to be there before it is ready */
export async function startMarket(config: Config, log?: Log, checks: readonly HealthCheck[] = []): Promise<Market> {
  const platform = openPlatform(config, log);
  try {
    await requireRealClock(config, platform.database);
    const worker = await startWorker(platform);
    const api = await startApi(platform, ApiModule.with(platform, checks)).catch(async (error: unknown) => {
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
