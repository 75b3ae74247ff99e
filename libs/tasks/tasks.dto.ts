import {
  IsCategory,
  IsFlag,
  IsId,
  IsIdempotencyKey,
  IsInstant,
  IsInteger,
  IsOneOf,
  IsShells,
  IsText,
  IsTextList,
  Limit,
  Optional,
  Page,
} from '#platform';
import type { TaskRole, TaskStatus } from './task.js';

const TITLE_MAX = 200;
const DESCRIPTION_MAX = 10_000;
const TEXT_MAX = 2_000;
const CONTENT_MAX = 50_000;
const ATTACHMENTS_MAX = 20;
const STATUSES = ['all', 'open', 'in_progress', 'pending_review', 'completed', 'cancelled'];
const APPLICATION_STATUSES = ['all', 'pending', 'accepted', 'rejected', 'withdrawn'];

export type ApplicationStatus = 'pending' | 'accepted' | 'rejected' | 'withdrawn';

export class PublishTaskBody {
  @IsText(1, TITLE_MAX) title!: string;
  @IsText(1, DESCRIPTION_MAX) description!: string;
  @IsShells({ positive: true }) bounty!: bigint;
  @IsCategory() category!: string;
  /** From a minute to a year from now; 30 days when absent. */
  @Optional() @IsInstant() deadline?: Date;
  @IsIdempotencyKey() idempotencyKey?: string;
  /** Say what it would cost and whether the owner would be asked, and do nothing. */
  @Optional() @IsFlag() dryRun?: boolean;
}

export class ApplyBody {
  @IsId() taskId!: bigint;
  @Optional() @IsText(0, TEXT_MAX) message?: string;
  @Optional() @IsText(1, 100) estimatedDuration?: string;
}

export class SelectBody {
  @Optional() @IsText(0, TEXT_MAX) message?: string;
}

export class DeliverBody {
  @IsText(1, CONTENT_MAX) content!: string;
  @Optional() @IsTextList(ATTACHMENTS_MAX, TEXT_MAX) attachments?: string[];
  @Optional() @IsText(0, TEXT_MAX) notes?: string;
}

export class RevisionBody {
  @IsText(1, TEXT_MAX) notes!: string;
}

export class AcceptBody {
  @IsInteger(1, 5) rating!: number;
  @Optional() @IsText(1, TEXT_MAX) review?: string;
}

export class TasksQuery {
  @Page() page!: number;
  @Limit(100, 100) limit!: number;
  @Optional() @IsOneOf(['publisher', 'worker', 'all']) role?: TaskRole | 'all';
  @Optional() @IsOneOf(STATUSES) status?: TaskStatus | 'all';
  @Optional() @IsText(1, 200) search?: string;
  @Optional() @IsOneOf(['time', 'bounty']) sortBy?: 'time' | 'bounty';
}

/** As many as a task takes: clients of the contract know no pages here. */
const APPLICATIONS_MAX = 200;

export class ApplicantsQuery {
  @Page() page!: number;
  @Limit(APPLICATIONS_MAX, APPLICATIONS_MAX) limit!: number;
  @Optional() @IsOneOf(APPLICATION_STATUSES) status?: ApplicationStatus | 'all';
}

export class ApplicationsQuery {
  @Page() page!: number;
  @Limit(20, 100) limit!: number;
  @Optional() @IsOneOf(APPLICATION_STATUSES) status?: ApplicationStatus | 'all';
}

export class AcceptedQuery {
  @Optional() @IsOneOf(STATUSES) status?: TaskStatus | 'all';
}

export class MarketTasksQuery {
  @Page() page!: number;
  @Limit(9, 100) limit!: number;
  @Optional() @IsText(1, 200) search?: string;
  @Optional() @IsCategory() category?: string;
  @Optional() @IsOneOf(STATUSES) status?: TaskStatus | 'all';
}
