import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatApiKey, secretFrom } from '#kernel';
import { packageRoot } from '#platform';
import { invariants } from '../support/invariants.js';
import { onServer, openBenchDatabase, type BenchDatabase } from './bench-database.js';
import { findPgbench, runPgbench, type DirectPlan } from './direct.js';
import { runNodeDirect } from './direct-node.js';
import { figuresOf, ratioOf, ratioTableOf, tableOf, type Rounds } from './rounds.js';
import { isBusy, machineFacts } from './machine.js';
import type { LoadPlan, LoadResult } from './plan.js';
import { runLoad, startApiProcess } from './processes.js';
import { seedMarket, type BenchMarket } from './seed.js';

const CONNECTIONS = 64;
const RAMP_MS = 500;

const GET = 'authenticated GET';
const INVOKE = 'invoke';
const INVOKE_HOT = 'invoke, 9 of 10 on one provider';
const LIFE = 'life';
const LIFE_HOT = 'life, 9 of 10 on one provider';
const DIRECT_INVOKE = 'direct invoke';
const DIRECT_LIFE = 'direct life';

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, json: { type: 'string' }, profile: { type: 'string' } },
});
const roundsMax = options.quick ? 3 : 5;
const measureMs = options.quick ? 2_500 : 8_000;

const pgbench = findPgbench();
const database = await openBenchDatabase();
try {
  await bench(database);
} finally {
  await database.drop();
}

async function bench({ adminUrl, appUrl }: BenchDatabase): Promise<void> {
  const machine = await machineFacts(adminUrl, pgbench);
  for (const [name, value] of Object.entries(machine)) console.log(`${name.padEnd(18)}  ${value}`);
  if (isBusy()) {
    console.log(
      '\nThis machine is busy with something else: the one thread of the API suffers more from that than the sixteen',
    );
    console.log(
      'processes behind the direct rows, so the ratios below are too low. Stop the other work and measure again.',
    );
  }

  const adminKey = formatApiKey('admin', secretFrom(randomBytes));
  const api = await startApiProcess(
    {
      NODE_ENV: 'production',
      DATABASE_URL: appUrl,
      DATABASE_DIRECT_URL: appUrl,
      DATABASE_ADMIN_URL: adminUrl,
      C4C_ADMIN_KEY: adminKey,
      C4C_SECRET: 'bench-secret-bench-secret-bench-secret',
      C4C_LOG_LEVEL: 'warn',
      HOST: '127.0.0.1',
      PORT: '0',
    },
    options.profile,
  );
  const rounds: Rounds = new Map();
  try {
    const market = await seedMarket(api.url, adminKey);
    const phases = phasesOf(api.url, appUrl, market);
    console.log(`\nWarming up, then ${String(roundsMax)} rounds.`);
    for (const run of phases.values()) await run(1_000);
    // What autovacuum does a minute later; without it the first round would run on the plans of empty tables.
    await onServer(adminUrl, 'vacuum analyze');
    for (let round = 0; round < roundsMax; round += 1) {
      for (const [name, run] of phases) {
        const result = await run(measureMs);
        if (result.failures > 0)
          throw new Error(`${name}: ${String(result.failures)} failed; ${result.firstFailure ?? ''}`);
        rounds.set(name, [...(rounds.get(name) ?? []), result]);
      }
    }
  } finally {
    await api.stop();
  }

  const figures = figuresOf(rounds);
  const ratios = [
    ratioOf(rounds, INVOKE, DIRECT_INVOKE, '>= 1.0'),
    ratioOf(rounds, LIFE, DIRECT_LIFE, '>= 0.8'),
    ratioOf(rounds, INVOKE_HOT, INVOKE, '>= 0.85'),
    ratioOf(rounds, LIFE_HOT, LIFE, '>= 0.85'),
    ratioOf(rounds, INVOKE, GET, ''),
  ];
  console.log(`\n${tableOf(figures)}\n\n${ratioTableOf(ratios)}\n`);
  console.log(
    pgbench === undefined
      ? 'pgbench: skipped (not found); the direct rows come from a Node driver with 16 connections and flatter the ratios'
      : 'direct: pgbench -M prepared -c 16, one item a transaction',
  );
  const broken = await brokenInvariants(adminUrl);
  console.log(`invariants: ${String(broken.length)} rows${broken.length === 0 ? '' : `\n${broken.join('\n')}`}`);
  write({
    at: new Date().toISOString(),
    machine,
    rounds: roundsMax,
    measureMs,
    figures,
    ratios,
    brokenInvariants: broken,
  });
  if (broken.length > 0) process.exitCode = 1;
}

/** What is measured, in the order of a round: what is compared stands close together. */
function phasesOf(url: string, appUrl: string, market: BenchMarket): Map<string, (ms: number) => Promise<LoadResult>> {
  const http =
    (kind: LoadPlan['kind'], hotOfTen = 0) =>
    (ms: number) =>
      runLoad({ kind, url, market, hotOfTen, connections: CONNECTIONS, rampMs: RAMP_MS, measureMs: ms });
  const direct = (kind: DirectPlan['kind']) => (ms: number) => {
    const plan = { kind, appUrl, market, seconds: Math.ceil(ms / 1_000) };
    return pgbench === undefined ? runNodeDirect(plan) : runPgbench(pgbench, plan);
  };
  return new Map([
    [GET, http('get')],
    [INVOKE, http('invoke')],
    [DIRECT_INVOKE, direct('invoke')],
    [INVOKE_HOT, http('invoke', 9)],
    [LIFE, http('life')],
    [DIRECT_LIFE, direct('life')],
    [LIFE_HOT, http('life', 9)],
  ]);
}

/** Every row that a statement of docs/money.md returns. */
async function brokenInvariants(adminUrl: string): Promise<string[]> {
  const found: string[] = [];
  for (const { title, sql } of invariants()) {
    const rows = await onServer(adminUrl, sql);
    found.push(...rows.map((row) => `${title}: ${JSON.stringify(row)}`));
  }
  return found;
}

function write<R extends { at: string }>(report: R): void {
  const folder = join(packageRoot(), 'bench-results');
  mkdirSync(folder, { recursive: true });
  const files = [
    join(folder, `${report.at.replaceAll(':', '-')}.json`),
    ...(options.json === undefined ? [] : [options.json]),
  ];
  for (const file of files) writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  console.log(`written to ${files.join(', ')}`);
}
