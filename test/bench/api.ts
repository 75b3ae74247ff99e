import { Owners, OwnersModule } from '#owners';
import { runUntilSignal } from '#platform';
import { ApiModule } from '../../apps/api/api.module.js';
import { startApi } from '../../apps/api/api.js';
import { BareController } from './bare.controller.js';
import type { ApiWord } from './processes.js';

const SAMPLE_EVERY_MS = 500;

class BenchModule {}

/** The api process under test: apps/api/main.ts, and beside it the bare routes, an administrator's key, and words to the bench:
 *  the address, then what memory it uses. */
await runUntilSignal(async (platform) => {
  const api = await startApi(platform, {
    module: BenchModule,
    imports: [ApiModule.with(platform), OwnersModule],
    controllers: [BareController],
  });
  await api.app.get(Owners).ensureAdminKey(() => undefined);
  tell({ kind: 'started', url: api.url });
  setInterval(() => {
    const { rss, heapUsed } = process.memoryUsage();
    tell({ kind: 'memory', atMs: Date.now(), rss, heapUsed });
  }, SAMPLE_EVERY_MS).unref();
  return api;
});

function tell(word: ApiWord): void {
  process.send?.(word);
}
