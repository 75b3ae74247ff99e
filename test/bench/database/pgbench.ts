import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type PgbenchRun = {
  /** The path of the program. */
  pgbench: string;
  /** A login and its database. */
  url: string;
  /** A script of statements, or one that pgbench brings. */
  script: { text: string } | { builtin: 'tpcb-like' };
  clients: number;
  for: { seconds: number } | { transactions: number };
  /** Variables of the script, at the start of every client. */
  variables?: Record<string, number>;
  /** Settings of every connection. */
  settings?: Record<string, string>;
};

/** Runs a script with prepared statements and answers how often a second. @throws when a transaction failed */
export async function transactionsPerSecond(run: PgbenchRun): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'c4c-pgbench-'));
  try {
    const output = await runPgbench(run, ['-n', '-M', 'prepared', ...flagsOf(run, folder)]);
    const perSecond = Number(/^tps = ([\d.]+)/m.exec(output)?.[1] ?? Number.NaN);
    const failed = Number(/failed transactions: (\d+)/.exec(output)?.[1] ?? 0);
    if (Number.isNaN(perSecond) || failed > 0) throw new Error(`pgbench: ${output}`);
    return perSecond;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Fills the tables of pgbench's own scripts. */
export async function fillPgbenchTables(pgbench: string, url: string, scale: number): Promise<void> {
  await runPgbench({ pgbench, url }, ['-i', '-q', '-s', String(scale)]);
}

function flagsOf({ script, clients, for: length, variables = {} }: PgbenchRun, folder: string): string[] {
  const file = join(folder, 'script.sql');
  if ('text' in script) writeFileSync(file, script.text);
  return [
    ...['-c', String(clients), '-j', String(Math.min(clients, 2))],
    ...('seconds' in length ? ['-T', String(length.seconds)] : ['-t', String(length.transactions)]),
    ...('text' in script ? ['-f', file] : ['-b', script.builtin]),
    ...Object.entries(variables).flatMap(([name, value]) => ['-D', `${name}=${String(value)}`]),
  ];
}

function runPgbench(
  { pgbench, url, settings = {} }: Pick<PgbenchRun, 'pgbench' | 'url' | 'settings'>,
  flags: string[],
): Promise<string> {
  const { hostname, port, username, password, pathname } = new URL(url);
  const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  const env = { ...process.env, PGPASSWORD: password, PGOPTIONS: options.join(' ') };
  return new Promise((resolve, reject) => {
    const child = spawn(pgbench, [...flags, '-h', hostname, '-p', port, '-U', username, pathname.slice(1)], { env });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve(output) : reject(new Error(`pgbench: ${output}`))));
  });
}
