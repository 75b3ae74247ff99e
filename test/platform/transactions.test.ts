import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database, type Tx } from '#platform';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

let database: TestDatabase;
let doors: Database;

beforeAll(async () => {
  database = await createTestDatabase();
  doors = new Database(database.config().database, { poolMax: 1 });
});
afterAll(async () => {
  await doors.close();
  await database.drop();
});

/** Ends the session as a restart of the server does. */
async function end(tx: Tx): Promise<void> {
  const { rows } = await tx.query<{ pid: number }>('select pg_backend_pid() as pid');
  const ended = new Promise<void>((resolve) => tx.once('end', () => resolve()));
  await database.pool.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
  await ended;
}

describe('a transaction whose connection is ended by the server', () => {
  it('between two statements fails by the next one, and the process goes on with another connection', async () => {
    const failing = doors.inTransaction(async (tx) => {
      await end(tx);
      await tx.query('select 1');
    });
    await expect(failing).rejects.toThrow();
    expect(await doors.inTransaction(async (tx) => (await tx.query('select 1 as one')).rows)).toEqual([{ one: 1 }]);
  });

  it('during a statement fails by it', async () => {
    const failing = doors.inTransaction(async (tx) => {
      const { rows } = await tx.query<{ pid: number }>('select pg_backend_pid() as pid');
      const sleeping = tx.query('select pg_sleep(4)');
      await Promise.all([sleeping, database.pool.query('select pg_terminate_backend($1)', [rows[0]?.pid])]);
    });
    await expect(failing).rejects.toThrow();
    expect(await doors.inTransaction(async (tx) => (await tx.query('select 1 as one')).rows)).toEqual([{ one: 1 }]);
  });

  it('is not committed', async () => {
    const failing = doors.inTransaction((tx) => end(tx));
    await expect(failing).rejects.toThrow();
  });
});
