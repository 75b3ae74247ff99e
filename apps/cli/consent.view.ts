import { rowOf, rowsOf, shells, textOf, time, type Row } from './answer.js';
import { pairs, type Column, type Pair } from './table.js';

/** What an agent may spend, for the agent and for its owner. */
export function budgetLines(row: Row): string[] {
  const isNone = row['budgetType'] === 'none';
  return pairs([
    ['Agent', agentOf(row)],
    ['Budget', isNone ? 'none of its own: the wallet of its owner' : words(row['budgetType'])],
    ['Amount', shells(row['budgetAmount'])],
    ['Used', isNone ? undefined : shells(row['budgetUsed'])],
    ['Remaining', shells(row['budgetRemaining'])],
    ['Period', row['budgetPeriod']],
    ['Resets', time(row['budgetResetAt'])],
    ['Wallet', row['ownerAvailable'] === undefined ? undefined : `${shells(row['ownerAvailable'])} available`],
  ]);
}

/** When the owner is asked, and beyond which limits. */
export function policyLines(row: Row): string[] {
  const [actions, limits] = [rowOf(row['actions']), rowOf(row['limits'])];
  const ofLimit = ([label, field, unit]: (typeof LIMITS)[number]): Pair => {
    const amount = shells(limits[field]);
    return [label, amount === undefined ? undefined : `at most ${amount}${unit}`];
  };
  return pairs([
    ['Agent', agentOf(row)],
    ...ACTIONS.map(([label, action]): Pair => [label, ruleInWords(rowOf(actions[action]))]),
    ...LIMITS.map(ofLimit),
    ...Object.entries(rowOf(limits['categories'])).map(([category, amount]): Pair => [
      `In ${category}`,
      `at most ${shells(amount)} a day`,
    ]),
  ]);
}

/** One approval, for whoever decides on it and for the agent. */
export function approvalLines(row: Row): string[] {
  const error = rowOf(row['error']);
  const { status, request } = row;
  return pairs([
    ['Approval', row['id']],
    ['Asks', row['summary']],
    ['Agent', agentOf(row)],
    ['Action', words(row['action'])],
    ['Amount', shells(row['amount'])],
    ['Request', Object.keys(rowOf(request)).length === 0 ? undefined : JSON.stringify(request)],
    ['Status', STATUS_WORDS[String(status)] ?? status],
    ['Why not', error['code'] === undefined ? undefined : `${String(error['message'])} (${String(error['code'])})`],
    ['Result', resultOf(row)],
    ['Reason', row['reason']],
    ['Asked', time(row['createdAt'])],
    [status === 'pending' ? 'Decide by' : 'Expires', time(row['expiresAt'])],
    ['Decided', time(row['decidedAt'])],
    ['Ended', time(row['endedAt'])],
    ['Key', row['idempotencyKey']],
  ]);
}

/** What a refused request waits for: the approval that was asked for, and who can give it. */
export function askedLines(details: unknown): string[] {
  const approval = rowOf(rowOf(details)['approval']);
  const id = textOf(approval, 'id');
  if (id === undefined) return [];
  return pairs([
    ['Asks', approval['summary']],
    ['Approval', id],
    ['Expires', `${time(approval['expiresAt']) ?? 'unknown'}, which is a denial`],
    ['Owner', `c4c approvals approve ${id} (or deny, or link)`],
    ['Agent', `c4c manage agent approvals ${id} tells what became of it`],
  ]);
}

/** Why the owner is asked, in the words of the policy's commands. */
export function reasonsInWords(data: unknown): string {
  return rowsOf(data, 'reasons')
    .map(({ rule, limit, total }) => {
      const name = REASON_WORDS[String(rule)] ?? String(rule);
      if (limit === undefined) return name;
      return total === undefined
        ? `${name} ${shells(limit)}`
        : `${name} ${shells(limit)}, and this makes ${shells(total)}`;
    })
    .join('; ');
}

function ruleInWords(rule: Row): string {
  switch (rule['consent']) {
    case 'always':
      return 'asks each time';
    case 'above':
      return `asks above ${shells(rule['above'])}`;
    default:
      return 'by itself';
  }
}

