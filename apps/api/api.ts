import type { DynamicModule } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AgentGateway, EventReaders, useGateway } from '#gateway';
import { useKeys } from '#owners';
import { createHttpApp, type Platform } from '#platform';
import { ApiModule } from './api.module.js';

export type Api = {
  /** Where it listens, for instance `http://127.0.0.1:8787`. */
  readonly url: string;
  readonly app: NestFastifyApplication;
  /** Takes nothing new, says goodbye to the sockets and the readers of events, answers what is under way, then stops. */
  close(): Promise<void>;
};

/** Serves HTTP and WebSocket. @param root what is served; the bench adds routes of its own to it
 *  @throws the socket's error, such as EADDRINUSE */
export async function startApi(platform: Platform, root: DynamicModule = ApiModule.with(platform)): Promise<Api> {
  const app = await createHttpApp(root, { log: platform.log, limits: platform.limits, metrics: platform.metrics });
  useKeys(app);
  useGateway(app);
  try {
    await app.listen(platform.config.port, platform.config.host);
  } catch (error) {
    await app.close();
    throw error;
  }
  return {
    url: await app.getUrl(),
    app,
    async close() {
      await Promise.all([app.get(AgentGateway).drain(), app.get(EventReaders).drain()]);
      await app.close();
    },
  };
}
