import type pg from 'pg';
import { StartError } from '#platform';
import type { BackupPartition } from './backup-file.js';

// What becomes SQL is only what looks like a qualified name and like the bounds of a range of numbers.
const NAME = /^[a-z_]+\.[a-z0-9_]+$/;
const BOUND = /^FOR VALUES FROM \('?-?\d+'?\) TO \('?-?\d+'?\)$/;

/** The partitions of tables that are cut into ranges. */
export async function partitionsOf(client: pg.Client, schemas: readonly string[]): Promise<BackupPartition[]> {
  const { rows } = await client.query<BackupPartition>(
    `select i.inhparent::regclass::text as table, c.oid::regclass::text as name, pg_get_expr(c.relpartbound, c.oid) as bound
    from pg_catalog.pg_class c
    join pg_catalog.pg_inherits i on i.inhrelid = c.oid and not i.inhdetachpending
    join pg_catalog.pg_class parent on parent.oid = i.inhparent
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_partitioned_table t on t.partrelid = parent.oid and t.partstrat = 'r'
    where n.nspname = any($1) and c.relispartition and c.relkind = 'r'
    order by 2`,
    [schemas],
  );
  return rows;
}

/** Cuts the empty tables as they were cut when the backup was made, so that its catalogue of partitions is true. */
export async function cutAsIn(
  client: pg.Client,
  schemas: readonly string[],
  wanted: readonly BackupPartition[],
): Promise<void> {
  const there = new Map((await partitionsOf(client, schemas)).map((partition) => [partition.name, partition]));
  for (const { name } of there.values()) {
    // Dropped since, for its age.
    if (!wanted.some((partition) => partition.name === name)) await client.query(`drop table ${name}`);
  }
  for (const { table, name, bound } of wanted) {
    if (!NAME.test(table) || !NAME.test(name) || !BOUND.test(bound))
      throw new StartError(`The backup names a partition that cannot be: ${name} ${bound}.`);
    const mine = there.get(name);
    if (mine?.table === table && mine.bound === bound) continue;
    if (mine !== undefined) throw new StartError(`The backup cuts ${table} in another way than this version does.`);
    await client.query(`create table ${name} (like ${table} including defaults including constraints)`);
    await client.query(`alter table ${table} attach partition ${name} ${bound}`);
    if (table.startsWith('ledger.')) {
      const trigger = `${name.slice('ledger.'.length)}_is_kept`;
      await client.query(
        `create trigger ${trigger} before truncate on ${name} execute function platform.refuse_change()`,
      );
    }
  }
}
