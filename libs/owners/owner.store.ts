import { Injectable } from '@nestjs/common';
import { Database, type Tx } from '#platform';

export type Owner = { id: bigint; name: string; createdAt: Date };

@Injectable()
export class OwnerStore {
  constructor(private readonly database: Database) {}

  /** An owner and its empty wallet, in one transaction. */
  async insert(tx: Tx, name: string): Promise<Owner> {
    const { rows } = await tx.query<Owner>(
      'insert into market.owner (name) values ($1) returning id, name, created_at as "createdAt"',
      [name],
    );
    const [owner] = rows;
    if (owner === undefined) throw new Error('insert returned no row');
    await tx.query('select ledger.open_wallet($1)', [owner.id]);
    return owner;
  }

  async find(id: bigint): Promise<Owner | undefined> {
    const [owner] = await this.database.query<Owner>(
      'select id, name, created_at as "createdAt" from market.owner where id = $1',
      [id],
    );
    return owner;
  }

  /** Holds the owner's row to the end of the transaction, so that what is counted of it stays true. */
  async lock(tx: Tx, id: bigint): Promise<void> {
    await tx.query('select 1 from market.owner where id = $1 for no key update', [id]);
  }

  /** False when there is no such owner. */
  async rename(id: bigint, name: string): Promise<boolean> {
    const rows = await this.database.query('update market.owner set name = $2 where id = $1 returning id', [id, name]);
    return rows.length === 1;
  }

  /** Whether there is an owner that none of these keys belongs to, nor to one of its agents. */
  async hasOthers(hashes: readonly Buffer[]): Promise<boolean> {
    const rows = await this.database.query(
      `select 1 from market.owner o
      where not exists (select 1 from market.api_key k where k.owner_id = o.id and k.hash = any ($1::bytea[]))
      limit 1`,
      [hashes],
    );
    return rows.length > 0;
  }

  /** Owners with an id above `after`, in order. */
  async list(after: bigint, limit: number): Promise<Owner[]> {
    return this.database.query<Owner>(
      'select id, name, created_at as "createdAt" from market.owner where id > $1 order by id limit $2',
      [after, limit],
    );
  }
}
