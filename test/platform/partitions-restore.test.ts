import type pg from 'pg';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { migrate } from '../../libs/platform/migrate.js';
import type { BackupHeader, BackupLine } from '../../apps/standalone/backup-file.js';
import { clear, connectForBackup, dump, load } from '../../apps/standalone/backup.store.js';
import { brokenInvariants } from '../../apps/standalone/invariants.js';
import { databaseUrl } from '../support/cluster.js';
import { dumpSchema } from '../support/schema-dump.js';
import { DAY_MS, KEYS_NOT_LAST, Partitioned } from './partitioned.js';
import { connectedClient } from './client.js';

let market: Partitioned;
beforeEach(async () => {
  market = await Partitioned.start();
});
afterEach(async () => {
  await market.end();
});

it('restores a market with the months it was cut into, and without the events that had gone', async () => {
  await market.passMonth();
  await market.trade();
  await market.database.advanceClock(31 * DAY_MS);
  await market.upkeep();
  await market.trade();
  // One more is on its way out: a run died between detaching and dropping it. And an archived one is being moved.
  const { pool } = market.database;
  await market.turnMonth();
  await market.database.advanceClock(31 * DAY_MS);
  const { rows: marked } = await pool.query<{ name: string }>('select platform.retire_partitions(30) as name');
  await pool.query(`alter table market.agent_event detach partition ${marked[0]?.name ?? ''} concurrently`);
  await pool.query(`select platform.copy_partition('ledger.hold_p00000', 'pg_default')`);
  const tables = ['ledger.hold', 'ledger.settlement', 'market.invocation', 'market.agent_event'];
  const before = await Promise.all(tables.map((table) => market.partitions(table)));
  expect(before.flat().some(({ state }) => state === 'dropped')).toBe(true);

  const lines: (BackupHeader | BackupLine)[] = [];
  const source = await connectForBackup(market.database.adminUrl);
  await dump(source, {}, (line) => Promise.resolve(void lines.push(line)));
  await source.end();
  const [header, ...rest] = lines;
  if (header === undefined || !('format' in header)) throw new Error('the first line is no header');

  const copy = await emptyDatabase();
  try {
    const client = await connectForBackup(copy.url);
    await clear(client);
    await migrate({ adminUrl: copy.url, upTo: header.migrations.map(({ name }) => name) });
    await load(client, header, lineByLine(rest));
    await migrate({ adminUrl: copy.url });
    // The same tables, attached and named as before, and nothing is made twice.
    const attached = `select c.oid::regclass::text || ' ' || pg_get_expr(c.relpartbound, c.oid) as text
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relispartition and c.relkind = 'r' and n.nspname in ('ledger', 'market') order by 1`;
    const { rows } = await client.query<{ text: string }>(attached);
    expect((await client.query('select from platform.partitioned_table')).rowCount).toBe(9);
    expect(rows).toEqual((await market.database.pool.query(attached)).rows);
    const triggers = `select tgrelid::regclass::text || ' ' || tgname as text from pg_trigger where not tgisinternal order by 1`;
    expect((await client.query(triggers)).rows).toEqual((await market.database.pool.query(triggers)).rows);
    await client.query('select platform.extend_partitions()');
    expect((await client.query(attached)).rows).toEqual(rows);
    await expectKeysLastWhereEmpty(client);
    expect(await brokenInvariants(client)).toEqual({});
    // It is not there to be dropped, and the job is content.
    expect((await client.query(`select platform.drop_partition($1) as dropped`, [marked[0]?.name])).rows).toEqual([
      { dropped: true },
    ]);
    expect(await brokenInvariants(client)).toEqual({});
    await client.end();
  } finally {
    await copy.drop();
  }
});

it('takes over what the first version had cut, and ends with the schema of a new installation', async () => {
  const copy = await emptyDatabase();
  try {
    await migrate({ adminUrl: copy.url, upTo: ['0001_market'] });
    const client = await connectedClient(copy.url);
    await client.query(`set search_path = ''`);
    // A market that the first version has run for long: four ranges stand.
    await client.query(`select setval('ledger.hold_id', 40000000), platform.extend_partitions()`);
    await migrate({ adminUrl: copy.url });
    await client.query('select platform.extend_partitions()');
    const { rows } = await client.query<{ name: string }>(
      `select name from platform.partition where table_name = 'ledger.hold' order by n`,
    );
    expect(rows.map(({ name }) => name)).toEqual([0, 1, 2, 3, 4].map((n) => `ledger.hold_p0000${n}`));
    expect((await client.query('select platform.extend_partitions() as made')).rows).toEqual([{ made: 0 }]);
    await expectKeysLastWhereEmpty(client);
    // But for those further partitions it is what an empty database becomes.
    const upgraded = await dumpSchema(async (sql) => (await client.query<Record<string, unknown>>(sql)).rows);
    const without = (schema: string): string[] => schema.split('\n').filter((line) => !/_p0000\d/.test(line));
    const fresh = await emptyDatabase();
    await migrate({ adminUrl: fresh.url });
    const other = await connectedClient(fresh.url);
    await other.query(`set search_path = ''`);
    const installed = await dumpSchema(async (sql) => (await other.query<Record<string, unknown>>(sql)).rows);
    await other.end();
    await fresh.drop();
    expect(without(upgraded)).toEqual(without(installed));
    await client.end();
  } finally {
    await copy.drop();
  }
});

/** Where rows stand already, indexes differ in what they cost. */
async function expectKeysLastWhereEmpty(client: pg.Client): Promise<void> {
  const { rows } = await client.query(`${KEYS_NOT_LAST} and pg_relation_size(k.indrelid) = 0`);
  expect(rows).toEqual([]);
}

async function* lineByLine(lines: readonly (BackupHeader | BackupLine)[]): AsyncGenerator<BackupLine> {
  for (const line of lines) if (!('format' in line)) yield await Promise.resolve(line);
  yield { end: true, rows: 0, sha256: '' };
}

async function emptyDatabase(): Promise<{ url: string; drop: () => Promise<void> }> {
  const { adminUrl } = inject('testCluster');
  const name = `t_${crypto.randomUUID().replaceAll('-', '').slice(0, 12)}`;
  const onServer = async (sql: string): Promise<void> => {
    const client = await connectedClient(adminUrl);
    await client.query(sql);
    await client.end();
  };
  await onServer(`create database ${name}`);
  return { url: databaseUrl(adminUrl, name), drop: () => onServer(`drop database if exists ${name} with (force)`) };
}
