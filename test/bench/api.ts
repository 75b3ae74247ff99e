import { Owners } from '#owners';
import { runUntilSignal } from '#platform';
import { startApi } from '../../apps/api/api.js';

/** The api process under test: apps/api/main.ts, and beside it an administrator's key and a word to the bench about the address. */
await runUntilSignal(async (platform) => {
  const api = await startApi(platform);
  await api.app.get(Owners).ensureAdminKey(() => undefined);
  process.send?.({ url: api.url });
  return api;
});
