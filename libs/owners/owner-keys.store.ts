import { Injectable } from '@nestjs/common';
import { Database, type Tx } from '#platform';
import { IS_LIVE, RECORD, type KeyRecord } from './keys.store.js';

/** What an owner holds itself: keys, and sessions, which are keys that end. */
export type HeldKind = 'owner' | 'session';

const SHOWN_MAX = 200;

/** The rows of `market.api_key` that are an owner's own. */
@Injectable()
export class OwnerKeyStore {
  constructor(private readonly database: Database) {}

  /** The newest of them, those that have ended too, in the order in which they were made. */
  async keysOf(ownerId: bigint): Promise<KeyRecord[]> {
    const keys = await this.database.query<KeyRecord>(
      `select ${RECORD} from market.api_key where owner_id = $1 and kind = 'owner' order by id desc limit $2`,
      [ownerId, SHOWN_MAX],
    );
    return keys.reverse();
  }

  async liveSessionsOf(ownerId: bigint): Promise<KeyRecord[]> {
    return this.database.query<KeyRecord>(
      `select ${RECORD} from market.api_key where owner_id = $1 and kind = 'session' and ${IS_LIVE} order by id`,
      [ownerId],
    );
  }

  async countLiveKeys(tx: Tx, ownerId: bigint): Promise<number> {
    const { rows } = await tx.query<{ count: bigint }>(
      `select count(*) from market.api_key where owner_id = $1 and kind = 'owner' and ${IS_LIVE}`,
      [ownerId],
    );
    return Number(rows[0]?.count ?? 0);
  }

  /** Ends a live key or session of the owner at once. False when there is none. */
  async revoke(tx: Tx, kind: HeldKind, ownerId: bigint, keyId: bigint): Promise<boolean> {
    const { rowCount } = await tx.query(
      `update market.api_key set revoked_at = platform.clock() where id = $1 and owner_id = $2 and kind = $3 and ${IS_LIVE}`,
      [keyId, ownerId, kind],
    );
    return rowCount === 1;
  }

  /** Ends the owner's sessions but this one, and but so many of the newest. Answers which. */
  async revokeSessions(tx: Tx, ownerId: bigint, except: bigint | undefined, kept: number): Promise<bigint[]> {
    const { rows } = await tx.query<{ id: bigint }>(
      `update market.api_key set revoked_at = platform.clock()
      where id in (
        select id from market.api_key
        where owner_id = $1 and kind = 'session' and ${IS_LIVE} and id <> coalesce($2, 0)
        order by id desc
        offset $3)
      returning id`,
      [ownerId, except, kept],
    );
    return rows.map(({ id }) => id);
  }

  /** Lets a live key end after the overlap, or earlier if it already would. A key is replaced once. */
  async replace(tx: Tx, ownerId: bigint, keyId: bigint, overlapS: number): Promise<KeyRecord | undefined> {
    const { rows } = await tx.query<KeyRecord>(
      `update market.api_key
      set replaced_by = 0, expires_at = least(expires_at, platform.clock() + $3 * interval '1 second')
      where id = $1 and owner_id = $2 and kind = 'owner' and ${IS_LIVE} and replaced_by is null
      returning ${RECORD}`,
      [keyId, ownerId, overlapS],
    );
    return rows[0];
  }
}
