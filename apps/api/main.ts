import { runUntilSignal } from '#platform';
import { startApi } from './api.js';

/** One api process of several, beside its own database and Redis. Migrations run before it (see docs/operations.md). */
await runUntilSignal(async (platform) => {
  const api = await startApi(platform);
  platform.log.info({ url: api.url }, 'the api listens');
  return api;
});
