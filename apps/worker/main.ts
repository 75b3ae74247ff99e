import { runUntilSignal } from '#platform';
import { serveMetrics } from './metrics-server.js';
import { startWorker } from './worker.js';

/** One worker process of several. */
await runUntilSignal(async (platform) => {
  const worker = await startWorker(platform);
  const metrics = await serveMetrics(platform, worker);
  platform.log.info({ metricsUrl: metrics?.url }, 'the worker runs');
  return {
    async close() {
      // Both at once: who sees the metrics gone may rely on it that nothing is begun any more.
      await Promise.all([worker.close(), metrics?.close()]);
    },
  };
});
