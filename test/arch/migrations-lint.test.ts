import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LARGE_TABLES, lintSql, SQL_RULES, type SqlFile } from './sql-rules.js';
import { readSql, tablesOf } from './sql-text.js';

const ROOT = join(import.meta.dirname, '../..');
const FIXTURES = join(import.meta.dirname, 'fixtures/sql');

describe('the rules of SQL', () => {
  it.each(Object.keys(SQL_RULES))('%s is broken by its fixture, and nothing else is', (rule) => {
    const path = ['.sql', '.migration.sql'].map((end) => join(FIXTURES, rule + end)).find((file) => existsSync(file));
    expect(path, `a fixture for ${rule}`).toBeDefined();
    expect([...new Set(lintSql(read(path ?? '')).map((finding) => finding.rule))]).toEqual([rule]);
  });

  it('lets pass what is allowed', () => {
    expect(lintSql(read(join(FIXTURES, 'allowed.migration.sql')))).toEqual([]);
  });

  it('has no fixture without a rule', () => {
    const named = readdirSync(FIXTURES).map((file) => basename(file).replace(/(\.migration)?\.sql$/, ''));
    expect(named.sort()).toEqual([...Object.keys(SQL_RULES), 'allowed'].sort());
  });
});

describe('prisma/migrations and prisma/functions', () => {
  const files = sqlFilesUnder('prisma/migrations', 'prisma/functions');

  it('keep the rules', () => {
    expect(files.flatMap(lintSql)).toEqual([]);
  });

  it('create every large table', () => {
    const tables = new Set(files.flatMap((file) => tablesOf(readSql(file.text)).map((table) => table.name)));
    expect(LARGE_TABLES.filter((table) => !tables.has(table))).toEqual([]);
  });
});

function sqlFilesUnder(...folders: string[]): SqlFile[] {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.sql'))
      .sort()
      .map((name) => read(join(ROOT, folder, name))),
  );
}

function read(path: string): SqlFile {
  return { path: path.replace(`${ROOT}/`, ''), text: readFileSync(path, 'utf8') };
}
