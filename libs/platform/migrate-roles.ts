import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** Whom the application logs in as, and who alone may create money. */
const APP_ROLE = 'c4c_app';
const TREASURY_ROLE = 'c4c_treasury';
const TRIES_MAX = 10;

/** Makes the two roles when this login may. Roles belong to the whole server, so two databases may be at it at once. */
export async function prepareRoles(
  client: pg.Client,
  appPassword: string | undefined,
  log: (line: string) => void,
): Promise<void> {
  const { rows } = await client.query<{ may: boolean; super: boolean }>(
    'select rolcreaterole or rolsuper as may, rolsuper as super from pg_roles where rolname = current_user',
  );
  const existing = await rolesThatExist(client);
  if (rows[0]?.may !== true) {
    if (existing.length < 2)
      log(
        `This login may not create the roles ${APP_ROLE} and ${TREASURY_ROLE}: the database's own guard of the ledger is off.`,
      );
    return;
  }
  if (!existing.includes(APP_ROLE)) await once(client, `create role ${APP_ROLE} login`);
  if (!existing.includes(TREASURY_ROLE)) await once(client, `create role ${TREASURY_ROLE} nologin`);
  if (rows[0].super !== true) await once(client, `grant ${TREASURY_ROLE} to current_user`);
  if (appPassword !== undefined)
    await once(client, `alter role ${APP_ROLE} with login password ${pg.escapeLiteral(appPassword)}`);
}

export async function rolesThatExist(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ rolname: string }>(
    'select rolname::text from pg_roles where rolname = any($1) order by rolname',
    [[APP_ROLE, TREASURY_ROLE]],
  );
  return rows.map((row) => row.rolname);
}

/** 42710, 23505: somebody else made it just now. XX000 ("tuple concurrently updated"): somebody is changing the same role. */
async function once(client: pg.Client, statement: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await client.query(statement);
      return;
    } catch (error) {
      const code = (error as { code?: string }).code ?? '';
      if (code === '42710' || code === '23505') return;
      if (code !== 'XX000' || tries === TRIES_MAX) throw error;
      await sleep(20 * tries);
    }
  }
}
