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
    // No name: a plan made for any limit and any account would sort all there is.
    return this.database.query<Entry>(NEWEST_ENTRIES, [ownerId, before?.atUs, before?.kind, before?.id, limit]);
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

  /** How many credits wait for a fold; counted up to `limit`. */
  async unfolded(limit: number): Promise<number> {
    const rows = await this.database.query<{ credits: number }>(
      'select count(*)::integer as credits from (select from ledger.credit limit $1) as c',
      [limit],
      'credits-unfolded',
    );
    return rows[0]?.credits ?? 0;
  }

  async fold(account: bigint): Promise<void> {
    await this.database.query('select ledger.fold($1)', [account], 'fold');
  }
}

/** The rows of `ledger.entry`, but each kind read along its own index, and only as far as a page goes; so the last page of a
 *  long journal costs what the first one costs. */
const CURSOR = `to_timestamp(0) + $2::bigint * interval '1 microsecond'`;
const newest = (at: string, kind: string, id: string): string =>
  `${at} <= coalesce(${CURSOR}, 'infinity') and ($2::bigint is null or (${at}, ${kind}, ${id}) < (${CURSOR}, $3::text, $4::bigint))
  order by ${at} desc, ${kind} desc, ${id} desc
  limit $5`;
const NEWEST_ENTRIES = `
  select e.at, (extract(epoch from e.at) * 1000000)::bigint as "atUs", e.kind, e.id, e.amount, e.fee, e.subject_kind as "subjectKind",
    e.subject_id as "subjectId", e.reference, e.memo
  from (
    (select created_at as at, 'hold' as kind, id, -amount as amount, 0::bigint as fee, subject_kind, subject_id, null::text as reference, null::text as memo
    from ledger.hold
    where payer_account = $1 and ${newest('created_at', "'hold'::text", 'id')})
    union all
    select s.settled_at, 'refund', s.hold_id, s.to_payer, 0, h.subject_kind, h.subject_id, null, null
    from (
      select settled_at, hold_id, to_payer from ledger.settlement
      where payer_account = $1 and to_payer > 0 and ${newest('settled_at', "'refund'::text", 'hold_id')}
    ) s
    join ledger.hold h on h.id = s.hold_id
    union all
    select s.settled_at, 'income', s.hold_id, s.to_payee, s.to_fee, h.subject_kind, h.subject_id, null, null
    from (
      select settled_at, hold_id, to_payee, to_fee from ledger.settlement
      where payee_account = $1 and to_payee > 0 and ${newest('settled_at', "'income'::text", 'hold_id')}
    ) s
    join ledger.hold h on h.id = s.hold_id
    union all
    (select created_at, kind, id, amount, 0, null, null, reference, memo
    from ledger.transfer
    where credit = $1 and ${newest('created_at', 'kind', 'id')})
    union all
    (select created_at, kind, id, -amount, 0, null, null, reference, memo
    from ledger.transfer
    where debit = $1 and ${newest('created_at', 'kind', 'id')})
  ) e
  order by e.at desc, e.kind desc, e.id desc
  limit $5`;