function agentOf(row: Row): string | undefined {
  const [name, id] = [textOf(row, 'agentName'), textOf(row, 'agentId')];
  return name === undefined || id === undefined ? id : `${name} (${id})`;
}

function resultOf(row: Row): string | undefined {
  const id = textOf(row, 'resultId');
  return id === undefined ? undefined : `${RESULT_WORDS[String(row['action'])] ?? 'number'} ${id}`;
}

/** `one_time` as people write it. */
function words(value: unknown): string {
  return String(value).replaceAll('_', ' ');
}

const ACTIONS = [
  ['Publishing', 'publish'],
  ['New prices', 'price_change'],
  ['Invoking', 'invoke'],
  ['Hiring', 'hire'],
  ['Tasks', 'task'],
] as const;

const LIMITS = [
  ['One spend', 'transaction', ''],
  ['A day', 'day', ''],
  ['One agent', 'counterparty', ' a day'],
  ['First time', 'firstTimeProvider', ' with an agent that it has not paid before'],
] as const;

const STATUS_WORDS: Readonly<Record<string, string>> = {
  approved: 'approved, waits to be carried out',
  executed: 'approved and carried out',
  failed: 'approved, and could not be carried out',
  expired: 'expired: nobody decided in time',
};

const RESULT_WORDS: Readonly<Record<string, string>> = {
  invoke: 'invocation',
  hire: 'employment',
  task: 'task',
  publish: 'service',
  price_change: 'service',
};

const REASON_WORDS: Readonly<Record<string, string>> = {
  always: 'asks each time',
  above: 'asks above',
  transaction: 'one spend at most',
  day: 'a day at most',
  category: 'in this category a day at most',
  counterparty: 'with one agent a day at most',
  first_time_provider: 'the first time with an agent at most',
};

export const BUDGETS: readonly Column<Row>[] = [
  { title: 'AGENT', value: (row) => row['agentId'], align: 'right' },
  { title: 'NAME', value: (row) => row['agentName'], canShrink: true },
  { title: 'BUDGET', value: (row) => row['budgetPeriod'] ?? words(row['budgetType']) },
  { title: 'SHELLS', value: (row) => row['budgetAmount'], align: 'right' },
  { title: 'USED', value: (row) => row['budgetUsed'], align: 'right' },
  { title: 'REMAINING', value: (row) => row['budgetRemaining'], align: 'right' },
  { title: 'RESETS', value: (row) => time(row['budgetResetAt']) },
];

export const POLICIES: readonly Column<Row>[] = [
  { title: 'AGENT', value: (row) => row['agentId'], align: 'right' },
  { title: 'NAME', value: (row) => row['agentName'], canShrink: true },
  { title: 'ASKS', value: asksOf, canShrink: true },
  { title: 'LIMITS', value: limitsOf, canShrink: true },
];

export const APPROVALS: readonly Column<Row>[] = [
  { title: 'ID', value: (row) => row['id'], align: 'right' },
  { title: 'STATUS', value: (row) => row['status'] },
  { title: 'AGENT', value: (row) => row['agentName'], canShrink: true },
  { title: 'ACTION', value: (row) => words(row['action']) },
  { title: 'SHELLS', value: (row) => row['amount'], align: 'right' },
  { title: 'EXPIRES', value: (row) => time(row['expiresAt']) },
  { title: 'ASKS', value: (row) => row['summary'], canShrink: true },
];

function asksOf(row: Row): string {
  return Object.entries(rowOf(row['actions']))
    .map(([action, rule]) => [action, rowOf(rule)] as const)
    .filter(([, rule]) => rule['consent'] !== 'never')
    .map(([action, rule]) => `${action} ${rule['consent'] === 'above' ? `above ${String(rule['above'])}` : 'always'}`)
    .join(', ');
}

function limitsOf(row: Row): string {
  const { categories, ...others } = rowOf(row['limits']);
  return Object.entries({ ...others, ...rowOf(categories) })
    .map(([name, amount]) => `${name} ${String(amount)}`)
    .join(', ');
}
