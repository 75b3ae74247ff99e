import { Injectable } from '@nestjs/common';
import { Database, type Tx } from '#platform';

/** A link to sign up with, as it is stored. The token itself is nowhere. */
export type Invitation = {
  id: bigint;
  madeBy: 'administrator' | 'launcher';
  name: string | null;
  email: string | null;
  expiresAt: Date;
  usedAt: Date | null;
  revokedAt: Date | null;
  ownerId: bigint | null;
  createdAt: Date;
  isExpired: boolean;
};

export type NewInvitation = {
  hash: Buffer;
  madeBy: Invitation['madeBy'];
  name?: string | undefined;
  email?: string | undefined;
  lifeS: number;
};

const RECORD = `id, made_by as "madeBy", name, email, expires_at as "expiresAt", used_at as "usedAt", revoked_at as "revokedAt",
  owner_id as "ownerId", created_at as "createdAt", expires_at <= platform.clock() as "isExpired"`;
const IS_OPEN = 'used_at is null and revoked_at is null and expires_at > platform.clock()';

/** The rows of `market.invitation`. */
@Injectable()
export class InvitationStore {
  constructor(private readonly database: Database) {}

  async insert(tx: Tx, { hash, madeBy, name, email, lifeS }: NewInvitation): Promise<Invitation> {
    const { rows } = await tx.query<Invitation>(
      `insert into market.invitation (hash, made_by, name, email, expires_at)
      values ($1, $2, $3, $4, platform.clock() + $5 * interval '1 second')
      returning ${RECORD}`,
      [hash, madeBy, name, email, lifeS],
    );
    const [row] = rows;
    if (row === undefined) throw new Error('insert returned no row');
    return row;
  }

  async find(hash: Buffer): Promise<Invitation | undefined> {
    const [row] = await this.database.query<Invitation>(`select ${RECORD} from market.invitation where hash = $1`, [
      hash,
    ]);
    return row;
  }

  /** The newest first; those that have ended too. */
  async list(max: number): Promise<Invitation[]> {
    return this.database.query<Invitation>(`select ${RECORD} from market.invitation order by id desc limit $1`, [max]);
  }

  /** Uses an open one up for this owner. False when somebody was first, or it has ended. */
  async use(tx: Tx, id: bigint, ownerId: bigint): Promise<boolean> {
    const { rowCount } = await tx.query(
      `update market.invitation set used_at = platform.clock(), owner_id = $2 where id = $1 and ${IS_OPEN}`,
      [id, ownerId],
    );
    return rowCount === 1;
  }

  /** False when it is not open. */
  async revoke(id: bigint): Promise<boolean> {
    const rows = await this.database.query(
      `update market.invitation set revoked_at = platform.clock() where id = $1 and ${IS_OPEN} returning id`,
      [id],
    );
    return rows.length === 1;
  }

  async revokeLaunchers(tx: Tx): Promise<void> {
    await tx.query(
      `update market.invitation set revoked_at = platform.clock() where made_by = 'launcher' and ${IS_OPEN}`,
    );
  }
}
