import { parseArgs } from 'node:util';
import { openBenchDatabase, type BenchDatabase } from './bench-database.js';
import { measureDelivery } from './delivery/rows.js';
import { crashRow } from './database/crash.js';
import { growthRows } from './database/growth.js';
import { measureLedger } from './database/rows.js';
import { findPgbench } from './direct.js';
import type { Row } from './figures.js';
import { measureHttp } from './http-rows.js';
import { isBusy, machineFacts } from './machine.js';
import { needsHttp, PARTS, partsFrom } from './parts.js';
import { brokenInvariants, write } from './report.js';
import type { Run } from './run.js';
import { phaseTableOf, tableOf } from './table.js';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    strict: { type: 'boolean', default: false },
    only: { type: 'string' },
    json: { type: 'string' },
    profile: { type: 'string' },
  },
});
const run: Run = {
  isQuick: options.quick,
  parts: partsFrom(options.only),
  pgbench: findPgbench(),
  profileFolder: options.profile,
  failures: [],
  say: (text) => console.log(text),
};

const database = await openBenchDatabase();
try {
  await bench(database);
} finally {
  await database.drop();
}

async function bench({ adminUrl, appUrl }: BenchDatabase): Promise<void> {
  const startMs = performance.now();
  const machine = await machineFacts(adminUrl, run.pgbench);
  for (const [name, value] of Object.entries(machine)) run.say(`${name.padEnd(18)}  ${value}`);
  if (isBusy()) {
    run.say(`
This machine is busy with something else: the one thread of the API suffers more from that than the sixteen processes behind
the direct rows, so the ratios below are too low. Stop the other work and measure again.`);
  }
  if (run.parts.size < PARTS.length) run.say(`\nOnly: ${[...run.parts].join(', ')}`);

  // First: what the server clears up behind the HTTP phases would take from it, and count to it.
  const ledgerRows = run.parts.has('ledger') ? await measureLedger(run, { adminUrl, appUrl }) : [];
  const httpStartMs = performance.now();
  const { rows: httpRows, phases } = needsHttp(run.parts)
    ? await measureHttp(run, { adminUrl, appUrl })
    : { rows: [], phases: [] };
  const httpSeconds = secondsSince(httpStartMs);
  const broken = await brokenInvariants(adminUrl);
  const deliveryRows = await measureDelivery(run, adminUrl);
  const growth = run.parts.has('growth') ? await growthRows(run) : [];
  const crashRows = run.parts.has('crash') ? [await crashRow(run)] : [];
  const rows: Row[] = [...httpRows, ...deliveryRows, ...ledgerRows, ...growth, ...crashRows];
  const seconds = secondsSince(startMs);
  run.say(`\n${phaseTableOf(phases)}\n\n${tableOf(rows)}\n`);
  run.say(`invariants: ${String(broken.length)} rows${broken.length === 0 ? '' : `\n${broken.join('\n')}`}`);
  run.say(`failures: ${String(run.failures.length)}${run.failures.map((failure) => `\n${failure}`).join('')}`);
  const files = write(
    {
      at: new Date().toISOString(),
      seconds,
      isQuick: run.isQuick,
      machine,
      rows,
      phases,
      failures: run.failures,
      brokenInvariants: broken,
    },
    options.json,
  );
  run.say(`${String(seconds)} seconds, ${String(httpSeconds)} of them over HTTP; written to ${files.join(', ')}`);
  const isMissed = rows.some(({ verdict }) => verdict === 'fail');
  if (broken.length > 0 || run.failures.length > 0 || (options.strict && isMissed)) process.exitCode = 1;
}

function secondsSince(startMs: number): number {
  return Math.round((performance.now() - startMs) / 1_000);
}
