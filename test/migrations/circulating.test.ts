import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { migrate } from '../../libs/platform/migrate.js';
import { databaseUrl } from '../support/cluster.js';
import { testPool } from '../support/pool.js';

const { adminUrl: serverUrl } = inject('testCluster');
const DATABASE = `circulating_${String(process.pid)}`;
const adminUrl = databaseUrl(serverUrl, DATABASE);
const server = testPool({ connectionString: serverUrl, max: 1 });
const pool = testPool({ connectionString: adminUrl, max: 2 });
// The database is dropped under the connections that are still closing.
pool.on('error', () => undefined);

beforeAll(async () => {
  await server.query(`create database ${DATABASE}`);
  await migrate({ adminUrl, upTo: ['0001_market'] });
});
afterAll(async () => {
  await pool.end();
  await server.query(`drop database ${DATABASE} with (force)`);
  await server.end();
});

const DEPOSITS = `insert into ledger.transfer (kind, debit, credit, amount, actor, created_at)
  select 'deposit', -2, 1, n, 'test', now() from generate_series(1, 100) as g (n)`;
const figure = async (): Promise<unknown> => (await pool.query('select amount::text from ledger.circulating')).rows;

it('counts what an older version deposited and took back, and anew whenever functions are installed', async () => {
  await pool.query(DEPOSITS);
  await pool.query(
    `insert into ledger.transfer (kind, debit, credit, amount, reverses, actor, created_at)
    select 'reversal', credit, debit, amount, id, 'test', now() from ledger.transfer where amount = 50`,
  );
  await migrate({ adminUrl });
  expect(await figure()).toEqual([{ amount: '5000' }]);

  await pool.query('update ledger.circulating set amount = 7; delete from platform.installed_functions');
  await migrate({ adminUrl });
  expect(await figure()).toEqual([{ amount: '5000' }]);
});

it('refuses a deposit that does not count itself, as the functions of an older version would', async () => {
  await expect(pool.query(DEPOSITS)).rejects.toMatchObject({ code: '40001' });
  await expect(pool.query(`update ledger.circulating set amount = 5050`)).resolves.toBeDefined();
  // The count of another transaction does not do.
  await expect(pool.query(DEPOSITS)).rejects.toMatchObject({ code: '40001' });
  await pool.query(`update ledger.circulating set amount = 10050; ${DEPOSITS}`);
});
