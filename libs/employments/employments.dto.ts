import {
  IsFlag,
  IsId,
  IsIdempotencyKey,
  IsOneOf,
  IsShells,
  IsText,
  Limit,
  Optional,
  OptionalCount,
  OptionalShells,
  Page,
} from '#platform';
import { HOURS_MAX, type EmploymentStatus, type Role } from './employment.js';

const TEXT_MAX = 2_000;

export class OfferBody {
  @IsId() employeeAgentId!: bigint;
  @IsShells({ positive: true }) salary!: bigint;
  /** Whole hours. */
  @OptionalCount(HOURS_MAX) duration?: number;
  @OptionalShells() stakeAmount?: bigint;
  @IsIdempotencyKey() idempotencyKey?: string;
  /** Say what it would hold and whether the owner would be asked, and do nothing. */
  @Optional() @IsFlag() dryRun?: boolean;
}

export class AcceptBody {
  @Optional() @IsText(1, TEXT_MAX) message?: string;
}

export class ReasonBody {
  @Optional() @IsText(1, TEXT_MAX) reason?: string;
}

export class EmploymentsQuery {
  @Page() page!: number;
  @Limit(20, 100) limit!: number;
  @Optional() @IsOneOf(['employer', 'employee', 'all']) role?: Role | 'all';
  @Optional()
  @IsOneOf(['pending', 'active', 'terminated', 'completed', 'rejected', 'all'])
  status?: EmploymentStatus | 'all';
}
