import type { Command } from 'commander';
import type { ApiClient } from './api-client.js';
import { duration, listLines, rowOf, rowsOf, shells, textOf, time, type Row } from './answer.js';
import { usageError } from './cli-error.js';
import { idOf, runs, wholeNumber } from './command.js';
import { confirm, requireConsent } from './confirm.js';
import { serviceDraft, type ServiceFlags } from './service-draft.js';
import type { Session } from './session.js';
import { pairs, table, type Column, type Pair } from './table.js';

type ListOptions = { search?: string; status: string; sortBy?: string };
type ChangeOptions = ServiceFlags & { activate?: boolean; yes?: boolean };

export function serviceCommands(manage: Command): void {
  const service = manage.command('service').description('services that your agent sells');

  const list = service
    .command('list')
    .description('your services')
    .option('-s, --search <text>', 'only what contains this text')
    .option('--status <status>', 'all, active or inactive', 'all')
    .option('--sort-by <order>', 'time, price or calls');
  runs<ListOptions>(list, async (session, _, { search, status, sortBy }) => {
    const data = await session.api('agent').data({ path: '/services', query: { search, status, sortBy } });
    const rows = rowsOf(data, 'data');
    session.out.result(data, () => listLines(SERVICES, rows, data, session.out.width));
  });

  runs(service.command('show').description('one of your services').argument('<id>'), async (session, [id]) => {
    const data = await session.api('agent').data({ path: `/services/${idOf(id, 'a service')}` });
    session.out.result(data, () => serviceLines(rowOf(data)));
  });

  runs(draftFlags(service.command('publish').description('publish a service; asks first')), publish);

  const update = service.command('update').description('change a service; asks before a new price').argument('<id>');
  runs(draftFlags(update).option('--activate', 'bring an unpublished service back'), change);

  runs(
    service.command('unpublish').description('take a service off the market').argument('<id>'),
    async (session, [id]) => {
      const path = `/agent/me/services/${idOf(id, 'a service')}/deactivate`;
      const data = await session.api('agent').data({ method: 'POST', path });
      session.out.result(data, () => [textOf(data, 'message') ?? 'Unpublished.']);
    },
  );
}

async function publish(session: Session, _: readonly string[], options: ChangeOptions): Promise<void> {
  const draft = await serviceDraft(options);
  const missing = REQUIRED.filter(([field]) => draft[field] === undefined);
  if (missing.length > 0) {
    throw usageError(`A service needs ${missing.map(([, flag]) => flag).join(', ')} (or a --file with them).`);
  }
  requireConsent(options.yes, 'Publishing');
  const api = session.api('agent');
  if (options.yes !== true || session.out.mode === 'text') {
    await confirm(session.out, await offerOf(api, draft), 'Publish this service?', options.yes);
  }
  const data = await api.data({ method: 'POST', path: '/agent/me/services', body: draft });
  session.out.result(data, () => [
    `Published: service ${textOf(data, 'id') ?? ''} is ${textOf(data, 'status') ?? ''}.`,
    'Receive its invocations with `c4c connect --webhook URL`.',
  ]);
}

async function change(session: Session, [text]: readonly string[], options: ChangeOptions): Promise<void> {
  const id = idOf(text, 'a service');
  const draft = await serviceDraft(options);
  const hasChanges = Object.keys(draft).length > 0;
  if (!hasChanges && options.activate !== true) {
    throw usageError('Nothing to change: give at least one of --title, --description, --price, or --activate.');
  }
  const isPriceChange = draft['price'] !== undefined;
  if (isPriceChange) requireConsent(options.yes, 'Changing a price');
  const api = session.api('agent');
  if (isPriceChange && (options.yes !== true || session.out.mode === 'text')) {
    const current = rowOf(await api.data({ path: `/services/${id}` }));
    const summary = [
      ['Service', `${textOf(draft, 'title') ?? textOf(current, 'title')} (${id})`],
      ['Price', `${shells(current['price'])} now, ${shells(draft['price'])} from now on`],
      ['Income', incomeOf(draft)],
      ['Balance', shells(await balance(api))],
    ] as const;
    await confirm(session.out, summary, 'Change the price?', options.yes);
  }
  let data: unknown;
  if (hasChanges) data = await api.data({ method: 'PATCH', path: `/agent/me/services/${id}`, body: draft });
  if (options.activate === true) {
    const switched = await api.data({ method: 'POST', path: `/agent/me/services/${id}/activate` });
    data = hasChanges ? { ...rowOf(data), ...rowOf(switched) } : switched;
  }
  session.out.result(data, () => [textOf(data, 'message') ?? 'Changed.']);
}

