import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { CLOSE_STATEMENT } from '../../libs/invocations/close.store.js';
import { OPEN_STATEMENT } from '../../libs/invocations/open.store.js';
import { INPUT, OUTPUT, percentile, type LoadResult } from './plan.js';
import type { BenchMarket } from './seed.js';

export type DirectPlan = { kind: 'invoke' | 'life'; appUrl: string; market: BenchMarket; seconds: number };

export const DIRECT_CLIENTS = 16;
const TIMEOUT_MIN_MS = '1000';

/** The path of pgbench, from PATH or where Debian keeps it. */
export function findPgbench(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort().reverse() : [];
  return [...folders, ...versions.map((version) => join(debian, version, 'bin'))]
    .map((folder) => join(folder, 'pgbench'))
    .find((path) => existsSync(path));
}

/** The statements that the API sends for one item, one per transaction, sent by pgbench instead. */
export async function runPgbench(pgbench: string, plan: DirectPlan): Promise<LoadResult> {
  const folder = mkdtempSync(join(tmpdir(), 'c4c-pgbench-'));
  try {
    const script = join(folder, 'script.sql');
    writeFileSync(script, scriptOf(plan));
    const url = new URL(plan.appUrl);
    const output = await runToEnd(
      pgbench,
      [
        ...['-h', url.hostname, '-p', url.port, '-U', url.username, '-n', '-M', 'prepared'],
        ...['-c', String(DIRECT_CLIENTS), '-j', '2', '-T', String(plan.seconds), '-f', script],
        ...['-l', '--log-prefix', join(folder, 'log'), url.pathname.slice(1)],
      ],
      url.password,
    );
    const perSecond = Number(/^tps = ([\d.]+)/m.exec(output)?.[1] ?? Number.NaN);
    if (Number.isNaN(perSecond)) throw new Error(`pgbench: ${output}`);
    const sortedMs = tookMs(folder);
    const failures = Number(/failed transactions: (\d+)/.exec(output)?.[1] ?? 0);
    return {
      perSecond,
      p50Ms: percentile(sortedMs, 0.5),
      p99Ms: percentile(sortedMs, 0.99),
      failures,
      firstFailure: failures > 0 ? output : undefined,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function scriptOf({ kind, market: { callers, providers } }: DirectPlan): string {
  const open = withValues(OPEN_STATEMENT, [
    `array[platform.next_id('market.invocation_id')]`,
    `array[platform.next_id('ledger.hold_id')]`,
    nthOf('caller', callers, ({ agentId }) => agentId),
    nthOf('caller', callers, ({ ownerId }) => ownerId),
    nthOf('provider', providers, ({ serviceId }) => serviceId),
    'array[1]',
    'array[null]',
    `array['${INPUT}']`,
    `array['pgbench-' || :key]`,
    'array[sha256(int8send(:key))]',
    TIMEOUT_MIN_MS,
    nthOf('caller', callers, ({ keyId }) => keyId),
    'null',
  ]);
  const close = withValues(CLOSE_STATEMENT, [
    'array[:invocationId]',
    `array['complete']`,
    'array[:providerAgentId]',
    `array['${OUTPUT}']`,
    'array[null]',
    'array[null]',
    'array[sha256(int8send(:key))]',
    nthOf('provider', providers, ({ keyId }) => keyId),
  ]);
  const draws = [
    `\\set caller random(0, ${String(callers.length - 1)})`,
    `\\set provider random(0, ${String(providers.length - 1)})`,
    '\\set key random(1, 9000000000000000000)',
  ];
  return [...draws, ...(kind === 'invoke' ? [`${open};`] : [`${open} \\gset`, `${close};`]), ''].join('\n');
}

function withValues(statement: string, values: readonly string[]): string {
  return statement.replace(/\$(\d+)/g, (_, n: string) => values[Number(n) - 1] ?? 'null');
}

/** An array of the id that the drawn one of these has: ids grow evenly, so the script reckons them. */
function nthOf<T>(variable: string, list: readonly T[], idOf: (one: T) => number): string {
  const [start = 0, second = start + 1] = list.map(idOf);
  const step = second - start;
  if (list.some((one, n) => idOf(one) !== start + n * step))
    throw new Error(`the ids of the ${variable}s grow unevenly`);
  return `array[${String(start)} + ${String(step)} * :${variable}]`;
}

/** Each transaction's time in pgbench's logs, ascending. */
function tookMs(folder: string): number[] {
  const lines = readdirSync(folder)
    .filter((name) => name.startsWith('log'))
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').trim().split('\n'));
  return lines.map((line) => Number(line.split(' ')[2]) / 1_000).sort((a, b) => a - b);
}

function runToEnd(command: string, args: string[], password: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, PGPASSWORD: password } });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve(output) : reject(new Error(`pgbench: ${output}`))));
  });
}
