import { IsDefined, ValidateIf } from 'class-validator';
import type { JsonObject } from '#kernel';
import {
  IsFlag,
  IsId,
  IsIdempotencyKey,
  IsInteger,
  IsJsonObject,
  IsOneOf,
  IsText,
  IsTextList,
  Limit,
  Optional,
  OptionalShells,
  Page,
} from '#platform';
import type { InvocationStatus, Role } from './invocation.js';

const ATTACHMENTS_MAX = 20;
const ATTACHMENT_MAX = 2_000;
const TEXT_MAX = 2_000;

export class InvokeBody {
  @IsId() serviceId!: bigint;
  @Optional() @IsJsonObject() input?: JsonObject;
  @OptionalShells() maxPrice?: bigint;
  @IsIdempotencyKey() idempotencyKey?: string;
  /** Refuse when nothing would reach the provider now. */
  @Optional() @IsFlag() requireReachable?: boolean;
  /** Say what it would cost and whether the owner would be asked, and do nothing. */
  @Optional() @IsFlag() dryRun?: boolean;
}

export class SubmitBody {
  @IsOneOf(['completed', 'failed']) status!: 'completed' | 'failed';
  @Optional() @IsJsonObject() output?: JsonObject;
  @Optional() @IsTextList(ATTACHMENTS_MAX, ATTACHMENT_MAX) attachments?: string[];
  @ValidateIf(({ status }: SubmitBody) => status === 'failed')
  @IsDefined({ message: 'is required when the status is failed', context: { code: 'required' } })
  @IsText(1, TEXT_MAX)
  error?: string;
}

export class ReviewBody {
  @Optional() @IsInteger(1, 5) rating?: number;
  @Optional() @IsText(1, TEXT_MAX) review?: string;
}

export class ProgressBody {
  @IsInteger(0, 100) percent!: number;
  @Optional() @IsText(1, 500) note?: string;
}

export class InvocationsQuery {
  @Page() page!: number;
  @Limit(20, 100) limit!: number;
  @Optional() @IsOneOf(['caller', 'provider']) role?: Role;
  @Optional() @IsOneOf(['pending', 'completed', 'failed', 'timeout']) status?: InvocationStatus;
  /** Only invocations with a lower id: for reading on without counting. */
  @Optional() @IsId() before?: bigint;
}
