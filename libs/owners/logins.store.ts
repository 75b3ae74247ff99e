import { Injectable } from '@nestjs/common';
import { Database, type Tx } from '#platform';

export type Login = { ownerId: bigint; login: string; email: string | null; password: string };
export type NewLogin = { ownerId: bigint; login: string; key: string; email?: string | undefined; password: string };

/** What a count of wrong passwords says: how many more there may be, or how long to wait. */
export type Attempt = { isFree: true } | { isFree: false; waitS: number };

const LOGIN = 'owner_id as "ownerId", login, email, password';

/** The rows of `market.owner_login` and `market.login_attempt`. */
@Injectable()
export class LoginStore {
  constructor(private readonly database: Database) {}

  async findByKey(key: string): Promise<Login | undefined> {
    const [login] = await this.database.query<Login>(`select ${LOGIN} from market.owner_login where login_key = $1`, [
      key,
    ]);
    return login;
  }

  async ofOwner(ownerId: bigint): Promise<Login | undefined> {
    const [login] = await this.database.query<Login>(`select ${LOGIN} from market.owner_login where owner_id = $1`, [
      ownerId,
    ]);
    return login;
  }

  /** False when another owner has a login with this key, or this owner has one. */
  async insert(tx: Tx, { ownerId, login, key, email, password }: NewLogin): Promise<boolean> {
    const { rowCount } = await tx.query(
      `insert into market.owner_login (owner_id, login, login_key, email, password)
      values ($1, $2, $3, $4, $5)
      on conflict do nothing`,
      [ownerId, login, key, email, password],
    );
    return rowCount === 1;
  }

  /** The name and the password go; what comes in their place is inserted in the same transaction. */
  async remove(tx: Tx, ownerId: bigint): Promise<void> {
    await tx.query('delete from market.owner_login where owner_id = $1', [ownerId]);
  }

  /** Whether the owner still has this stored password; if so it stays until the transaction ends. */
  async hold(tx: Tx, ownerId: bigint, password: string): Promise<boolean> {
    const { rows } = await tx.query(
      'select 1 from market.owner_login where owner_id = $1 and password = $2 for no key update',
      [ownerId, password],
    );
    return rows.length === 1;
  }

  /** Puts another password in the place of the one that was checked. False when somebody was first. */
  async replacePassword(tx: Tx, ownerId: bigint, old: string, fresh: string): Promise<boolean> {
    const { rowCount } = await tx.query(
      `update market.owner_login set password = $3, changed_at = platform.clock()
      where owner_id = $1 and password = $2`,
      [ownerId, old, fresh],
    );
    return rowCount === 1;
  }

  /** Counts a password as wrong before it is checked, so that no number of guesses at once is more than there may be. */
  async attempt(loginHash: Buffer, max: number, windowS: number): Promise<Attempt> {
    const [counted] = await this.database.query(
      `insert into market.login_attempt as l (login_hash, failed, since)
      values ($1, 1, platform.clock())
      on conflict (login_hash) do update
      set failed = case when l.since > platform.clock() - $3 * interval '1 second' then l.failed + 1 else 1 end,
        since = case when l.since > platform.clock() - $3 * interval '1 second' then l.since else platform.clock() end
      where l.failed < $2 or l.since <= platform.clock() - $3 * interval '1 second'
      returning failed`,
      [loginHash, max, windowS],
    );
    if (counted !== undefined) return { isFree: true };
    const [row] = await this.database.query<{ waitS: number }>(
      `select greatest(1, ceil(extract(epoch from since - platform.clock()) + $2))::integer as "waitS"
      from market.login_attempt where login_hash = $1`,
      [loginHash, windowS],
    );
    return { isFree: false, waitS: row?.waitS ?? 1 };
  }

  /** The password was right. */
  async forgetAttempts(tx: Tx, loginHash: Buffer): Promise<void> {
    await tx.query('delete from market.login_attempt where login_hash = $1', [loginHash]);
  }

  /** Throws away what ended so many days ago. */
  async purge(days: number, max: number): Promise<number> {
    const [row] = await this.database.query<{ count: bigint }>('select market.purge_logins($1, $2) as count', [
      days,
      max,
    ]);
    return Number(row?.count ?? 0);
  }
}
