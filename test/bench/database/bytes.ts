import { onServer } from '../bench-database.js';
import { boundRow, shownRow, skippedRow, type Row } from '../figures.js';
import type { LedgerDatabase } from './ledger-database.js';
import { BATCH, LIFE_WITH_KEY, LIVES_WITH_KEYS, SETTINGS_OF_THE_CALLERS, VARIABLES } from './ledger-scripts.js';
import { transactionsPerSecond } from './pgbench.js';

// Few enough that every index has met each of them often.
const PEOPLE = 1_000;

const WAL = `WAL a life cycle, ${String(BATCH)} a call: hold, key, settlement, wallets, credits`;
const WAL_ALONE = 'WAL a life cycle, one a call';
const DISK = 'disk a life cycle: hold, settlement and key with all their indexes';
const WAL_MUST = { atMost: 1_300 };
const DISK_MUST = { atMost: 600 };

/** What these rows must keep, where they cannot be measured. */
export const BYTES_MUSTS = [
  { what: WAL, must: WAL_MUST },
  { what: DISK, must: DISK_MUST },
];

/** What one life cycle (hold with its key, then release) leaves behind. Bytes do not depend on how busy the machine is. */
export async function byteRows(
  { ledgerUrl }: LedgerDatabase,
  { pgbench, calls }: { pgbench: string; calls: number },
): Promise<Row[]> {
  const run = async (text: string, transactions: number): Promise<void> => {
    await transactionsPerSecond({
      ...{ pgbench, url: ledgerUrl, clients: 1, script: { text }, for: { transactions } },
      variables: { ...VARIABLES, people: PEOPLE },
      settings: SETTINGS_OF_THE_CALLERS,
    });
  };
  await onServer(ledgerUrl, QUIET);
  // As long again beforehand: the first pages of an index are emptier than all later ones.
  await run(LIVES_WITH_KEYS, calls);
  const before = await diskBytes(ledgerUrl);
  const many = await walBytes(ledgerUrl, () => run(LIVES_WITH_KEYS, calls));
  const disk = partsBetween(before, await diskBytes(ledgerUrl), calls * BATCH);
  const livesAlone = 4 * calls;
  const alone = await walBytes(ledgerUrl, () => run(LIFE_WITH_KEY, livesAlone));

  const diskRow = boundRow({
    what: DISK,
    figure: { value: sum(disk), unit: 'B' },
    must: DISK_MUST,
    note: `keys are UUIDs; ${[...disk].map(([part, bytes]) => `${part} ${bytes.toFixed(0)}`).join(', ')}`,
  });
  if (many === undefined || alone === undefined)
    return [skippedRow({ what: WAL, must: WAL_MUST, reason: 'the server has no pg_walinspect' }), diskRow];
  return [
    boundRow({
      what: WAL,
      figure: { value: many / (calls * BATCH), unit: 'B' },
      must: WAL_MUST,
      note: 'without full-page images; keys are UUIDs',
    }),
    shownRow({ what: WAL_ALONE, figure: { value: alone / livesAlone, unit: 'B' } }),
    diskRow,
  ];
}

/** The bytes of log that the work wrote, full-page images left out. */
async function walBytes(url: string, work: () => Promise<void>): Promise<number | undefined> {
  try {
    await onServer(url, 'create extension if not exists pg_walinspect');
  } catch {
    return undefined;
  }
  // Behind a checkpoint a first change logs the page in place of the change; a second one soon after does not.
  const [start] = await onServer<{ lsn: string }>(url, 'select pg_current_wal_insert_lsn() as lsn');
  await work();
  const [found] = await onServer<{ bytes: string }>(
    url,
    `select sum(record_size) as bytes from pg_get_wal_stats('${start?.lsn ?? ''}', pg_current_wal_flush_lsn())`,
  );
  return Number(found?.bytes);
}

async function diskBytes(url: string): Promise<Map<string, number>> {
  const rows = await onServer<{ part: string; bytes: string }>(url, SIZES);
  return new Map(rows.map(({ part, bytes }) => [part, Number(bytes)]));
}

function partsBetween(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
  lives: number,
): Map<string, number> {
  return new Map([...after].map(([part, bytes]) => [part, (bytes - (before.get(part) ?? 0)) / lives]));
}

function sum(parts: ReadonlyMap<string, number>): number {
  return [...parts.values()].reduce((total, bytes) => total + bytes, 0);
}

// A vacuum in between would be counted to whoever it met.
const QUIET = `
  do $$
  declare
    v_table regclass;
  begin
    for v_table in
      select c.oid from pg_class c
      where c.relnamespace = 'ledger'::regnamespace and c.relkind = 'r'
    loop
      execute format('alter table %s set (autovacuum_enabled = off)', v_table);
    end loop;
  end
  $$`;

// Rows and each index apart, the partitions of one table together.
const SIZES = `
  select coalesce(i.part, t.name || ' rows') as part, sum(pg_relation_size(coalesce(i.indexrelid, t.relid))) as bytes
  from (
    select t.name, p.relid
    from unnest(array['hold', 'settlement', 'idempotency']) as t (name), pg_partition_tree(('ledger.' || t.name)::regclass) p
    where p.isleaf
  ) t
  cross join lateral (
    select null::oid as indexrelid, null::text as part
    union all
    select x.indexrelid, coalesce(u.inhparent, x.indexrelid)::regclass::text
    from pg_index x
    left join pg_inherits u on u.inhrelid = x.indexrelid
    where x.indrelid = t.relid
  ) i
  group by 1
  having sum(pg_relation_size(coalesce(i.indexrelid, t.relid))) > 65536
  order by 1`;
