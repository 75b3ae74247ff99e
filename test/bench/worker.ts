import { runUntilSignal } from '#platform';
import { startWorker } from '../../apps/worker/worker.js';
import type { ApiWord } from './processes.js';

/** The worker process under test: apps/worker/main.ts, and a word to the bench when it runs. */
await runUntilSignal(async (platform) => {
  const worker = await startWorker(platform);
  const word: ApiWord = { kind: 'started', url: '' };
  process.send?.(word);
  return worker;
});
