import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '#platform';

export type Invariant = { title: string; sql: string };
type Rows = Record<string, unknown>[];
type Queryable = { query(sql: string): Promise<{ rows: Rows }> };

/** The statements of docs/money.md, each under its heading; all must return no row. */
export function invariants(): Invariant[] {
  const text = readFileSync(join(packageRoot(), 'docs/money.md'), 'utf8');
  const section = text.slice(text.indexOf('\n## Invariants'));
  return [...section.matchAll(/^### (?<title>.+)\n[^#]*?```sql\n(?<sql>[\s\S]*?)```/gm)].map(({ groups }) => ({
    title: groups?.['title'] ?? '',
    sql: groups?.['sql'] ?? '',
  }));
}

/** Runs them; the answer names those that returned rows, with the first of these. */
export async function brokenInvariants(database: Queryable, which = invariants()): Promise<Record<string, Rows>> {
  const broken: Record<string, Rows> = {};
  for (const { title, sql } of which) {
    const { rows } = await database.query(sql);
    if (rows.length > 0) broken[title] = rows.slice(0, 5);
  }
  return broken;
}
