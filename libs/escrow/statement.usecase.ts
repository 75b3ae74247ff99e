import { Injectable } from '@nestjs/common';
import { httpProblems, notFound, Turnstile, type Snapshot } from '#platform';
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
export type OpenStatement = StatementHead & {
  batches: AsyncGenerator<BalancedLine[]>;
  /** Aborted when it has been read for too long or too slowly: what has not been read is lost. */
  over: AbortSignal;
};

/** Whose month is wanted, and whether it still is: asked when its turn has come. */
export type StatementWish = { ownerId: bigint; month: Month; isWanted: () => boolean };

type Settled = { createdAt: Date; isSettled: boolean };
type Read = { head: StatementHead; heldSince: Date };

const WAITING_MAX = 4;
const TURN_WAIT_MAX_MS = 5_000;
const TURNS = { workingMax: 1, waitingMax: WAITING_MAX, waitMaxMs: TURN_WAIT_MAX_MS };
const RETRY_AFTER_S = 2;

/** An owner's month: what was there, what moved, what is there, all of it read at one moment. */
@Injectable()
export class Statements {
  // A statement may take long and its reader longer: an owner reads one at a time, or one would keep all connections from the others.
  private readonly turns = new Map<bigint, Turnstile>();

  constructor(private readonly store: StatementStore) {}

  /** @throws {Problem} NOT_FOUND for a month before the wallet or one that has not begun, OVERLOADED when the owner or others read too many */
  async page(
    { ownerId, month, isWanted }: StatementWish,
    after: EntryCursor | undefined,
    limit: number,
  ): Promise<StatementPage> {
    const snapshot = await this.begin(ownerId, month, isWanted);
    try {
      const { head, heldSince } = await this.read(snapshot, ownerId, month);
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
  async open({ ownerId, month, isWanted }: StatementWish): Promise<OpenStatement> {
    const snapshot = await this.begin(ownerId, month, isWanted);
    try {
      const { head, heldSince } = await this.read(snapshot, ownerId, month);
      return { ...head, batches: this.batches(snapshot, head, heldSince), over: snapshot.over };
    } catch (error) {
      await snapshot.end();
      throw error;
    }
  }

  /** A snapshot, when it is the owner's turn; the next one's comes when it ends. */
  private async begin(ownerId: bigint, month: Month, isWanted: () => boolean): Promise<Settled & Snapshot> {
    const turn = this.turns.get(ownerId) ?? new Turnstile(TURNS);
    this.turns.set(ownerId, turn);
    try {
      await turn.enter(false, isWanted);
    } catch (cause) {
      throw httpProblems.OVERLOADED('Other statements of this owner are being read; repeat the request in a moment', {
        retryAfterS: RETRY_AFTER_S,
        cause,
      });
    }
    const leave = (): void => {
      turn.leave();
      if (turn.isIdle && this.turns.get(ownerId) === turn) this.turns.delete(ownerId);
    };
    try {
      // Before the snapshot is opened: this needs one of its connections for a moment, and whoever held one would wait for another.
      const settled = await this.settle(ownerId, month);
      const snapshot = await this.store.snapshot();
      return { ...settled, ...snapshot, end: () => snapshot.end().finally(leave) };
    } catch (error) {
      leave();
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
  private async settle(ownerId: bigint, month: Month): Promise<Settled> {
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
      if (!(await this.store.open(ownerId, one))) return { createdAt, isSettled: false };
      written = one.start;
    }
    return { createdAt, isSettled: true };
  }

  private async read(snapshot: Settled & Snapshot, ownerId: bigint, month: Month): Promise<Read> {
    const { createdAt, isSettled } = snapshot;
    const { now, heldSince, available, held } = await this.store.opening(snapshot, ownerId, month, createdAt);
    const totals = await this.store.totals(snapshot, ownerId, month, heldSince);
    const opening = { available, held };
    const closing = totals.reduce<Balance>(sum, opening);
    const isOver = now >= month.end;
    // What was settled while the clock was ahead is not final before the month is over again: more may come into it.
    const isFinal = isSettled && isOver;
    const asOf = isOver ? month.end : now;
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
