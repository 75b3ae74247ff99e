import { Injectable } from '@nestjs/common';
import type { KeyKind } from '#kernel';
import { Database, type Tx } from '#platform';

/** A key as its owner sees it: everything but the key itself, which nobody can read again. */
export type KeyRecord = {
  id: bigint;
  kind: KeyKind;
  ownerId: bigint | null;
  agentId: bigint | null;
  name: string;
  hint: string;
  scopes: string[];
  expiresAt: Date | null;
  revokedAt: Date | null;
  lastUsedAt: Date | null;
  createdAt: Date;
};

export type NewKey = {
  kind: KeyKind;
  ownerId?: bigint | undefined;
  agentId?: bigint | undefined;
  name: string;
  hash: Buffer;
  hint: string;
  scopes: readonly string[];
  expiresAt?: Date | undefined;
};

type FoundKey = {
  id: bigint;
  kind: KeyKind;
  owner_id: bigint | null;
  agent_id: bigint | null;
  scopes: string[];
  is_frozen: boolean;
};

export const RECORD = `id, kind, owner_id as "ownerId", agent_id as "agentId", name, hint, scopes, expires_at as "expiresAt",
  revoked_at as "revokedAt", last_used_at as "lastUsedAt", created_at as "createdAt"`;
export const IS_LIVE = 'revoked_at is null and (expires_at is null or expires_at > platform.clock())';

/** The rows of `market.api_key`. Only the keyed hash of a key is stored. */
@Injectable()
export class KeyStore {
  constructor(private readonly database: Database) {}

  /** What a live key with this hash stands for. */
  async findLive(hash: Buffer): Promise<FoundKey | undefined> {
    const [found] = await this.database.query<FoundKey>(
      `select k.id, k.kind, k.owner_id, k.agent_id, k.scopes, a.frozen_at is not null as is_frozen
      from market.api_key k
      left join market.agent a on a.id = k.agent_id
      where k.hash = $1 and k.revoked_at is null and (k.expires_at is null or k.expires_at > platform.clock())`,
      [hash],
      'key-find-live',
    );
    return found;
  }

  /** Notes that keys were used, each at most once a minute, which keeps a session for 12 hours more, 7 days in all; one that has ended
   *  stays ended; and that their agents are there. Waits for nobody: a row that is locked is left out. */
  async touch(keyIds: readonly bigint[]): Promise<void> {
    await this.database.query(
      `with due as (
        select id from market.api_key
        where id = any ($1::bigint[]) and (last_used_at is null or last_used_at < platform.clock() - interval '1 minute')
          and (kind <> 'session' or (revoked_at is null and expires_at > platform.clock()))
        for update skip locked),
      used as (
        update market.api_key k
        set last_used_at = platform.clock(),
          expires_at = case when k.kind <> 'session' then k.expires_at
            else least(k.created_at + interval '7 days', platform.clock() + interval '12 hours') end
        from due where k.id = due.id
        returning k.agent_id)
      select market.agents_seen(array(select agent_id from used))`,
      [keyIds],
      'key-touch',
    );
  }

  /** Which of these keys are live, and not their agent's frozen. */
  async stillLive(keyIds: readonly bigint[]): Promise<bigint[]> {
    const rows = await this.database.query<{ id: bigint }>(
      `select k.id from market.api_key k
      left join market.agent a on a.id = k.agent_id
      where k.id = any ($1::bigint[]) and k.revoked_at is null and (k.expires_at is null or k.expires_at > platform.clock()) and a.frozen_at is null`,
      [keyIds],
      'key-still-live',
    );
    return rows.map((row) => row.id);
  }

  /** The database's clock, which judges expiry. */
  async now(tx: Tx): Promise<Date> {
    const { rows } = await tx.query<{ now: Date }>('select platform.clock() as now');
    const [row] = rows;
    if (row === undefined) throw new Error('the clock returned no row');
    return row.now;
  }

  async insert(tx: Tx, key: NewKey): Promise<KeyRecord> {
    const { rows } = await tx.query<KeyRecord>(
      `insert into market.api_key (kind, owner_id, agent_id, name, hash, hint, scopes, expires_at)
      values ($1, $2, $3, $4, $5, $6, $7, $8)
      returning ${RECORD}`,
      [key.kind, key.ownerId, key.agentId, key.name, key.hash, key.hint, key.scopes, key.expiresAt],
    );
    const [row] = rows;
    if (row === undefined) throw new Error('insert returned no row');
    return row;
  }

  async ofAgent(agentId: bigint): Promise<KeyRecord[]> {
    return this.database.query<KeyRecord>(`select ${RECORD} from market.api_key where agent_id = $1 order by id`, [
      agentId,
    ]);
  }

  async countLiveOfAgent(tx: Tx, agentId: bigint): Promise<number> {
    const { rows } = await tx.query<{ count: bigint }>(
      `select count(*) from market.api_key where agent_id = $1 and ${IS_LIVE}`,
      [agentId],
    );
    return Number(rows[0]?.count ?? 0);
  }

  /** Revokes a live key of the agent at once. False when there is none. */
  async revoke(tx: Tx, agentId: bigint, keyId: bigint): Promise<boolean> {
    const { rowCount } = await tx.query(
      `update market.api_key set revoked_at = platform.clock() where id = $1 and agent_id = $2 and revoked_at is null`,
      [keyId, agentId],
    );
    return rowCount === 1;
  }

  /** Lets a live key end after the overlap, or earlier if it already would. A key is replaced once. */
  async replace(tx: Tx, agentId: bigint, keyId: bigint, overlapS: number): Promise<KeyRecord | undefined> {
    const { rows } = await tx.query<KeyRecord>(
      `update market.api_key
      set replaced_by = 0, expires_at = least(expires_at, platform.clock() + $3 * interval '1 second')
      where id = $1 and agent_id = $2 and ${IS_LIVE} and replaced_by is null
      returning ${RECORD}`,
      [keyId, agentId, overlapS],
    );
    return rows[0];
  }

  async noteReplacement(tx: Tx, keyId: bigint, newKeyId: bigint): Promise<void> {
    await tx.query('update market.api_key set replaced_by = $2 where id = $1', [keyId, newKeyId]);
  }

  async hasAdmin(): Promise<boolean> {
    const rows = await this.database.query(`select 1 from market.api_key where kind = 'admin' and ${IS_LIVE} limit 1`);
    return rows.length > 0;
  }

  async revokeAdminsNamed(tx: Tx, name: string, except: Buffer): Promise<void> {
    await tx.query(
      `update market.api_key set revoked_at = platform.clock() where kind = 'admin' and name = $1 and hash <> $2 and revoked_at is null`,
      [name, except],
    );
  }

  async findByHash(tx: Tx, hash: Buffer): Promise<KeyRecord | undefined> {
    const { rows } = await tx.query<KeyRecord>(`select ${RECORD} from market.api_key where hash = $1`, [hash]);
    return rows[0];
  }
}
