/** Who writes which table, read from the statements in TypeScript files. */
export type Write = { table: string; path: string };

const WRITES =
  /\b(?:insert\s+into|update|delete\s+from|truncate(?:\s+table)?|merge\s+into)\s+(?:only\s+)?((?:market|ledger|platform)\.[a-z_]+)/g;

export function writesOf(path: string, text: string): Write[] {
  return [...text.matchAll(WRITES)].map((match) => ({ table: match[1] ?? '', path }));
}

/** Tables that more than one lib writes, and writes outside a store. Both are one sentence a finding. */
export function judgeWrites(writes: readonly Write[]): string[] {
  const libs = new Map<string, Set<string>>();
  for (const { table, path } of writes) libs.set(table, (libs.get(table) ?? new Set()).add(libOf(path)));
  const shared = [...libs].filter(([, names]) => names.size > 1);
  const outside = writes.filter(({ path }) => !path.endsWith('.store.ts') && !path.startsWith('libs/platform/'));
  return [
    ...shared.map(([table, names]) => `${table} is written by ${[...names].sort().join(' and ')}`),
    ...outside.map(({ table, path }) => `${path} writes ${table} and is no store`),
  ];
}

function libOf(path: string): string {
  return path.split('/').slice(0, 2).join('/');
}
