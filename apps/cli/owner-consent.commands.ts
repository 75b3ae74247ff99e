import type { Command } from 'commander';
import { listLines, rowOf, rowsOf } from './answer.js';
import { SAFE_RETRIES } from './api-client.js';
import { usageError } from './cli-error.js';
import { idOf, repeated, runs, wholeNumber } from './command.js';
import { BUDGETS, budgetLines, POLICIES, policyLines } from './consent.view.js';
import { readDocument } from './input-file.js';
import { checkAmount } from './invoke.js';
import { changedPolicy, policyIn, type PolicyFlags } from './policy-draft.js';
import type { Session } from './session.js';

type PageOptions = { page?: number; limit?: number };
type BudgetOptions = { oneTime?: string; daily?: string; weekly?: string; monthly?: string; reset?: boolean };
type PolicyOptions = PolicyFlags & { file?: string };

const BUDGET = '/owner/budgets';
const POLICY = '/owner/policies';

/** What an owner lets its agents spend. */
export function budgetCommands(owner: Command): void {
  const budget = owner.command('budget').description('what your agents may spend');

  runs<PageOptions>(
    paged(budget.command('list').description('the agents that have one')),
    async (session, _, query) => {
      const data = await session.api('owner').data({ path: BUDGET, query: { page: query.page, limit: query.limit } });
      session.out.result(data, () => listLines(BUDGETS, rowsOf(data, 'budgets'), data, session.out.width));
    },
  );

  const show = budget.command('show').description('the budget of an agent').argument('<agent>', 'id of the agent');
  runs(show, async (session, [agent]) => {
    const data = await session.api('owner').data({ path: pathOf(BUDGET, agent) });
    session.out.result(data, () => budgetLines(rowOf(data)));
  });

  const set = budget
    .command('set')
    .description('let an agent spend so much and no more, altogether or in each period')
    .argument('<agent>', 'id of the agent')
    .option('--one-time <shells>', 'altogether')
    .option('--daily <shells>', 'each day (UTC)')
    .option('--weekly <shells>', 'each week, from Monday (UTC)')
    .option('--monthly <shells>', 'each month (UTC)')
    .option('--reset', 'forget what was spent; otherwise a budget of the same kind goes on with it');
  runs<BudgetOptions>(set, async (session, [agent], options) => {
    const path = pathOf(BUDGET, agent);
    await put(session, path, budgetOf(options), budgetLines);
  });

  const remove = budget
    .command('remove')
    .description('take the budget away: only the wallet is a limit then')
    .argument('<agent>', 'id of the agent');
  runs(remove, (session, [agent]) => put(session, pathOf(BUDGET, agent), { budgetType: 'none' }, budgetLines));
}

/** What an owner lets its agents do without asking. */
export function policyCommands(owner: Command): void {
  const policy = owner.command('policy').description('what your agents may do without asking you');

  runs<PageOptions>(
    paged(policy.command('list').description('the agents that have one')),
    async (session, _, query) => {
      const data = await session.api('owner').data({ path: POLICY, query: { page: query.page, limit: query.limit } });
      session.out.result(data, () => listLines(POLICIES, rowsOf(data, 'policies'), data, session.out.width));
    },
  );

  const show = policy.command('show').description('the policy of an agent').argument('<agent>', 'id of the agent');
  runs(show, async (session, [agent]) => {
    const data = await session.api('owner').data({ path: pathOf(POLICY, agent) });
    session.out.result(data, () => policyLines(rowOf(data)));
  });

  const set = policy
    .command('set')
    .description('say when an agent asks you; flags change what they name, a file is the whole policy')
    .argument('<agent>', 'id of the agent');
  for (const [flag, what] of RULES) set.option(`${flag} <rule>`, `${what}: never, always or above:AMOUNT`);
  for (const [flag, what] of LIMITS)
    set.option(`${flag} <shells>`, `${what}, without asking; none takes the limit away`);
  set
    .option(
      '--category <limit>',
      'CATEGORY=AMOUNT: most a day in a category, or CATEGORY=none; may be repeated',
      repeated,
    )
    .option('-f, --file <file>', 'YAML or JSON with actions and limits: the whole policy (- is standard input)')
    .addHelpText('after', SET_HELP);
  runs<PolicyOptions>(set, setPolicy);

  const clear = policy
    .command('clear')
    .description('take the policy away: the agent asks for nothing then')
    .argument('<agent>', 'id of the agent');
  runs(clear, (session, [agent]) => put(session, pathOf(POLICY, agent), {}, policyLines));
}

