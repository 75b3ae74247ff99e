import { readFileSync } from 'node:fs';
import type { TestProject } from 'vitest/node';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../libs/platform/embedded-postgres.js';
import { migrate } from '../../libs/platform/migrate.js';
import { migrateQueue } from '../../libs/platform/queue-migrate.js';
import { removeFolder, removeLeftovers, temporaryFolder } from './leftovers.js';

/** Where the test files of this run make their databases. */
export type TestCluster = {
  /** The administrator's login on the database `postgres`. */
  adminUrl: string;
  /** A migrated database with a movable clock, to be copied. */
  template: string;
  appPassword: string;
};

declare module 'vitest' {
  interface ProvidedContext {
    testCluster: TestCluster;
  }
}

const APP_PASSWORD = 'c4c-app-test';
let tidyUp: () => Promise<void> = () => Promise.resolve();

/**
 * One PostgreSQL server for the whole run, in a temporary folder and without fsync, and in it one migrated template.
 * C4C_TEST_DATABASE_URL (an administrator's login) takes a server that is there instead.
 */
export async function setup(project: TestProject): Promise<void> {
  await removeLeftovers();
  const given = process.env['C4C_TEST_DATABASE_URL'];
  const adminUrl = given === undefined || given === '' ? await startCluster() : given;
  const template = `c4c_template_${String(process.pid)}`;
  try {
    await makeTemplate(adminUrl, template);
  } catch (error) {
    await tidyUp();
    throw error;
  }
  const stopServer = tidyUp;
  tidyUp = async () => {
    if (given !== undefined && given !== '')
      await onServer(adminUrl, `drop database if exists ${template} with (force)`);
    await stopServer();
  };
  project.provide('testCluster', { adminUrl, template, appPassword: APP_PASSWORD });
}

export async function teardown(): Promise<void> {
  await tidyUp();
}

async function startCluster(): Promise<string> {
  const home = temporaryFolder();
  tidyUp = () => removeFolder(home);
  try {
    const postgres = await startEmbeddedPostgres({ home, durable: false });
    tidyUp = async () => {
      await postgres.stop();
      await removeFolder(home);
    };
    return postgres.adminUrl('postgres');
  } catch (error) {
    await tidyUp();
    throw error;
  }
}

async function makeTemplate(adminUrl: string, template: string): Promise<void> {
  await onServer(adminUrl, `drop database if exists ${template} with (force)`);
  await onServer(adminUrl, `create database ${template}`);
  const url = databaseUrl(adminUrl, template);
  await migrate({ adminUrl: url, appPassword: APP_PASSWORD });
  await migrateQueue(url);
  await onServer(url, MOVABLE_CLOCK);
  // Tests that test the tests: is it noticed when the SQL is wrong?
  const sabotage = process.env['TEST_SABOTAGE'];
  if (sabotage !== undefined && sabotage !== '') await onServer(url, readFileSync(sabotage, 'utf8'));
}

async function onServer(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** The same login on another database of the server. */
export function databaseUrl(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}

const MOVABLE_CLOCK = `
  create table platform.clock_offset (value interval not null);
  insert into platform.clock_offset values ('0');
  grant select on platform.clock_offset to c4c_app;
  create or replace function platform.clock() returns timestamptz
  language sql volatile parallel safe
  as $$ select clock_timestamp() + (select value from platform.clock_offset) $$`;
