import { skippedRow, type Row } from '../figures.js';
import type { Run } from '../run.js';
import { BYTES_MUSTS, byteRows } from './bytes.js';
import { LEDGER_MUSTS, ledgerRows } from './ledger.js';
import { openLedgerDatabase } from './ledger-database.js';

type Urls = { adminUrl: string; appUrl: string };

/** The rows of the database alone: no API, no HTTP. */
export async function measureLedger({ isQuick, pgbench, say }: Run, urls: Urls): Promise<Row[]> {
  if (pgbench === undefined) {
    const reason = 'there is no pgbench here';
    return [...LEDGER_MUSTS, ...BYTES_MUSTS].map(({ what, must }) => skippedRow({ what, must, reason }));
  }
  say('\nThe ledger alone: bytes, then rates beside TPC-B-like.');
  const database = await openLedgerDatabase(urls);
  try {
    // Bytes first: whatever else the server writes to its log meanwhile would count.
    const bytes = await byteRows(database, { pgbench, calls: isQuick ? 400 : 1_600 });
    const rates = await ledgerRows(database, {
      pgbench,
      isQuick,
      ...(isQuick ? { rounds: 2, seconds: 1 } : { rounds: 5, seconds: 4 }),
    });
    return [...rates, ...bytes];
  } finally {
    await database.drop();
  }
}
