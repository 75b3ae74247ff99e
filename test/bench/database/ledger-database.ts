import { migrate } from '#platform';
import { onServer } from '../bench-database.js';
import { ACCOUNTS } from './ledger-scripts.js';

export type LedgerDatabase = {
  /** The ledger with funded wallets and nothing else. Holds here have no invocation, so nothing else may look at it. */
  ledgerUrl: string;
  /** Empty; for pgbench's own tables. */
  tpcbUrl: string;
  drop(): Promise<void>;
};

/** Two databases of their own on the server of the bench, administrator's logins. */
export async function openLedgerDatabase({
  adminUrl,
  appUrl,
}: {
  adminUrl: string;
  appUrl: string;
}): Promise<LedgerDatabase> {
  const names = { ledger: `c4c_ledger_${String(process.pid)}`, tpcb: `c4c_tpcb_${String(process.pid)}` };
  const urls = { ledger: onDatabase(adminUrl, names.ledger), tpcb: onDatabase(adminUrl, names.tpcb) };
  const drop = async (): Promise<void> => {
    for (const name of Object.values(names)) await onServer(adminUrl, `drop database if exists ${name} with (force)`);
  };
  try {
    for (const name of Object.values(names)) await onServer(adminUrl, `create database ${name}`);
    await migrate({ adminUrl: urls.ledger, appPassword: new URL(appUrl).password });
    await onServer(urls.ledger, FUNDED_WALLETS);
  } catch (error) {
    await drop();
    throw error;
  }
  return { ledgerUrl: urls.ledger, tpcbUrl: urls.tpcb, drop };
}

function onDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

const FUNDED_WALLETS = `
  create sequence public.id_block;
  insert into ledger.account (id, owner_id, kind) select n, n, 'wallet' from generate_series(1, ${String(2 * ACCOUNTS)}) n;
  insert into ledger.wallet (account_id, available) select n, 1000000000000000 from generate_series(1, ${String(2 * ACCOUNTS)}) n;
  analyze`;
