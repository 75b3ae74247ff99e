import { Injectable } from '@nestjs/common';
import { httpProblems, notFound, type Snapshot } from '#platform';
import type { Balance, EntryCursor } from './journal.store.js';
import { monthAfter, monthAt, type Month } from './month.js';
import { StatementStore, type KindTotal, type StatementLine } from './statement.store.js';

/** What stands above the lines of a statement. */
export type StatementHead = {
  ownerId: bigint;
  month: Month;
  /** Up to when it tells: the end of a month that is final, else the moment it was read. */
  asOf: Date;
  /** A final statement never changes. */
  isFinal: boolean;
  opening: Balance;
  closing: Balance;
  totals: KindTotal[];
};

/** A line and the balance after it. */
export type BalancedLine = StatementLine & { balance: Balance };

export type StatementPage = StatementHead & { lines: BalancedLine[]; hasMore: boolean };

/** A statement whose lines are still to be read: whoever has one reads them to the end or ends it. */
export type OpenStatement = StatementHead & { batches: AsyncGenerator<BalancedLine[]> };

type Read = { head: StatementHead; heldSince: Date };

/** An owner's month: what was there, what moved, what is there, all of it read at one moment. */
@Injectable()
export class Statements {
  constructor(private readonly store: StatementStore) {}

  /** @throws {Problem} not-found, for a month before the wallet or one that has not begun */
  async page(ownerId: bigint, month: Month, after: EntryCursor | undefined, limit: number): Promise<StatementPage> {
    const { createdAt, isFinal } = await this.settle(ownerId, month);
    const snapshot = await this.store.snapshot();
    try {
      const { head, heldSince } = await this.read(snapshot, ownerId, month, createdAt, isFinal);
      const found = await this.store.page(snapshot, ownerId, month, heldSince, after, limit + 1);
      const moved =
        after === undefined ? NOTHING : await this.store.movedUntil(snapshot, ownerId, month, heldSince, after);
      const lines = balanced(found.slice(0, limit), sum(head.opening, moved));
      return { ...head, lines, hasMore: found.length > limit };
    } finally {
      await snapshot.end();
    }
  }

  /** The whole of it, line by line however many there are. @throws {Problem} as `page` */
  async open(ownerId: bigint, month: Month): Promise<OpenStatement> {
    const { createdAt, isFinal } = await this.settle(ownerId, month);
    const snapshot = await this.store.snapshot();
    try {
      const { head, heldSince } = await this.read(snapshot, ownerId, month, createdAt, isFinal);
      return { ...head, batches: this.batches(snapshot, head, heldSince) };
    } catch (error) {
      await snapshot.end();
      throw error;
    }
  }

  /** Begins with an empty batch, so that a reader which has asked once is inside and ends the snapshot however it leaves. */
  private async *batches(
    snapshot: Snapshot,
    { ownerId, month, opening }: StatementHead,
    heldSince: Date,
  ): AsyncGenerator<BalancedLine[]> {
    try {
      yield [];
      let balance = opening;
      for await (const lines of this.store.all(snapshot, ownerId, month, heldSince)) {
        const batch = balanced(lines, balance);
        balance = batch.at(-1)?.balance ?? balance;
        yield batch;
      }
    } finally {
      await snapshot.end();
    }
  }

  /** Writes the opening balances up to the end of the month, as far as they are final. */
  private async settle(ownerId: bigint, month: Month): Promise<{ createdAt: Date; isFinal: boolean }> {
    const wallet = await this.store.wallet(ownerId);
    if (wallet === undefined) throw notFound();
    const { createdAt, now } = wallet;
    if (month.start > now) throw httpProblems.NOT_FOUND(`${month.name} has not begun: there is no statement yet`);
    const first = monthAt(createdAt);
    if (month.start < first.start) {
      throw httpProblems.NOT_FOUND(`There is no statement for ${month.name}: the wallet was opened in ${first.name}`);
    }
    const next = monthAfter(month);
    let written = await this.store.lastOpening(ownerId, next);
    while (written === undefined || written < next.start) {
      const one = monthAfter(written === undefined ? first : monthAt(written));
      if (!(await this.store.open(ownerId, one))) return { createdAt, isFinal: false };
      written = one.start;
    }
    return { createdAt, isFinal: true };
  }

  private async read(
    snapshot: Snapshot,
    ownerId: bigint,
    month: Month,
    createdAt: Date,
    isFinal: boolean,
  ): Promise<Read> {
    const { now, heldSince, available, held } = await this.store.opening(snapshot, ownerId, month, createdAt);
    const totals = await this.store.totals(snapshot, ownerId, month, heldSince);
    const opening = { available, held };
    const closing = totals.reduce<Balance>(sum, opening);
    const asOf = isFinal || now > month.end ? month.end : now;
    return { head: { ownerId, month, asOf, isFinal, opening, closing, totals }, heldSince };
  }
}

const NOTHING: Balance = { available: 0n, held: 0n };

function sum(a: Balance, b: Balance): Balance {
  return { available: a.available + b.available, held: a.held + b.held };
}

function balanced(lines: readonly StatementLine[], before: Balance): BalancedLine[] {
  let balance = before;
  return lines.map((line) => ({ ...line, balance: (balance = sum(balance, line)) }));
}
