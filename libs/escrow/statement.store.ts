import { Injectable } from '@nestjs/common';
import { Database, type Snapshot } from '#platform';
import type { Balance, EntryCursor } from './journal.store.js';
import type { Month } from './month.js';

/** One change of a wallet's money. */
export type StatementLine = EntryCursor & {
  at: Date;
  available: bigint;
  held: bigint;
  fee: bigint;
  /** The owner's own agent, and the one it dealt with. */
  agentId: bigint | null;
  otherAgentId: bigint | null;
  subjectKind: string | null;
  subjectId: bigint | null;
  reference: string | null;
  memo: string | null;
};

/** What the lines of one kind add up to. */
export type KindTotal = Balance & { kind: string; lines: number; fee: bigint };

/** A balance that is written down, and from when on holds must be read to find all that settled since. */
export type Opening = Balance & { start: Date; heldSince: Date };

/** Everything that moved in wallets, read; and the balances at the first instants of months, written by `ledger.open_month`. */
@Injectable()
export class StatementStore {
  constructor(private readonly database: Database) {}

  /** When the wallet was made, and the database's time; undefined without a wallet. */
  async wallet(ownerId: bigint): Promise<{ createdAt: Date; now: Date } | undefined> {
    const [row] = await this.database.query<{ createdAt: Date; now: Date }>(
      `select created_at as "createdAt", platform.clock() as now from ledger.account where id = $1 and kind = 'wallet'`,
      [ownerId],
      'statement-wallet',
    );
    return row;
  }

  /** The last month, not after the given one, whose opening balance is written. */
  async lastOpening(ownerId: bigint, until: Month): Promise<Date | undefined> {
    const [row] = await this.database.query<{ start: Date | null }>(
      `select max(month)::timestamp at time zone 'UTC' as start from ledger.month_opening where account_id = $1 and month <= $2::date`,
      [ownerId, firstDay(until)],
      'statement-last-opening',
    );
    return row?.start ?? undefined;
  }

  /** Whether the month's opening balance stands, and with it all that moved before. */
  async open(ownerId: bigint, month: Month): Promise<boolean> {
    const [row] = await this.database.longQuery<{ stands: boolean }>(
      'select ledger.open_month($1, $2::date) as stands',
      [ownerId, firstDay(month)],
    );
    return row?.stands === true;
  }

  snapshot(): Promise<Snapshot> {
    return this.database.openSnapshot();
  }

  /** The balance at the month's first instant, and the database's time; `createdAt` is when the wallet was made. */
  async opening(snapshot: Snapshot, ownerId: bigint, month: Month, createdAt: Date): Promise<Opening & { now: Date }> {
    const [base] = await snapshot.query<Opening & { now: Date }>(
      `select platform.clock() as now, coalesce(o.start, $3::timestamptz) as start, coalesce(o.available, 0)::bigint as available,
        coalesce(o.held, 0)::bigint as held, coalesce(o.held_since, o.start, $3::timestamptz) as "heldSince"
      from (values (1)) as one (row)
      left join lateral (
        select month::timestamp at time zone 'UTC' as start, available, held, held_since
        from ledger.month_opening
        where account_id = $1 and month <= $2::date
        order by month desc
        limit 1
      ) o on true`,
      [ownerId, firstDay(month), createdAt],
    );
    if (base === undefined) throw new Error('the statement returned no row');
    if (base.start >= month.start) return base;
    const moved = await sumOf(snapshot, ownerId, base, month.start);
    return { ...base, available: base.available + moved.available, held: base.held + moved.held };
  }

  async totals(snapshot: Snapshot, ownerId: bigint, month: Month, heldSince: Date): Promise<KindTotal[]> {
    const rows = await snapshot.query<{ kind: string; lines: number; available: string; held: string; fee: string }>(
      `select kind, count(*)::integer as lines, sum(available)::text as available, sum(held)::text as held, sum(fee)::text as fee
      from ledger.movement
      where ${IN_MONTH}
      group by kind
      order by kind`,
      [ownerId, month.start, month.end, heldSince],
    );
    return rows.map(({ kind, lines, available, held, fee }) => ({
      kind,
      lines,
      available: BigInt(available),
      held: BigInt(held),
      fee: BigInt(fee),
    }));
  }

