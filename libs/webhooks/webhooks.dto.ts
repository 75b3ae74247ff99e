import { EVENT_TYPES } from '#events';
import { IsInteger, IsListOf, IsText, KeepEmpty, Optional } from '#platform';

const URL_MAX = 2_048;
const DESCRIPTION_MAX = 200;
const RATE_MAX = 1_000;
const OVERLAP_MAX_S = 7 * 86_400;

export class CreateEndpointBody {
  @IsText(1, URL_MAX) url!: string;
  @Optional() @IsText(0, DESCRIPTION_MAX) description?: string;
  /** Empty: every type. */
  @Optional() @IsListOf(EVENT_TYPES) eventTypes?: string[];
  @Optional() @IsInteger(1, RATE_MAX) ratePerSecond?: number;
}

export class UpdateEndpointBody {
  @Optional() @IsText(1, URL_MAX) url?: string;
  @Optional() @KeepEmpty() @IsText(0, DESCRIPTION_MAX) description?: string;
  /** Empty: every type. */
  @Optional() @IsListOf(EVENT_TYPES) eventTypes?: string[];
  @Optional() @IsInteger(1, RATE_MAX) ratePerSecond?: number;
}

export class RotateSecretBody {
  @Optional() @IsInteger(0, OVERLAP_MAX_S) overlapSeconds?: number;
}
