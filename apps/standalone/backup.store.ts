import pg from 'pg';
import { StartError } from '#platform';
import type { BackupHeader, BackupLine } from './backup-file.js';
import { cutAsIn, partitionsOf } from './backup-partitions.store.js';

type Put = (line: BackupHeader | BackupLine) => Promise<void>;

const SCHEMAS = ['platform', 'ledger', 'market'];
/** Made anew by the migration, or only there in tests. */
const LEFT_OUT = ['platform.installed_functions', 'platform.clock_offset'];
/** Tells which processes are at work at this moment, and with what; it says nothing of those that a restore starts. */
const OF_THE_MOMENT = ['gateway_node', 'consumer_socket', 'agent_presence', 'agent_poll', 'webhook_pace'].map(
  (table) => `market.${table}`,
);
/** On its way out of its table: detached and about to be dropped, or the copy or remainder of one that is moved. */
const FORMER_PARTITION = '_p[0-9]{5,}(_copy|_old)?$';
const FETCH_ROWS = 200;
const INSERT_BYTES = 1024 * 1024;

/** One session that reads and writes rows as PostgreSQL's own text of them, which every type survives unchanged. */
export async function connectForBackup(adminUrl: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: adminUrl,
    application_name: 'c4c backup',
    keepAlive: true,
    connectionTimeoutMillis: 30_000,
  });
  client.on('error', () => undefined);
  await client.connect();
  await client.query(
    `set timezone = 'UTC'; set datestyle = 'ISO'; set intervalstyle = 'postgres'; set bytea_output = 'hex'; set search_path = ''`,
  );
  return client;
}

/** Everything as it was at one moment, while the market goes on. */
export async function dump(client: pg.Client, home: BackupHeader['home'], put: Put): Promise<void> {
  await client.query('begin isolation level repeatable read read only');
  try {
    const migrations = await client.query<{ name: string; checksum: string }>(
      `select migration_name as name, checksum from public._prisma_migrations where rolled_back_at is null and finished_at is not null order by migration_name`,
    );
    const tables = await tablesOf(client, [...LEFT_OUT, ...OF_THE_MOMENT]);
    // Sequences stand outside of the snapshot. Read first, they could be behind a row; so the snapshot is taken before.
    await put({
      format: 'c4c-backup-1',
      createdAt: new Date().toISOString(),
      migrations: migrations.rows,
      sequences: await sequencesOf(client),
      partitions: await partitionsOf(client, SCHEMAS),
      home,
    });
    for (const table of tables) {
      await put(table);
      await client.query(`declare dump_rows no scroll cursor for select t::text as row from ${table.table} t`);
      for (;;) {
        const { rows } = await client.query<{ row: string }>(`fetch ${String(FETCH_ROWS)} from dump_rows`);
        for (const { row } of rows) await put({ row });
        if (rows.length < FETCH_ROWS) break;
      }
      await client.query('close dump_rows');
    }
  } finally {
    await client.query('rollback');
  }
}

/** True when somebody has worked with this database: there are owners, keys or money. */
export async function isInUse(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>(
    `select to_regclass('market.owner') is not null and to_regclass('ledger.transfer') is not null as there`,
  );
  if (rows[0]?.there !== true) return false;
  const found = await client.query(
    'select from market.owner union all select from market.api_key union all select from ledger.transfer limit 1',
  );
  return (found.rowCount ?? 0) > 0;
}

/** Back to nothing, so that the migrations of the backup can be applied; only for a database that nobody has worked with. */
export async function clear(client: pg.Client): Promise<void> {
  await client.query(
    `begin; drop schema if exists ${SCHEMAS.join(', ')} cascade; drop table if exists public._prisma_migrations; commit`,
  );
}

/** Loads all rows in one transaction, into tables whose own guards are off meanwhile: either all of it is there, or nothing. */
export async function load(
  client: pg.Client,
  { sequences, partitions }: BackupHeader,
  lines: AsyncIterable<BackupLine>,
): Promise<number> {
  await client.query('begin');
  try {
    const there = new Map((await tablesOf(client, LEFT_OUT)).map(({ table, columns }) => [table, columns]));
    for (const { name, value, isCalled } of sequences)
      await client.query('select setval($1::regclass, $2, $3)', [name, value, isCalled]);
    if (partitions === undefined) await client.query('select platform.extend_partitions()');
    else await cutAsIn(client, SCHEMAS, partitions);
    for (const table of there.keys())
      await client.query(`alter table ${table} disable trigger user; delete from ${table}`);
    const rows = await insertAll(client, there, lines);
    for (const table of there.keys()) await client.query(`alter table ${table} enable trigger user`);
    await client.query('commit');
    return rows;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

async function insertAll(
  client: pg.Client,
  there: Map<string, string[]>,
  lines: AsyncIterable<BackupLine>,
): Promise<number> {
  let insert = '';
  let batch: string[] = [];
  let bytes = 0;
  let rows = 0;
  const flush = async (): Promise<void> => {
    if (batch.length > 0) await client.query(insert, [batch]);
    rows += batch.length;
    batch = [];
    bytes = 0;
  };
  for await (const line of lines) {
    if ('row' in line) {
      batch.push(line.row);
      bytes += line.row.length;
      if (bytes >= INSERT_BYTES) await flush();
    } else {
      await flush();
      if ('table' in line) insert = insertInto(line.table, line.columns, there);
    }
  }
  return rows;
}

function insertInto(table: string, columns: string[], there: Map<string, string[]>): string {
  // The names become SQL, so only names that this database has are taken.
  if (JSON.stringify(there.get(table)) !== JSON.stringify(columns))
    throw new StartError(`The backup does not fit this version: ${table} has other columns.`);
  const values = columns.map((column) => `(line.row).${column}`).join(', ');
  // `offset 0` keeps PostgreSQL from reading the text again for every column.
  return `insert into ${table} (${columns.join(', ')}) overriding system value
    select ${values} from (select texts.text::${table} as row from unnest($1::text[]) with ordinality as texts (text, place) order by place offset 0) line`;
}

/** Tables with their columns, quoted; a partitioned table stands for its partitions. */
async function tablesOf(
  client: pg.Client,
  leftOut: readonly string[],
): Promise<{ table: string; columns: string[] }[]> {
  const { rows } = await client.query<{ table: string; columns: string[] }>(
    `select format('%I.%I', n.nspname, c.relname) as table,
       array_agg(quote_ident(a.attname) order by a.attnum) filter (where a.attgenerated = '') as columns
     from pg_catalog.pg_class c
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where n.nspname = any($1) and c.relkind in ('r', 'p') and not c.relispartition and c.relname !~ $3
     group by n.nspname, c.relname
     having format('%I.%I', n.nspname, c.relname) <> all($2)
     order by 1`,
    [SCHEMAS, leftOut, FORMER_PARTITION],
  );
  return rows;
}

async function sequencesOf(client: pg.Client): Promise<BackupHeader['sequences']> {
  const { rows } = await client.query<{ name: string }>(
    `select format('%I.%I', schemaname, sequencename) as name from pg_catalog.pg_sequences where schemaname = any($1) order by 1`,
    [SCHEMAS],
  );
  const sequences = [];
  for (const { name } of rows) {
    const state = await client.query<{ value: string; isCalled: boolean }>(
      `select last_value::text as value, is_called as "isCalled" from ${name}`,
    );
    sequences.push({ name, value: state.rows[0]?.value ?? '1', isCalled: state.rows[0]?.isCalled ?? false });
  }
  return sequences;
}
