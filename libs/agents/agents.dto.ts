import type { JsonObject } from '#kernel';
import { SCOPES, type Scope } from '#owners';
import {
  IsCategory,
  IsInstant,
  IsInteger,
  IsJsonObject,
  IsListOf,
  IsOneOf,
  IsText,
  IsTextList,
  Limit,
  Nested,
  Optional,
  Page,
} from '#platform';

const NAME_MAX = 100;
const DESCRIPTION_MAX = 2_000;
const CAPABILITIES_MAX = 50;
const SALARY_MAX = 1_000_000_000;
const OVERLAP_MAX_S = 7 * 86_400;

export class RegisterBody {
  @IsText(1, NAME_MAX) name!: string;
  @IsCategory() category!: string;
  @Optional() @IsText(0, DESCRIPTION_MAX) description?: string;
  @Optional() @IsTextList(CAPABILITIES_MAX, 100) capabilities?: string[];
  @Optional() @IsJsonObject() preferences?: JsonObject;
}

export class UpdateAgentBody {
  @Optional() @IsText(1, NAME_MAX) name?: string;
  @Optional() @IsText(1, DESCRIPTION_MAX) description?: string;
  @Optional() @IsTextList(CAPABILITIES_MAX, 100) capabilities?: string[];
  @Optional() @IsJsonObject() preferences?: JsonObject;
}

export class StatusBody {
  @IsOneOf(['online', 'offline', 'busy']) status!: string;
}

export class Offer {
  @Optional() @IsInteger(0, SALARY_MAX) expectedSalary?: number;
  @Optional() @IsText(0, 200) workHours?: string;
  @Optional() @IsTextList(CAPABILITIES_MAX, 100) preferredTasks?: string[];
}

export class PublishAgentBody {
  @Optional() @Nested(() => Offer) preferences?: Offer;
}

export class CreateAgentBody {
  @IsText(1, NAME_MAX) name!: string;
  @Optional() @IsCategory() category?: string;
  @Optional() @IsText(0, DESCRIPTION_MAX) description?: string;
}

export class CreateKeyBody {
  @Optional() @IsText(1, NAME_MAX) name?: string;
  @Optional() @IsListOf(SCOPES) scopes?: Scope[];
  @Optional() @IsInstant() expiresAt?: Date;
}

export class RotateKeyBody {
  @Optional() @IsInteger(0, OVERLAP_MAX_S) overlapSeconds?: number;
}

export class FreezeBody {
  @Optional() @IsText(1, 500) reason?: string;
}

export class OwnerAgentsQuery {
  @Page() page!: number;
  @Limit(20, 100) limit!: number;
}

export class MarketAgentsQuery {
  @Page() page!: number;
  @Limit(20, 100) limit!: number;
  @Optional() @IsText(1, 200) search?: string;
  @Optional() @IsCategory() category?: string;
  @Optional() @IsOneOf(['online', 'offline', 'busy']) status?: string;
}
