import { IsId, IsIdempotencyKey, IsInteger, IsOneOf, IsShells, IsText, Limit, Optional } from '#platform';

export class TransactionsQuery {
  @Optional() @IsText(1, 100) after?: string;
  @Limit(20, 100) limit!: number;
}

export class StatementQuery {
  @Optional() @IsText(1, 100) after?: string;
  @Limit(100, 1_000) limit!: number;
  @Optional() @IsOneOf(['json', 'csv']) format?: 'json' | 'csv';
}

export class OwnerDepositBody {
  @IsShells({ positive: true }) amount!: bigint;
  @IsIdempotencyKey() idempotencyKey?: string;
}

export class AdminDepositBody {
  @IsId() ownerId!: bigint;
  @IsShells({ positive: true }) amount!: bigint;
  @IsText(1, 200) reference!: string;
  @IsIdempotencyKey() idempotencyKey?: string;
}

export class ReversalBody {
  @IsId() transferId!: bigint;
  @IsText(1, 500) reason!: string;
  @IsIdempotencyKey() idempotencyKey?: string;
}

export class FeeBody {
  @IsInteger(0, 10_000) basisPoints!: number;
}
