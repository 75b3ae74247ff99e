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

  /** Owners with an id above `after`, in order. */
  async list(after: bigint, limit: number): Promise<Owner[]> {
    return this.database.query<Owner>(
      'select id, name, created_at as "createdAt" from market.owner where id > $1 order by id limit $2',
      [after, limit],
    );
  }
}
