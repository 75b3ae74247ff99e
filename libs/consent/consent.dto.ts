import { IsDefined, ValidateIf } from 'class-validator';
import { CATEGORIES } from '#kernel';
import { IsFlag, IsId, IsOneOf, IsShells, IsText, Limit, Nested, Optional, Page } from '#platform';
import {
  ACTIONS,
  APPROVAL_STATES,
  CONSENTS,
  type Action,
  type ApprovalState,
  type Policy,
  type Rule,
  type SpendLimit,
} from './consent.js';

const GIVEN = { message: 'is required', context: { code: 'required' } };

export class BudgetBody {
  @IsOneOf(['none', 'one_time', 'periodic']) budgetType!: 'none' | 'one_time' | 'periodic';
  @ValidateIf(({ budgetType }: BudgetBody) => budgetType !== 'none')
  @IsDefined(GIVEN)
  @IsShells()
  budgetAmount?: bigint;
  @ValidateIf(({ budgetType }: BudgetBody) => budgetType === 'periodic')
  @IsDefined(GIVEN)
  @IsOneOf(['daily', 'weekly', 'monthly'])
  budgetPeriod?: 'daily' | 'weekly' | 'monthly';
  /** Forget what has been counted. */
  @Optional() @IsFlag() reset?: boolean;
}

class RuleBody {
  @IsOneOf(CONSENTS) consent!: (typeof CONSENTS)[number];
  @ValidateIf(({ consent }: RuleBody) => consent === 'above')
  @IsDefined({ message: 'is required when the owner is asked above an amount', context: { code: 'required' } })
  @IsShells()
  above?: bigint;
}

class ActionsBody {
  @Optional() @Nested(() => RuleBody) publish?: RuleBody;
  @Optional() @Nested(() => RuleBody) price_change?: RuleBody;
  @Optional() @Nested(() => RuleBody) invoke?: RuleBody;
  @Optional() @Nested(() => RuleBody) hire?: RuleBody;
  @Optional() @Nested(() => RuleBody) task?: RuleBody;
}

class CategoriesBody {
  @Optional() @IsShells() writing?: bigint;
  @Optional() @IsShells() customer_service?: bigint;
  @Optional() @IsShells() data_analysis?: bigint;
  @Optional() @IsShells() marketing?: bigint;
  @Optional() @IsShells() office_automation?: bigint;
  @Optional() @IsShells() programming?: bigint;
  @Optional() @IsShells() design?: bigint;
  @Optional() @IsShells() consulting?: bigint;
  @Optional() @IsShells() research?: bigint;
}

class LimitsBody {
  @Optional() @IsShells() transaction?: bigint;
  @Optional() @IsShells() day?: bigint;
  @Optional() @IsShells() counterparty?: bigint;
  @Optional() @IsShells() firstTimeProvider?: bigint;
  @Optional() @Nested(() => CategoriesBody) categories?: CategoriesBody;
}

/** A policy as a whole: what is left out is free. */
export class PolicyBody {
  @Optional() @Nested(() => ActionsBody) actions?: ActionsBody;
  @Optional() @Nested(() => LimitsBody) limits?: LimitsBody;
}

export function policyFrom({ actions = {}, limits = {} }: PolicyBody): Policy {
  const rules = ACTIONS.flatMap((action) => ruleOf(action, actions[action]));
  const { transaction, day, counterparty, firstTimeProvider, categories = {} } = limits;
  return {
    rules,
    limits: [
      ...limitOf('transaction', '', transaction),
      ...limitOf('day', '', day),
      ...limitOf('counterparty', '', counterparty),
      ...limitOf('first_time_provider', '', firstTimeProvider),
      ...CATEGORIES.flatMap((category) => limitOf('category', category, categories[category])),
    ],
  };
}

function ruleOf(action: Action, rule: RuleBody | undefined): Rule[] {
  if (rule === undefined) return [];
  return rule.consent === 'above'
    ? [{ action, consent: 'above', above: rule.above ?? 0n }]
    : [{ action, consent: rule.consent }];
}

function limitOf(kind: SpendLimit['kind'], subject: string, amount: bigint | undefined): SpendLimit[] {
  return amount === undefined ? [] : [{ kind, subject, amount }];
}

export class PageQuery {
  @Page() page!: number;
  @Limit(20, 100) limit!: number;
}

export class ApprovalsQuery {
  @Limit(20, 100) limit!: number;
  @Optional() @IsOneOf(APPROVAL_STATES) status?: ApprovalState;
  @Optional() @IsId() agentId?: bigint;
  @Optional() @IsId() before?: bigint;
}

export class OwnApprovalsQuery {
  @Limit(20, 100) limit!: number;
  @Optional() @IsOneOf(APPROVAL_STATES) status?: ApprovalState;
  @Optional() @IsId() before?: bigint;
}

/** The button of the page behind a link. */
export class DecisionForm {
  @IsOneOf(['approve', 'deny']) decision!: 'approve' | 'deny';
}

export class DenyBody {
  @Optional() @IsText(1, 500) reason?: string;
}