  /** What moved from the month's first instant up to the line the cursor names, that line included. */
  async movedUntil(
    snapshot: Snapshot,
    ownerId: bigint,
    month: Month,
    heldSince: Date,
    cursor: EntryCursor,
  ): Promise<Balance> {
    const [row] = await snapshot.query<{ available: string; held: string }>(
      `select coalesce(sum(available), 0)::text as available, coalesce(sum(held), 0)::text as held
      from ledger.movement
      where ${IN_MONTH} and at <= ${CURSOR} and (at, kind, id) <= (${CURSOR}, $6::text, $7::bigint)`,
      [ownerId, month.start, month.end, heldSince, cursor.atUs, cursor.kind, cursor.id],
    );
    return balanceOf(row);
  }

  /** The oldest lines after the cursor. */
  async page(
    snapshot: Snapshot,
    ownerId: bigint,
    month: Month,
    heldSince: Date,
    after: EntryCursor | undefined,
    limit: number,
  ): Promise<StatementLine[]> {
    if (after === undefined)
      return snapshot.query<StatementLine>(linesOf('', 'limit $5'), [
        ownerId,
        month.start,
        month.end,
        heldSince,
        limit,
      ]);
    const beyond = `and at >= ${CURSOR} and (at, kind, id) > (${CURSOR}, $6::text, $7::bigint)`;
    const values = [ownerId, month.start, month.end, heldSince, after.atUs, after.kind, after.id, limit];
    return snapshot.query<StatementLine>(linesOf(beyond, 'limit $8'), values);
  }

  /** All lines, the oldest first, so many at a time: nobody holds more of them in memory. */
  async *all(snapshot: Snapshot, ownerId: bigint, month: Month, heldSince: Date): AsyncGenerator<StatementLine[]> {
    // All rows are wanted, not the first ones soon.
    await snapshot.query('set local cursor_tuple_fraction = 1');
    await snapshot.query(`declare statement_lines no scroll cursor for ${linesOf('', '')}`, [
      ownerId,
      month.start,
      month.end,
      heldSince,
    ]);
    for (;;) {
      const lines = await snapshot.query<StatementLine>(`fetch ${FETCH_LINES} from statement_lines`);
      if (lines.length > 0) yield lines;
      if (lines.length < FETCH_LINES) return;
    }
  }
}

const FETCH_LINES = 1_000;
const CURSOR = `(to_timestamp(0) + $5::bigint * interval '1 microsecond')`;
// `since` bounds the holds whose settlements are looked at; it loses none, for nothing settles before its hold was made.
const IN_MONTH = 'account_id = $1 and at >= $2 and at < $3 and since >= $4 and since < $3';

function linesOf(beyond: string, limit: string): string {
  return `select m.at, (extract(epoch from m.at) * 1000000)::bigint as "atUs", m.kind, m.id, m.available, m.held, m.fee,
      case when m.kind = 'income' then coalesce(h.payee_agent, s.payee_agent) else h.payer_agent end as "agentId",
      case when m.kind = 'income' then h.payer_agent else coalesce(h.payee_agent, s.payee_agent) end as "otherAgentId",
      h.subject_kind as "subjectKind", h.subject_id as "subjectId", t.reference, t.memo
    from (
      select at, kind, id, available, held, fee
      from ledger.movement
      where ${IN_MONTH} ${beyond}
      order by at, kind, id
      ${limit}
    ) m
    left join ledger.hold h on h.id = m.id and m.kind in ('hold', 'release', 'refund', 'income')
    -- A bounty's hold names no payee; its settlement does.
    left join ledger.settlement s on s.hold_id = h.id and h.payee_agent is null
    left join ledger.transfer t on t.id = m.id and m.kind not in ('hold', 'release', 'refund', 'income')
    order by m.at, m.kind, m.id`;
}

async function sumOf(snapshot: Snapshot, ownerId: bigint, from: Opening, until: Date): Promise<Balance> {
  const [row] = await snapshot.query<{ available: string; held: string }>(
    `select coalesce(sum(available), 0)::text as available, coalesce(sum(held), 0)::text as held from ledger.movement where ${IN_MONTH}`,
    [ownerId, from.start, until, from.heldSince],
  );
  return balanceOf(row);
}

function balanceOf(row: { available: string; held: string } | undefined): Balance {
  if (row === undefined) throw new Error('the statement returned no row');
  return { available: BigInt(row.available), held: BigInt(row.held) };
}

function firstDay({ name }: Month): string {
  return `${name}-01`;
}
