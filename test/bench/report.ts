import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '#platform';
import { invariants } from '../support/invariants.js';
import { onServer } from './bench-database.js';
import type { Row } from './figures.js';
import type { Machine } from './machine.js';
import type { Figure } from './rounds.js';

/** What a run leaves as JSON. */
export type Report = {
  at: string;
  seconds: number;
  isQuick: boolean;
  machine: Machine;
  rows: Row[];
  phases: Figure[];
  failures: string[];
  brokenInvariants: string[];
};

/** Every row that a statement of docs/money.md returns. */
export async function brokenInvariants(adminUrl: string): Promise<string[]> {
  const found: string[] = [];
  for (const { title, sql } of invariants()) {
    const rows = await onServer(adminUrl, sql);
    found.push(...rows.map((row) => `${title}: ${JSON.stringify(row)}`));
  }
  return found;
}

/** Into bench-results, and where the person asked for it. Returns the paths. */
export function write(report: Report, path: string | undefined): string[] {
  const folder = join(packageRoot(), 'bench-results');
  mkdirSync(folder, { recursive: true });
  const files = [join(folder, `${report.at.replaceAll(':', '-')}.json`), ...(path === undefined ? [] : [path])];
  for (const file of files) writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  return files;
}
