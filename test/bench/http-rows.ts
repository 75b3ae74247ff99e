import { randomBytes } from 'node:crypto';
import { formatApiKey, secretFrom } from '#kernel';
import { onServer } from './bench-database.js';
import type { Row } from './figures.js';
import { flatRow, flatSkippedRow, overloadMemoryRow, peakRow } from './memory.js';
import { FramesRounds } from './delivery/frames.js';
import { PacedRounds } from './paced.js';
import { comparisonRows, phasesOf } from './parts.js';
import { listBytesOf, PHASES, type Stage } from './phases.js';
import { startApiProcess, startConventionalProcess, type ApiProcess } from './processes.js';
import { addTo, figuresOf, type Figure, type Rounds } from './rounds.js';
import { lengthsOf, type Lengths, type Run } from './run.js';
import { seedMarket } from './seed.js';

const SECRET = 'bench-secret-bench-secret-bench-secret';
const RATE = '1000000';

type Urls = { adminUrl: string; appUrl: string };

/** Starts the API and the reference beside it, loads them, and makes the rows of it. */
export async function measureHttp(run: Run, urls: Urls): Promise<{ rows: Row[]; phases: Figure[] }> {
  const adminKey = formatApiKey('admin', secretFrom(randomBytes));
  const api = await startApiProcess(apiEnv(urls, adminKey), run.profileFolder);
  try {
    // It writes the ledger by itself, which only the administrator's login may.
    const conventional = await startConventionalProcess({
      NODE_ENV: 'production',
      DATABASE_URL: urls.adminUrl,
      C4C_SECRET: SECRET,
    });
    try {
      const stage: Stage = {
        url: api.url,
        market: await seedMarket(api.url, adminKey),
        appUrl: urls.appUrl,
        adminUrl: urls.adminUrl,
        pgbench: run.pgbench,
        conventionalUrl: conventional.url,
        listBytes: await listBytesOf(api.url),
      };
      return await measure(run, urls, stage, api, adminKey);
    } finally {
      await conventional.stop();
    }
  } finally {
    await api.stop();
  }
}

/** The environment of the API under test. @param urls its database */
export function apiEnv({ adminUrl, appUrl }: Urls, adminKey: string): Record<string, string> {
  return {
    NODE_ENV: 'production',
    DATABASE_URL: appUrl,
    DATABASE_DIRECT_URL: appUrl,
    DATABASE_ADMIN_URL: adminUrl,
    C4C_ADMIN_KEY: adminKey,
    C4C_SECRET: SECRET,
    C4C_LOG_LEVEL: 'warn',
    // Counted as always, and never reached.
    C4C_RATE_KEY: RATE,
    C4C_RATE_OWNER: RATE,
    C4C_RATE_WRONG_KEYS: RATE,
    C4C_RATE_ADDRESS: RATE,
    HOST: '127.0.0.1',
    PORT: '0',
  };
}

async function measure(
  run: Run,
  { adminUrl }: Urls,
  stage: Stage,
  api: ApiProcess,
  adminKey: string,
): Promise<{ rows: Row[]; phases: Figure[] }> {
  const lengths = lengthsOf(run);
  const rounds: Rounds = new Map();
  const isPaced = { latency: run.parts.has('latency'), overload: run.parts.has('overload') };
  const paced = new PacedRounds(isPaced, rounds);

  await measureRounds(run, adminUrl, stage, lengths, rounds);
  // Before the overload, whose two thousand connections are not the peak of what is served.
  const memoryRows = run.parts.has('memory') ? await measureMemory(run, stage, lengths, api, rounds) : [];
  if (isPaced.latency || isPaced.overload) {
    run.say(`Open loops: ${String(lengths.pacedRounds)} times.`);
    await paced.warmUp(stage, lengths.warmUp);
    for (let round = 0; round < lengths.pacedRounds; round += 1) await paced.run(stage, lengths.paced, round);
  }
  if (run.parts.has('memory') && isPaced.overload) memoryRows.push(overloadMemoryRow(api.memory));
  const frameRows = run.parts.has('frames') ? await measureFrames(run, stage, lengths, rounds, adminKey) : [];
  run.failures.push(...failuresOf(rounds));
  return {
    rows: [
      ...comparisonRows(run.parts, rounds, run.pgbench !== undefined),
      ...paced.rows(),
      ...memoryRows,
      ...frameRows,
    ],
    phases: figuresOf(rounds),
  };
}

async function measureRounds(
  run: Run,
  adminUrl: string,
  stage: Stage,
  lengths: Lengths,
  rounds: Rounds,
): Promise<void> {
  const names = phasesOf(run.parts, run.pgbench !== undefined);
  const phases = Object.entries(PHASES).filter(([name]) => names.has(name as keyof typeof PHASES));
  run.say(`\nWarming up, then ${String(lengths.rounds)} rounds of ${String(phases.length)} phases.`);
  for (const [, phase] of phases) await phase(stage, lengths.warmUp);
  // What autovacuum does a minute later; without it the first round would run on the plans of empty tables.
  await onServer(adminUrl, 'vacuum analyze');
  for (let round = 0; round < lengths.rounds; round += 1) {
    for (const [name, phase] of phases) addTo(rounds, name, await phase(stage, lengths.round));
  }
}

/** Ten minutes of lives at peak, where there is time for them; what was measured before shows the peak. */
async function measureMemory(
  run: Run,
  stage: Stage,
  { memoryMs, round }: Lengths,
  api: ApiProcess,
  rounds: Rounds,
): Promise<Row[]> {
  if (memoryMs === 0) return [peakRow(api.memory), flatSkippedRow('takes ten minutes; run without --quick')];
  run.say(`Memory: lives for ${String(memoryMs / 60_000)} minutes.`);
  const startMs = Date.now();
  addTo(rounds, 'life, for the memory', await PHASES.life(stage, { ...round, measureMs: memoryMs }));
  return [peakRow(api.memory), flatRow(api.memory, startMs, startMs + memoryMs)];
}

async function measureFrames(
  run: Run,
  stage: Stage,
  lengths: Lengths,
  rounds: Rounds,
  adminKey: string,
): Promise<Row[]> {
  run.say(`Frames at the provider: ${String(lengths.pacedRounds)} times.`);
  const frames = new FramesRounds(stage, adminKey, rounds);
  await frames.warmUp(lengths.warmUp);
  for (let round = 0; round < lengths.pacedRounds; round += 1) await frames.run(lengths.round, lengths.paced, round);
  run.failures.push(...frames.failures);
  return frames.rows();
}

function failuresOf(rounds: Rounds): string[] {
  return [...rounds].flatMap(([name, results]) =>
    results
      .filter(({ failures }) => failures > 0)
      .map(({ failures, firstFailure }) => `${name}: ${String(failures)} failed; ${firstFailure ?? ''}`),
  );
}