async function setPolicy(session: Session, [agent]: readonly string[], options: PolicyOptions): Promise<void> {
  const path = pathOf(POLICY, agent);
  const { file, ...flags } = options;
  const names = new Set<string>(FLAGS);
  const isChange = Object.keys(flags).some((name) => names.has(name));
  if (file !== undefined && isChange)
    throw usageError('Give either --file, which is the whole policy, or flags that change it.');
  if (file === undefined && !isChange)
    throw usageError('Nothing to set: give --file, or at least one of the flags (--help lists them).');
  if (file !== undefined) return put(session, path, policyIn(await readDocument(file, '--file')), policyLines);
  // Before anything is asked: a flag that cannot be is found at once.
  changedPolicy({}, flags);
  const current = rowOf(await session.api('owner').data({ path, retries: SAFE_RETRIES }));
  await put(session, path, changedPolicy(current, flags), policyLines);
}

function budgetOf({ oneTime, daily, weekly, monthly, reset }: BudgetOptions): object {
  const given = [
    ['--one-time', oneTime, undefined],
    ['--daily', daily, 'daily'],
    ['--weekly', weekly, 'weekly'],
    ['--monthly', monthly, 'monthly'],
  ].filter(([, amount]) => amount !== undefined);
  const [first, second] = given;
  if (first === undefined || second !== undefined) {
    throw usageError('Give one of --one-time, --daily, --weekly and --monthly.');
  }
  const [flag = '', budgetAmount = '', budgetPeriod] = first;
  checkAmount(budgetAmount, flag);
  return { budgetType: budgetPeriod === undefined ? 'one_time' : 'periodic', budgetAmount, budgetPeriod, reset };
}

/** Setting the same again changes nothing, so it may be repeated by itself. */
async function put(
  session: Session,
  path: string,
  body: object,
  lines: (row: ReturnType<typeof rowOf>) => string[],
): Promise<void> {
  const data = await session.api('owner').data({ method: 'PUT', path, body, retries: SAFE_RETRIES });
  session.out.result(data, () => lines(rowOf(data)));
}

function pathOf(base: string, agent: string | undefined): string {
  return `${base}/${idOf(agent, 'an agent')}`;
}

function paged(command: Command): Command {
  return command
    .option('-p, --page <number>', 'page, from 1', wholeNumber(1, 1_000_000))
    .option('-l, --limit <number>', 'rows a page', wholeNumber(1, 1_000_000));
}

const RULES = [
  ['--publish', 'before it publishes a service'],
  ['--price-change', 'before a new price of a service'],
  ['--invoke', 'before it invokes a service'],
  ['--hire', 'before it hires an agent (the stake counts)'],
  ['--task', 'before it publishes a task (the bounty counts)'],
] as const;

const LIMITS = [
  ['--transaction', 'most of one spend'],
  ['--day', 'most of a day (UTC)'],
  ['--counterparty', 'most of a day with one agent'],
  ['--first-time-provider', 'most of the first spend with an agent'],
] as const;

const FLAGS = [
  'publish',
  'priceChange',
  'invoke',
  'hire',
  'task',
  'transaction',
  'day',
  'counterparty',
  'firstTimeProvider',
  'category',
] as const satisfies readonly (keyof PolicyFlags)[];

const SET_HELP = `
With flags the policy is read, changed where a flag says so, and written back. With --file it becomes what is in the file: what the file
leaves out is free. A file looks as \`policy show AGENT -o json\` prints it:

  actions:
    invoke: { consent: above, above: 1 }
    hire: { consent: always }
  limits:
    day: 100
    categories: { design: 20 }`;
