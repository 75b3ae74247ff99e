import { Injectable } from '@nestjs/common';
import { Database } from '#platform';

export type Balance = { available: bigint; held: bigint };

export type EntryKind = 'hold' | 'refund' | 'income' | 'deposit' | 'payout' | 'tip' | 'reversal' | 'adjust';

/** One movement of an owner's available money; the sum of all is the balance. */
export type Entry = {
  at: Date;
  /** Microseconds since 1970: what `at` is, exact enough to page by. */
  atUs: bigint;
  kind: EntryKind;
  /** The hold's or the transfer's id. */
  id: bigint;
  amount: bigint;
  fee: bigint;
  subjectKind: string | null;
  subjectId: bigint | null;
  reference: string | null;
  memo: string | null;
};

/** Where a page of the journal ends: the next one holds what is older. */
export type EntryCursor = { atUs: bigint; kind: string; id: bigint };

/** What the ledger says, read. Nothing here writes. */
@Injectable()
export class JournalStore {
  constructor(private readonly database: Database) {}

  /** Exact in one snapshot, credits that are not folded yet included. */
  async balance(ownerId: bigint): Promise<Balance> {
    const [balance] = await this.database.query<Balance>(
      'select available, held from ledger.balance where account_id = $1',
      [ownerId],
      'balance',
    );
    return balance ?? { available: 0n, held: 0n };
  }

  /** The newest entries below the cursor. */
  async entries(ownerId: bigint, before: EntryCursor | undefined, limit: number): Promise<Entry[]> {
    return this.database.query<Entry>(
      `select e.at, (extract(epoch from e.at) * 1000000)::bigint as "atUs", e.kind, e.id, e.amount, e.fee, e.subject_kind as "subjectKind",
        e.subject_id as "subjectId", e.reference, e.memo
      from ledger.entry e
      where e.account_id = $1
        and ($2::bigint is null or (e.at, e.kind, e.id) < (to_timestamp(0) + $2 * interval '1 microsecond', $3, $4::bigint))
      order by e.at desc, e.kind desc, e.id desc
      limit $5`,
      [ownerId, before?.atUs, before?.kind, before?.id, limit],
      'journal-entries',
    );
  }

  /** Who has credits that wait to be folded, the longest lists first. */
  async accountsToFold(limit: number): Promise<bigint[]> {
    const rows = await this.database.query<{ account: bigint }>(
      'select ledger.accounts_to_fold($1) as account',
      [limit],
      'accounts-to-fold',
    );
    return rows.map(({ account }) => account);
  }

  async fold(account: bigint): Promise<void> {
    await this.database.query('select ledger.fold($1)', [account], 'fold');
  }
}
