import { execFileSync } from 'node:child_process';
import { cpus, loadavg, totalmem } from 'node:os';
import { onServer } from './bench-database.js';

/** What the figures depend on. */
export type Machine = Record<string, string>;

export async function machineFacts(adminUrl: string, pgbench: string | undefined): Promise<Machine> {
  const names = ['server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers'];
  const settings = await onServer<{ name: string; value: string }>(
    adminUrl,
    `select name, current_setting(name) as value from unnest(array['${names.join("','")}']) as name`,
  );
  const cores = cpus();
  return {
    cores: `${String(cores.length)} (${cores[0]?.model.trim() ?? 'unknown'}), everything on them`,
    memory: `${(totalmem() / 2 ** 30).toFixed(1)} GB`,
    'load before': loadavg()
      .map((load) => load.toFixed(1))
      .join(' '),
    commit: commit(),
    node: process.versions.node,
    ...Object.fromEntries(settings.map(({ name, value }) => [name === 'server_version' ? 'PostgreSQL' : name, value])),
    pgbench: pgbench ?? 'not found: the direct rows are skipped',
  };
}

/** True when others already keep every core busy. */
export function isBusy(): boolean {
  const [lastMinute = 0] = loadavg();
  return lastMinute > cpus().length;
}

function commit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}
