import { Injectable } from '@nestjs/common';
import { Database } from '#platform';

export type Transfer = {
  id: bigint;
  kind: string;
  debit: bigint;
  credit: bigint;
  amount: bigint;
  reverses: bigint | null;
  reference: string | null;
  memo: string | null;
  createdAt: Date;
};

/** Who asks, under which key, for what: the scope of an idempotency key and the print of the request. */
export type Asked = { by: 'owner' | 'admin'; principalId: bigint; actor: string; key: string; fingerprint: Buffer };

export type DepositVerdict = 'done' | 'replay' | 'key_reused' | 'not_found' | 'too_much';
export type ReversalVerdict =
  Exclude<DepositVerdict, 'too_much'> | 'not_reversible' | 'already_reversed' | 'insufficient_funds';

/** Money that enters and leaves the market, through the treasury's own role. */
@Injectable()
export class TreasuryStore {
  constructor(private readonly database: Database) {}

  async deposit(
    ownerId: bigint,
    amount: bigint,
    reference: string | undefined,
    asked: Asked,
  ): Promise<{ verdict: DepositVerdict; transferId: bigint | null }> {
    const [row] = await this.database.treasury<{ verdict: DepositVerdict; transferId: bigint | null }>(
      'select verdict, transfer_id as "transferId" from ledger.deposit($1, $2, $3, $4, $5, $6, $7, $8)',
      [ownerId, amount, reference, asked.actor, asked.by, asked.principalId, asked.key, asked.fingerprint],
    );
    return only(row);
  }

  async reverse(
    transferId: bigint,
    reason: string,
    asked: Asked,
  ): Promise<{ verdict: ReversalVerdict; transferId: bigint | null }> {
    const [row] = await this.database.treasury<{ verdict: ReversalVerdict; transferId: bigint | null }>(
      'select verdict, transfer_id as "transferId" from ledger.reverse_transfer($1, $2, $3, $4, $5, $6, $7)',
      [transferId, reason, asked.actor, asked.by, asked.principalId, asked.key, asked.fingerprint],
    );
    return only(row);
  }

  async transfer(id: bigint): Promise<Transfer> {
    const [row] = await this.database.query<Transfer>(
      `select id, kind, debit, credit, amount, reverses, reference, memo, created_at as "createdAt" from ledger.transfer where id = $1`,
      [id],
    );
    return only(row);
  }

  async setFeeRate(category: string, basisPoints: number): Promise<void> {
    await this.database.treasury('select ledger.set_fee_rate($1, $2)', [category, basisPoints]);
  }

  async feeRate(category: string): Promise<number> {
    const [row] = await this.database.query<{ basisPoints: number }>(
      'select basis_points as "basisPoints" from ledger.fee_rate where category = $1',
      [category],
    );
    return row?.basisPoints ?? 0;
  }
}

function only<T>(row: T | undefined): T {
  if (row === undefined) throw new Error('the statement returned no row');
  return row;
}
