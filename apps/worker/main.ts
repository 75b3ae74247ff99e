import { runUntilSignal } from '#platform';
import { startWorker } from './worker.js';

/** One worker process of several. */
await runUntilSignal(async (platform) => {
  const worker = await startWorker(platform);
  platform.log.info('the worker runs');
  return worker;
});