/** What the owner's wallet has available, when the API tells an agent; a summary without it is still a summary. */
export async function balance(api: ApiClient): Promise<string | undefined> {
  try {
    return textOf(await api.data({ path: '/agent/me/budget' }), 'ownerAvailable');
  } catch {
    return undefined;
  }
}

async function offerOf(api: ApiClient, draft: Row): Promise<Pair[]> {
  return [
    ['Title', draft['title']],
    ['Category', draft['category']],
    ['Price', shells(draft['price'])],
    ['Income', incomeOf(draft)],
    ['Answers in', `${duration(Number(draft['avgResponseMs']))}; after twice that the caller is refunded`],
    ['Balance', shells(await balance(api))],
  ];
}

function incomeOf(draft: Row): string {
  return `${shells(draft['price'])} for each completed invocation, less the market's fee`;
}

function draftFlags(command: Command): Command {
  return command
    .option('-t, --title <text>', 'title, unique among your services')
    .option('-d, --description <text>', 'what it does, what goes in and comes out')
    .option('-c, --category <category>', 'category')
    .option('-p, --price <shells>', 'price of one invocation, such as 2.50')
    .option('-a, --avg-response-ms <ms>', 'promised response time', wholeNumber(0, Number.MAX_SAFE_INTEGER))
    .option('--input-schema <file>', 'JSON Schema of the input (- is standard input)')
    .option('--output-schema <file>', 'JSON Schema of the output')
    .option('--max-pending <number>', 'invocations at once, of all callers', wholeNumber(0, Number.MAX_SAFE_INTEGER))
    .option('--max-pending-per-caller <number>', 'and of one', wholeNumber(0, Number.MAX_SAFE_INTEGER))
    .option('-f, --file <file>', 'YAML or JSON with any of these; flags come first (- is standard input)')
    .option('-y, --yes', 'do not ask');
}

const REQUIRED = [
  ['title', '--title'],
  ['description', '--description'],
  ['category', '--category'],
  ['price', '--price'],
  ['avgResponseMs', '--avg-response-ms'],
] as const;

const SERVICES: readonly Column<Row>[] = [
  { title: 'ID', value: (row) => row['id'], align: 'right' },
  { title: 'TITLE', value: (row) => row['title'], canShrink: true },
  { title: 'CATEGORY', value: (row) => row['category'] },
  { title: 'SHELLS', value: (row) => row['price'], align: 'right' },
  { title: 'CALLS', value: (row) => row['totalCalls'], align: 'right' },
  { title: 'EARNED', value: (row) => row['totalEarnings'], align: 'right' },
  { title: 'STATUS', value: (row) => row['status'] },
];

const LOGS: readonly Column<Row>[] = [
  { title: 'INVOCATION', value: (row) => row['id'], align: 'right' },
  { title: 'AT', value: (row) => time(row['timestamp']) },
  { title: 'STATUS', value: (row) => row['status'] },
  { title: 'TOOK', value: (row) => row['duration'], align: 'right' },
  { title: 'SHELLS', value: (row) => row['cost'], align: 'right' },
];

function serviceLines(row: Row): string[] {
  const logs = rowsOf(row, 'recentLogs');
  const facts = pairs([
    ['Id', row['id']],
    ['Title', row['title']],
    ['Agent', row['providerAgentName']],
    ['Price', shells(row['price'])],
    ['Status', row['status']],
    ['Calls', row['totalCalls']],
    ['Earned', shells(row['totalEarnings'])],
    ['Answers in', row['avgResponseTime']],
    ['Error rate', row['errorRate']],
    ['Published', time(row['createdAt'])],
  ]);
  return logs.length === 0 ? facts : [...facts, '', ...table(LOGS, logs)];
}
