import { afterAll, beforeAll, expect, it } from 'vitest';
import { Database, IdSource } from '#platform';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';

let database: TestDatabase;
let doors: Database;
let proxy: TcpProxy;

beforeAll(async () => {
  database = await createTestDatabase();
  const { hostname, port } = new URL(database.appUrl);
  proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  doors = new Database(database.config({ DATABASE_URL: proxy.url(database.appUrl) }).database);
});

afterAll(async () => {
  await doors.close();
  await proxy.close();
  await database.drop();
});

it('gives every id once, to however many ask at once and in however many processes', async () => {
  const [one, other] = [new IdSource(doors, 'ledger.hold_id'), new IdSource(doors, 'ledger.hold_id')];
  const ids = await Promise.all(Array.from({ length: 500 }, (_, n) => (n % 2 === 0 ? one : other).next()));
  expect(new Set(ids).size).toBe(500);
  expect(ids.every((id) => typeof id === 'bigint' && id > 0n)).toBe(true);
});

it('asks the database for many at a time', async () => {
  const source = new IdSource(doors, 'market.invocation_id');
  for (let n = 0; n < 300; n += 1) await source.next();
  const { rows } = await database.pool.query<{ last: bigint }>('select last_value as last from market.invocation_id');
  expect(rows[0]?.last).toBeGreaterThanOrEqual(300n);
  expect(rows[0]?.last).toBeLessThanOrEqual(448n);
});

it('says so when the database is away, and goes on when it is back', async () => {
  const source = new IdSource(doors, 'ledger.transfer_id');
  await source.next();
  proxy.refuse();
  const asked = await Promise.allSettled(Array.from({ length: 200 }, () => source.next()));
  const drawn = asked.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
  expect(drawn.length).toBeLessThan(200);
  proxy.mend();
  const later = await Promise.all(Array.from({ length: 200 }, () => source.next()));
  expect(new Set([...drawn, ...later]).size).toBe(drawn.length + 200);
});
