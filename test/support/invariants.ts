import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../libs/platform/package-root.js';

/** The ```sql blocks of docs/money.md, each under its heading. */
export function invariants(): { title: string; sql: string }[] {
  const text = readFileSync(join(packageRoot(), 'docs/money.md'), 'utf8');
  const section = text.slice(text.indexOf('\n## Invariants'));
  return [...section.matchAll(/^### (?<title>.+)\n[^#]*?```sql\n(?<sql>[\s\S]*?)```/gm)].map(({ groups }) => ({
    title: groups?.['title'] ?? '',
    sql: groups?.['sql'] ?? '',
  }));
}
