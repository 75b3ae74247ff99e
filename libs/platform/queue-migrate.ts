import { runMigrations } from 'bullmq';
import { Client } from 'pg';
import { QUEUE_SCHEMA } from './queue-connection.js';

const APP_ROLE = 'c4c_app';

/**
 * Installs BullMQ's tables in PostgreSQL, or brings them up to date, and lets the application's role work with them.
 * BullMQ itself takes a lock, so that several starting processes do this once.
 */
export async function migrateQueue(adminUrl: string): Promise<void> {
  const client = new Client({ connectionString: adminUrl, application_name: 'c4c migrate' });
  await client.connect();
  try {
    await runMigrations(client, QUEUE_SCHEMA);
    const roles = await client.query('select from pg_catalog.pg_roles where rolname = $1', [APP_ROLE]);
    if (roles.rowCount === 1) await client.query(GRANTS);
  } finally {
    await client.end();
  }
}

// The functions run with the caller's rights. New versions may add objects, so this is repeated after every migration.
const GRANTS = `
  grant usage on schema ${QUEUE_SCHEMA} to ${APP_ROLE};
  grant select, insert, update, delete on all tables in schema ${QUEUE_SCHEMA} to ${APP_ROLE};
  grant usage, select, update on all sequences in schema ${QUEUE_SCHEMA} to ${APP_ROLE};
  grant execute on all functions in schema ${QUEUE_SCHEMA} to ${APP_ROLE};
  revoke insert, update, delete on ${QUEUE_SCHEMA}.migration from ${APP_ROLE};
`;
