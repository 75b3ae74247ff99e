import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A table as both sides describe it: `type`, `type[]`, with `?` where null is allowed. */
export type Table = { columns: Record<string, string>; key: string[] };

const TYPES: Record<string, string> = {
  BigInt: 'bigint',
  Int: 'integer',
  String: 'text',
  Boolean: 'boolean',
  DateTime: 'timestamp(3) without time zone',
  Json: 'jsonb',
  Bytes: 'bytea',
  Float: 'double precision',
  Decimal: 'numeric(65,30)',
};
const NATIVE_TYPES: Record<string, string> = {
  Timestamptz: 'timestamp with time zone',
  Date: 'date',
  Json: 'json',
  Uuid: 'uuid',
  Real: 'real',
  SmallInt: 'smallint',
  Text: 'text',
};

/** The tables that prisma/schema/*.prisma promise, by qualified name. Prisma's own comparison needs a downloaded engine. */
export function tablesOfPrismaModels(folder: string): Record<string, Table> {
  const text = readdirSync(folder)
    .filter((name) => name.endsWith('.prisma'))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n');
  const models = [...text.matchAll(/^model\s+(\w+)\s*\{\n([\s\S]*?)^\}/gm)];
  const names = new Set(models.map((model) => model[1]));
  return Object.fromEntries(models.map((model) => tableOf(model[1] ?? '', model[2] ?? '', names)));
}

function tableOf(model: string, body: string, models: ReadonlySet<string | undefined>): [string, Table] {
  const lines = body.split('\n').map((line) => line.replace(/\/\/.*$/, '').trim());
  const schema = /@@schema\("(\w+)"\)/.exec(body)?.[1] ?? 'public';
  const table: Table = { columns: {}, key: [] };
  const columnOf = new Map<string, string>();
  for (const line of lines) {
    const [, field, type, mark, rest] = /^(\w+)\s+(\w+)(\[\]|\?)?(.*)$/.exec(line) ?? [];
    if (field === undefined || type === undefined || models.has(type)) continue;
    const column = /@map\("(\w+)"\)/.exec(rest ?? '')?.[1] ?? field;
    columnOf.set(field, column);
    table.columns[column] = columnType(type, rest ?? '') + (mark ?? '');
    if (/@id\b/.test(rest ?? '')) table.key = [column];
  }
  const together = /@@id\(\[([^\]]*)\]/.exec(body)?.[1];
  if (together !== undefined)
    table.key = together.split(',').map((field) => columnOf.get(field.trim()) ?? field.trim());
  return [`${schema}.${/@@map\("(\w+)"\)/.exec(body)?.[1] ?? model}`, table];
}

function columnType(type: string, attributes: string): string {
  const native = /@db\.(\w+)/.exec(attributes)?.[1];
  const known = native === undefined ? TYPES[type] : NATIVE_TYPES[native];
  if (known === undefined) throw new Error(`Teach test/support/prisma-models.ts the type ${type} @db.${native ?? ''}`);
  return known;
}

/** The same description from the catalogue. A list is never null for Prisma, so its mark does not tell. */
export const TABLES_OF_DATABASE = `
  select n.nspname || '.' || c.relname as name,
    (select jsonb_object_agg(a.attname, case
        when t.typelem <> 0 and t.typcategory = 'A' then format_type(t.typelem, null) || '[]'
        else format_type(coalesce(nullif(t.typbasetype, 0), a.atttypid), a.atttypmod) || case when a.attnotnull then '' else '?' end end)
      from pg_attribute a join pg_type t on t.oid = a.atttypid
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
    (select jsonb_agg(a.attname order by k.place)
      from pg_constraint p, unnest(p.conkey) with ordinality as k (attnum, place), pg_attribute a
      where p.conrelid = c.oid and p.contype = 'p' and a.attrelid = c.oid and a.attnum = k.attnum) as key
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and not c.relispartition and n.nspname in ('ledger', 'market')`;
