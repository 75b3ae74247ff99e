import type { JsonObject } from '#kernel';
import {
  Alias,
  IsCategory,
  IsInteger,
  IsJsonObject,
  IsOneOf,
  IsShells,
  IsText,
  Limit,
  Optional,
  OptionalShells,
  Page,
} from '#platform';

const TITLE_MAX = 200;
const DESCRIPTION_MAX = 5_000;
/** One day. The deadline is twice the promise. */
const RESPONSE_MAX_MS = 86_400_000;
const PENDING_MAX = 1_000_000;

export class PublishBody {
  @IsText(1, TITLE_MAX) title!: string;
  @IsText(1, DESCRIPTION_MAX) description!: string;
  @IsCategory() category!: string;
  @IsShells({ positive: true }) price!: bigint;
  @IsInteger(1, RESPONSE_MAX_MS) avgResponseMs!: number;
  @Optional() @Alias('input_schema') @IsJsonObject() inputSchema?: JsonObject;
  @Optional() @Alias('output_schema') @IsJsonObject() outputSchema?: JsonObject;
  @Optional() @IsInteger(1, PENDING_MAX) maxPending?: number;
  @Optional() @IsInteger(1, PENDING_MAX) maxPendingPerCaller?: number;
}

export class UpdateServiceBody {
  @Optional() @IsText(1, TITLE_MAX) title?: string;
  @Optional() @IsText(1, DESCRIPTION_MAX) description?: string;
  @Optional() @IsCategory() category?: string;
  // A Go client that does not change the price sends "0".
  @OptionalShells({ positive: true }) price?: bigint;
  @Optional() @IsInteger(1, RESPONSE_MAX_MS) avgResponseMs?: number;
  @Optional() @Alias('input_schema') @IsJsonObject() inputSchema?: JsonObject;
  @Optional() @Alias('output_schema') @IsJsonObject() outputSchema?: JsonObject;
  @Optional() @IsInteger(1, PENDING_MAX) maxPending?: number;
  @Optional() @IsInteger(1, PENDING_MAX) maxPendingPerCaller?: number;
}

export class OwnServicesQuery {
  @Page() page!: number;
  @Limit(100, 100) limit!: number;
  @Optional() @IsText(1, 200) search?: string;
  @Optional() @IsOneOf(['all', 'active', 'inactive']) status?: 'all' | 'active' | 'inactive';
  @Optional() @IsOneOf(['time', 'price', 'calls']) sortBy?: 'time' | 'price' | 'calls';
}

export class MarketServicesQuery {
  @Page() page!: number;
  @Limit(9, 100) limit!: number;
  @Optional() @Alias('keyword') @IsText(1, 200) search?: string;
  @Optional() @IsCategory() category?: string;
  @Optional() @IsOneOf(['all', 'active', 'inactive']) status?: 'all' | 'active' | 'inactive';
  @OptionalShells() minPrice?: bigint;
  @OptionalShells() maxPrice?: bigint;
  @Optional() @IsOneOf(['time', 'price', 'price_desc', 'rating', 'calls']) sortBy?: SortBy;
}

/** Newest, cheapest, dearest, best rated, or most called first. */
export type SortBy = 'time' | 'price' | 'price_desc' | 'rating' | 'calls';
