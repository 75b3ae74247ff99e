import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TABLES_OF_DATABASE, tablesOfPrismaModels, type Table } from '../support/prisma-models.js';
import { emptyMigratedDatabase, type EmptyDatabase } from './empty-database.js';

/** Prisma models need a key; these tables have none, because they are queues that functions alone read and write. */
const WITHOUT_KEY = ['ledger.credit', 'ledger.outcome_queue'];

describe('prisma/schema/*.prisma', () => {
  const models = tablesOfPrismaModels(join(import.meta.dirname, '../../prisma/schema'));
  let database: EmptyDatabase;
  let tables: { name: string; columns: Table['columns']; key: string[] | null }[];
  beforeAll(async () => {
    database = await emptyMigratedDatabase();
    tables = (await database.query(TABLES_OF_DATABASE)) as typeof tables;
  });
  afterAll(async () => {
    await database.drop();
  });

  it('describes every table that has a key, and no other', () => {
    const names = tables.filter(({ key }) => key !== null).map(({ name }) => name);
    expect(Object.keys(models).sort()).toEqual(names.sort());
    expect(
      tables
        .filter(({ key }) => key === null)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(WITHOUT_KEY);
  });

  it.each(Object.keys(models))('agrees with the columns, their types and the key of %s', (name) => {
    const table = tables.find((one) => one.name === name);
    expect(models[name]).toEqual({ columns: table?.columns, key: table?.key });
  });
});
