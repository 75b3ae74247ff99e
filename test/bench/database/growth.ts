import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { formatApiKey, secretFrom } from '#kernel';
import { fillMarket } from '../../support/bulk.js';
import { openBenchDatabase, type BenchDatabase } from '../bench-database.js';
import { skippedRow, type Row } from '../figures.js';
import { apiEnv } from '../http-rows.js';
import { planOf } from '../phases.js';
import { runLoad, startApiProcess, type ApiProcess } from '../processes.js';
import { addTo, rateRow, type Rounds } from '../rounds.js';
import type { Run } from '../run.js';
import { seedMarket, type BenchMarket } from '../seed.js';

const STORED = { ended: 4_980_000, pending: 20_000, agents: 5_000, servicesEach: 20 };
const MUST = { atLeast: 0.85 };
const ROUNDS = 5;
const TIME = { rampMs: 500, measureMs: 6_000 };
// Long after the bench.
const PENDING_FOR_MS = 86_400_000;

const ACTIONS = ['invoke', 'market'] as const;
const NAMES = { invoke: 'invoke', market: 'market list' };
const FULL = 'with 5 million invocations and 100,000 services stored';

type Side = { database: BenchDatabase; api: ApiProcess; market: BenchMarket };

/** The same load on a market full of data and on an empty one, in turn. */
export async function growthRows(run: Run): Promise<Row[]> {
  if (run.isQuick) {
    const reason = 'builds 5 million invocations; run without --quick';
    return ACTIONS.map((action) =>
      skippedRow({ what: `${fullName(action)} ÷ ${emptyName(action)}`, must: MUST, reason }),
    );
  }
  const sides: Side[] = [];
  try {
    const empty = await openSide(sides);
    const full = await openSide(sides);
    await fill(full.database, run);
    const rounds: Rounds = new Map();
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const action of ACTIONS) {
        addTo(rounds, fullName(action), await runLoad(planOf({ ...stageOf(full) }, TIME, action)));
        addTo(rounds, emptyName(action), await runLoad(planOf({ ...stageOf(empty) }, TIME, action)));
      }
    }
    return ACTIONS.map((action) => rateRow(rounds, { above: fullName(action), below: emptyName(action), must: MUST }));
  } finally {
    for (const { api, database } of sides.reverse()) {
      await api.stop();
      await database.drop();
    }
  }
}

async function openSide(sides: Side[]): Promise<Side> {
  const database = await openBenchDatabase();
  try {
    const adminKey = formatApiKey('admin', secretFrom(randomBytes));
    const api = await startApiProcess(apiEnv(database, adminKey), undefined);
    const side = { database, api, market: await seedMarket(api.url, adminKey) };
    sides.push(side);
    return side;
  } catch (error) {
    await database.drop();
    throw error;
  }
}

async function fill({ adminUrl }: BenchDatabase, { say }: Run): Promise<void> {
  const startMs = performance.now();
  say(
    `\nBuilding ${String(STORED.ended + STORED.pending)} invocations and ${String(STORED.agents * STORED.servicesEach)} services.`,
  );
  const pool = new pg.Pool({ connectionString: adminUrl, max: 1 });
  try {
    await fillMarket(pool, STORED, { pendingForMs: PENDING_FOR_MS });
  } finally {
    await pool.end();
  }
  say(`Built within ${((performance.now() - startMs) / 1_000).toFixed(0)} s.`);
}

function stageOf({ api, market }: Side): { url: string; market: BenchMarket; listBytes: number } {
  return { url: api.url, market, listBytes: 0 };
}

function fullName(action: (typeof ACTIONS)[number]): string {
  return `${NAMES[action]} ${FULL}`;
}

function emptyName(action: (typeof ACTIONS)[number]): string {
  return `${NAMES[action]} in an empty market`;
}
