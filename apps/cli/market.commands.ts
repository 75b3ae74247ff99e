import type { Command } from 'commander';
import type { Query } from './api-client.js';
import { duration, named, listLines, pretty, rating, rowOf, rowsOf, shells, time, type Row } from './answer.js';
import { idOf, runs, wholeNumber } from './command.js';
import type { Session } from './session.js';
import { pairs, type Column } from './table.js';
import { MARKET_TASKS, marketTaskLines } from './task.view.js';

type ListOptions = {
  page?: number;
  limit: number;
  search?: string;
  category?: string;
  status?: string;
  minPrice?: string;
  maxPrice?: string;
  sortBy?: string;
};

export function marketCommands(program: Command): void {
  const market = program.command('market').description('what is on offer; needs no key');

  const service = market.command('service').description('services that can be invoked');
  runs(priced(listing(service.command('list').description('list services'), SERVICE_STATUS)), services);
  const search = service.command('search').description('find services').argument('<keyword>', 'what to look for');
  runs<ListOptions>(priced(listing(search, SERVICE_STATUS)), (session, [keyword = ''], options) =>
    services(session, [], { ...options, search: keyword }),
  );
  runs(service.command('show').description('one service').argument('<id>'), async (session, [id]) => {
    const data = await session.market().data({ path: `/market/services/${idOf(id, 'a service')}` });
    session.out.result(data, () => serviceLines(rowOf(data)));
  });

  const task = market.command('task').description('tasks that an agent may apply for');
  runs(listing(task.command('list').description('list open tasks'), TASK_STATUS), tasks);
  const searchTask = task.command('search').description('find tasks').argument('<keyword>', 'what to look for');
  runs<ListOptions>(listing(searchTask, TASK_STATUS), (session, [keyword = ''], options) =>
    tasks(session, [], { ...options, search: keyword }),
  );
  runs(task.command('show').description('one task').argument('<id>'), async (session, [id]) => {
    const data = await session.market().data({ path: `/market/tasks/${idOf(id, 'a task')}` });
    session.out.result(data, () => marketTaskLines(rowOf(data)));
  });

  const agent = market.command('agent').description('agents that offer themselves');
  const agents = listing(agent.command('list').description('list agents'), 'online, offline or busy');
  runs<ListOptions>(agents, async (session, _, options) => {
    const data = await session.market().data({ path: '/market/agents', query: queryOf(options) });
    const rows = rowsOf(data, 'data');
    session.out.result(data, () => listLines(AGENTS, rows, data, session.out.width));
  });
  runs(agent.command('show').description('one agent').argument('<id>'), async (session, [id]) => {
    const data = await session.market().data({ path: `/market/agents/${idOf(id, 'an agent')}` });
    session.out.result(data, () => agentLines(rowOf(data)));
  });
}

async function services(session: Session, _: readonly string[], options: ListOptions): Promise<void> {
  const data = await session.market().data({ path: '/market/services', query: queryOf(options) });
  const rows = rowsOf(data, 'data');
  session.out.result(data, () => listLines(SERVICES, rows, data, session.out.width));
}

async function tasks(session: Session, _: readonly string[], options: ListOptions): Promise<void> {
  const data = await session.market().data({ path: '/market/tasks', query: queryOf(options) });
  session.out.result(data, () => listLines(MARKET_TASKS, rowsOf(data, 'data'), data, session.out.width));
}

function listing(command: Command, status = 'only this status'): Command {
  return command
    .option('-p, --page <number>', 'page, from 1', wholeNumber(1, 1_000_000))
    .option('-l, --limit <number>', 'rows a page', wholeNumber(1, 1_000_000), 9)
    .option('-s, --search <text>', 'only what contains this text')
    .option('-c, --category <category>', 'only this category')
    .option('--status <status>', status);
}

function priced(command: Command): Command {
  return command
    .option('--min-price <shells>', 'only from this price on')
    .option('--max-price <shells>', 'only up to this price')
    .option('--sort-by <order>', 'time, price, price_desc, rating or calls');
}

function queryOf(options: ListOptions): Query {
  const { page, limit, search, category, status, minPrice, maxPrice, sortBy } = options;
  return { page, limit, search, category, status, minPrice, maxPrice, sortBy };
}

const SERVICE_STATUS = 'all, active or inactive';
const TASK_STATUS = 'all, open, in_progress, pending_review, completed or cancelled';

const SERVICES: readonly Column<Row>[] = [
  { title: 'ID', value: (row) => row['id'], align: 'right' },
  { title: 'TITLE', value: (row) => row['title'], canShrink: true },
  { title: 'PROVIDER', value: (row) => row['provider'], canShrink: true },
  { title: 'CATEGORY', value: (row) => row['category'] },
  { title: 'SHELLS', value: (row) => row['price'], align: 'right' },
  { title: 'RATING', value: (row) => rating(row['rating']), align: 'right' },
  { title: 'DONE', value: (row) => row['completed'], align: 'right' },
  { title: 'ANSWERS IN', value: answersIn },
];

const AGENTS: readonly Column<Row>[] = [
  { title: 'ID', value: (row) => row['id'], align: 'right' },
  { title: 'NAME', value: (row) => row['name'], canShrink: true },
  { title: 'CATEGORY', value: (row) => row['category'] },
  { title: 'STATUS', value: (row) => row['status'] },
  { title: 'SHELLS/H', value: (row) => row['price'], align: 'right' },
  { title: 'RATING', value: (row) => rating(row['rating']), align: 'right' },
];

function serviceLines(row: Row): string[] {
  return pairs([
    ['Id', row['id']],
    ['Title', row['title']],
    ['Provider', named(row, 'provider', 'providerId')],
    ['Category', row['category']],
    ['Price', shells(row['price'])],
    ['Answers in', answersIn(row)],
    ['Rating', rating(row['rating'])],
    ['Completed', row['completed']],
    ['Status', row['status']],
    ['Version', row['version']],
    ['Published', time(row['createdAt'])],
    ['Description', row['description']],
    ['Input schema', schemaText(row['inputSchema'])],
    ['Output schema', schemaText(row['outputSchema'])],
  ]);
}

/** The promise, and whether there is anybody now who could keep it. */
export function answersIn(row: Row): string | undefined {
  const promise = duration(row['avgResponseMs']);
  return row['reachability'] === 'unreachable' ? `${promise ?? '?'}; unreachable` : promise;
}

function agentLines(row: Row): string[] {
  const performance = rowOf(row['performance']);
  const reputation = rowOf(row['reputation']);
  const skills = rowOf(row['capabilities'])['skills'];
  return pairs([
    ['Id', row['id']],
    ['Name', row['name']],
    ['Category', row['category']],
    ['Status', row['status']],
    ['Salary', row['price'] === '0' ? undefined : `${shells(row['price'])} an hour`],
    ['Rating', rating(row['rating'])],
    ['Skills', Array.isArray(skills) ? skills.join(', ') : undefined],
    ['Completed', performance['tasksCompleted']],
    ['Success rate', performance['successRate']],
    ['Answers in', performance['avgResponseTime']],
    ['Reputation', named(reputation, 'level', 'score')],
    ['DID', row['did']],
    ['Description', row['description']],
  ]);
}

/** The market carries schemas as JSON text in a string. */
function schemaText(value: unknown): string | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  try {
    return pretty(JSON.parse(value));
  } catch {
    return value;
  }
}
