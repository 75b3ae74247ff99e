import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatApiKey, secretFrom } from '#kernel';
import { migrate, migrateQueue, startEmbeddedPostgres, type EmbeddedPostgres } from '#platform';
import { killPostgres } from '../../support/kill-postgres.js';
import { removeFolder, temporaryFolder } from '../../support/leftovers.js';
import { onServer } from '../bench-database.js';
import { boundRow, skippedRow, type Row } from '../figures.js';
import { apiEnv } from '../http-rows.js';
import { startApiProcess } from '../processes.js';
import { brokenInvariants } from '../report.js';
import type { Run } from '../run.js';
import { seedMarket } from '../seed.js';
import { CrashLoad, type Acknowledged } from './crash-load.js';

const ROUNDS = 20;
const WHAT = `acknowledged and lost, ${String(ROUNDS)} times kill -9 of PostgreSQL under load`;
const MUST = { atMost: 0 };
// A round kills somewhere within this time of load, so that it meets every part of a commit.
const LOAD_MS = { least: 300, most: 1_500 };

/** Kills a durable server of its own with all its processes again and again while clients invoke and submit over HTTP. */
export async function crashRow(run: Run): Promise<Row> {
  if (run.isQuick) return skippedRow({ what: WHAT, must: MUST, reason: 'takes minutes; run without --quick' });
  run.say(`\n${String(ROUNDS)} times kill -9 of PostgreSQL under load.`);
  const home = temporaryFolder();
  let server: EmbeddedPostgres | undefined;
  try {
    server = await startEmbeddedPostgres({ home });
    await migrate({ adminUrl: server.adminUrl(), appPassword: server.appPassword });
    await migrateQueue(server.adminUrl());
    const urls = { adminUrl: server.adminUrl(), appUrl: server.appUrl() };
    const adminKey = formatApiKey('admin', secretFrom(randomBytes));
    // It would warn of each request that finds no database.
    const api = await startApiProcess({ ...apiEnv(urls, adminKey), C4C_LOG_LEVEL: 'silent' }, undefined);
    const load = new CrashLoad(api.url, await seedMarket(api.url, adminKey));
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        await load.untilServed();
        await sleep(LOAD_MS.least + Math.random() * (LOAD_MS.most - LOAD_MS.least));
        server = await killAndStart(server, home);
      }
      await load.untilServed();
    } finally {
      await load.stop();
      await api.stop();
    }
    const lost = await lostOf(urls.adminUrl, load.acknowledged);
    run.failures.push(...(await brokenInvariants(urls.adminUrl)).map((broken) => `after the crashes: ${broken}`));
    return boundRow({
      what: WHAT,
      figure: { value: lost.length, unit: '' },
      must: MUST,
      note: `${noteOf(load)}${lost.length === 0 ? '' : `; lost: ${lost.slice(0, 5).join(', ')}`}`,
    });
  } finally {
    await server?.stop();
    await removeFolder(home);
  }
}

/** The watch of the launcher would bring it back too, but not so often within a minute. */
async function killAndStart(server: EmbeddedPostgres, home: string): Promise<EmbeddedPostgres> {
  await killPostgres(server);
  await server.stop();
  return startEmbeddedPostgres({ home });
}

/** What clients were told and the database does not know. */
async function lostOf(adminUrl: string, { invoked, submitted }: Acknowledged): Promise<string[]> {
  const rows = await onServer<{ id: string; status: string }>(
    adminUrl,
    `select i.id, i.status from market.invocation i join ledger.hold h on h.id = i.hold_id and h.subject_id = i.id`,
  );
  const statuses = new Map(rows.map(({ id, status }) => [Number(id), status]));
  return [
    ...[...invoked].filter((id) => !statuses.has(id)).map((id) => `invocation ${String(id)}`),
    ...[...submitted].filter((id) => statuses.get(id) !== 'completed').map((id) => `result of ${String(id)}`),
  ];
}

function noteOf({ acknowledged: { invoked, submitted }, unanswered }: CrashLoad): string {
  return `${String(invoked.size)} invokes and ${String(submitted.size)} submits acknowledged, ${String(unanswered)} met a crash`;
}
