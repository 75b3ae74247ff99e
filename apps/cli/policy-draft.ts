import { CATEGORIES } from '#kernel';
import { rowOf, type Row } from './answer.js';
import { usageError } from './cli-error.js';
import { checkAmount } from './invoke.js';

export type PolicyFlags = {
  publish?: string;
  priceChange?: string;
  invoke?: string;
  hire?: string;
  task?: string;
  transaction?: string;
  day?: string;
  counterparty?: string;
  firstTimeProvider?: string;
  category?: string[];
};

export type PolicyDraft = { actions: Row; limits: Row };

/** What takes a limit away. */
const NONE = 'none';

/**
 * The policy with what the flags name in place of what it had; everything else stays.
 * @throws {CliError} usage
 */
export function changedPolicy(policy: Row, flags: PolicyFlags): PolicyDraft {
  const actions: Record<string, unknown> = { ...rowOf(policy['actions']) };
  const limits: Record<string, unknown> = { ...rowOf(policy['limits']) };
  for (const [flag, option, action] of ACTIONS) {
    const text = flags[flag];
    if (text !== undefined) actions[action] = ruleOf(text, option);
  }
  for (const [flag, option] of LIMITS) {
    const text = flags[flag];
    if (text !== undefined) limits[flag] = limitOf(text, option);
  }
  const categories: Record<string, unknown> = { ...rowOf(limits['categories']) };
  for (const text of flags.category ?? []) {
    const [category, amount] = categoryOf(text);
    categories[category] = limitOf(amount, `--category ${category}`);
  }
  // What is undefined is left out of the request, and so of the policy.
  return { actions, limits: { ...limits, categories } };
}

/** The policy in a file, which may be what `policy show` printed as JSON. */
export function policyIn({ agentId: _id, agentName: _name, ...policy }: Row): Row {
  return policy;
}

function ruleOf(text: string, option: string): Row {
  if (text === 'never' || text === 'always') return { consent: text };
  const above = /^above:(.*)$/s.exec(text)?.[1];
  if (above === undefined) throw usageError(`${option} must be never, always or above:AMOUNT, not "${text}".`);
  checkAmount(above, option);
  return { consent: 'above', above };
}

function limitOf(text: string, option: string): string | undefined {
  if (text === NONE) return undefined;
  checkAmount(text, option);
  return text;
}

function categoryOf(text: string): [category: string, amount: string] {
  const [, category = '', amount = ''] = /^([a-z_]+)=(.+)$/s.exec(text) ?? [];
  if (CATEGORIES.some((known) => known === category)) return [category, amount];
  throw usageError(
    `--category must be CATEGORY=AMOUNT, such as design=20, not "${text}"; categories: ${CATEGORIES.join(', ')}.`,
  );
}

const ACTIONS = [
  ['publish', '--publish', 'publish'],
  ['priceChange', '--price-change', 'price_change'],
  ['invoke', '--invoke', 'invoke'],
  ['hire', '--hire', 'hire'],
  ['task', '--task', 'task'],
] as const;

const LIMITS = [
  ['transaction', '--transaction'],
  ['day', '--day'],
  ['counterparty', '--counterparty'],
  ['firstTimeProvider', '--first-time-provider'],
] as const;
