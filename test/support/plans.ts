import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TestDatabase } from './database.js';

/** How one table was read in a plan: as PostgreSQL names the node, and by which index. Partitions count as their table; `rows` are
 *  those of the partition. By condition: on the index's first column, so not from its first entry to its last. Of an index only:
 *  `fetches` are the rows that were looked at all the same, since their page had changed after the last vacuum. */
export type Reading = {
  node: string;
  table: string;
  index: string | undefined;
  isByCondition: boolean;
  rows: number;
  fetches: number;
};
/** A statement that the server ran, those inside of functions included. */
export type Plan = { text: string; readings: Reading[] };

type Node = {
  'Node Type': string;
  Schema?: string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Index Cond'?: string;
  'Heap Fetches'?: number;
  Plans?: Node[];
};

/** Every plan that the server really used for the application's role, from its log (auto_explain). Call `watchPlans` before anybody connects. */
export async function watchPlans({ name, pool }: TestDatabase): Promise<PlanLog> {
  const settings = {
    session_preload_libraries: 'auto_explain',
    'auto_explain.log_min_duration': '0',
    'auto_explain.log_nested_statements': 'on',
    'auto_explain.log_format': 'json',
    'auto_explain.log_analyze': 'on',
    'auto_explain.log_timing': 'off',
    'auto_explain.log_parameter_max_length': '0',
  };
  for (const [setting, value] of Object.entries(settings))
    await pool.query(`alter role c4c_app in database ${name} set ${setting} = '${value}'`);
  const { rows } = await pool.query<{ data_directory: string }>('show data_directory');
  return new PlanLog(join(dirname(rows[0]?.data_directory ?? ''), 'server.log'), await relationsOf(pool));
}

type Relation = { parent: string | null; rows: number; firstColumn: string | null };

export class PlanLog {
  constructor(
    private readonly file: string,
    /** Tables and indexes, each partition with what it is a part of. */
    private readonly relations: ReadonlyMap<string, Relation>,
  ) {}

  /** What was planned for while `work` ran. */
  async of(work: () => Promise<unknown>): Promise<Plan[]> {
    const { size } = await stat(this.file);
    await work();
    const text = (await readFile(this.file)).subarray(size).toString();
    return [...text.matchAll(/^.*LOG: {2}duration: [\d.]+ ms {2}plan:\n(?<plan>(?:\t.*\n)+)/gm)].map(({ groups }) => {
      const { 'Query Text': statement, Plan: root } = JSON.parse(groups?.['plan'] ?? '') as {
        'Query Text': string;
        Plan: Node;
      };
      return { text: statement, readings: [...this.readingsOf(root)] };
    });
  }

  private *readingsOf(node: Node): Generator<Reading> {
    const table = node['Relation Name'];
    const index = node['Index Name'];
    // A bitmap's index stands in a node of its own, without its table.
    if (node['Node Type'].endsWith('Scan') && (table !== undefined || index !== undefined))
      yield {
        node: node['Node Type'],
        table: this.nameOf(table ?? ''),
        index: index === undefined ? undefined : this.nameOf(index),
        isByCondition: this.isOnFirstColumn(index ?? '', node['Index Cond'] ?? ''),
        rows: this.relations.get(table ?? '')?.rows ?? 0,
        fetches: node['Heap Fetches'] ?? 0,
      };
    for (const child of node.Plans ?? []) yield* this.readingsOf(child);
  }

  private isOnFirstColumn(index: string, condition: string): boolean {
    const column = this.relations.get(index)?.firstColumn ?? '';
    return new RegExp(String.raw`\(${column}\W`).test(condition);
  }

  private nameOf(name: string): string {
    return this.relations.get(name)?.parent ?? name;
  }
}

async function relationsOf(pool: TestDatabase['pool']): Promise<Map<string, Relation>> {
  const { rows } = await pool.query<Relation & { name: string }>(
    `select c.relname as name, p.relname as parent, greatest(c.reltuples, 0)::integer as rows,
      case when c.relkind in ('i', 'I') then pg_get_indexdef(c.oid, 1, true) end as "firstColumn"
    from pg_class c
    left join pg_inherits i on i.inhrelid = c.oid
    left join pg_class p on p.oid = i.inhparent
    where c.relnamespace in ('ledger'::regnamespace, 'market'::regnamespace)`,
  );
  return new Map(rows.map(({ name, ...relation }) => [name, relation]));
}
