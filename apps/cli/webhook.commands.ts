import type { Command } from 'commander';
import { listLines, pretty, rowOf, rowsOf, textOf, time, type Row } from './answer.js';
import { usageError } from './cli-error.js';
import { listOf, runs, wholeNumber } from './command.js';
import { EXIT } from './exit-codes.js';
import type { Session } from './session.js';
import { pairs, type Column } from './table.js';
import { deliveryCommands } from './webhook-deliveries.commands.js';
import { endpointPath, WEBHOOKS } from './webhook-paths.js';

type EndpointOptions = { url?: string; description?: string; types?: string[]; allTypes?: boolean; rate?: number };

export function webhookCommands(program: Command): void {
  const webhook = program.command('webhook').description('addresses that get your events (agent key)');

  const create = endpointFlags(webhook.command('create').description('a new endpoint with its secret, shown once'));
  create.argument('<url>');
  runs<EndpointOptions>(create, async (session, [url], options) => {
    const body = { url, ...wishOf(options) };
    const data = await session.api('agent').data({ method: 'POST', path: WEBHOOKS, body });
    const endpoint = rowOf(rowOf(data)['endpoint']);
    session.out.result(data, () => [
      ...endpointLines(endpoint),
      ...secretLines(data),
      `Nothing is sent before it is verified: c4c webhook verify ${String(endpoint['id'])}`,
    ]);
  });

  runs(webhook.command('list').description('your endpoints'), async (session) => {
    const data = await session.api('agent').data({ path: WEBHOOKS });
    session.out.result(data, () => listLines(ENDPOINTS, rowsOf(data, 'endpoints'), data, session.out.width));
  });

  runs(webhook.command('show').description('one of your endpoints').argument('<id>'), async (session, [id]) => {
    const data = await session.api('agent').data({ path: endpointPath(id) });
    session.out.result(data, () => endpointLines(rowOf(data)));
  });

  const update = endpointFlags(webhook.command('update').description('change an endpoint').argument('<id>'));
  update.option('--url <url>', 'another address, which has to be verified');
  runs<EndpointOptions>(update, async (session, [id], options) => {
    const body = { url: options.url, ...wishOf(options) };
    if (Object.values(body).every((value) => value === undefined)) {
      throw usageError('Nothing to change: give at least one of --url, --description, --types, --all-types, --rate.');
    }
    const data = await session.api('agent').data({ method: 'PATCH', path: endpointPath(id), body });
    session.out.result(data, () => endpointLines(rowOf(data)));
  });

  const remove = webhook.command('delete').description('delete an endpoint').argument('<id>');
  runs(remove, async (session, [id]) => {
    const data = await session.api('agent').data({ method: 'DELETE', path: endpointPath(id) });
    session.out.result(data, () => [textOf(data, 'message') ?? 'Deleted.']);
  });

  for (const [action, description] of ACTIONS) {
    runs(webhook.command(action).description(description).argument('<id>'), async (session, [id]) => {
      const data = await act(session, id, action);
      session.out.result(data, () => endpointLines(rowOf(data)));
    });
  }

  const test = webhook.command('test').description('send a signed ping now, and show what came of it').argument('<id>');
  runs(test, async (session, [id]) => {
    const data = await act(session, id, 'test');
    session.out.result(data, () => callLines(rowOf(data)));
    if (rowOf(data)['isDelivered'] !== true) process.exitCode = EXIT.unavailable;
  });

  const rotate = webhook
    .command('rotate')
    .description('a new secret; the old one signs too for a while')
    .argument('<id>');
  rotate.option('--overlap <seconds>', 'how long the old one signs too (default: one day)', wholeNumber(0, 604_800));
  runs<{ overlap?: number }>(rotate, async (session, [id], { overlap }) => {
    const data = await act(session, id, 'rotate-secret', { overlapSeconds: overlap });
    session.out.result(data, () => [
      ...secretLines(data),
      `The old one signs too until ${time(rowOf(data)['previousUntil']) ?? 'now'}.`,
    ]);
  });

  deliveryCommands(webhook);
}

function endpointFlags(command: Command): Command {
  return command
    .option('-d, --description <text>', 'for people')
    .option('--types <types>', 'only these types of events, with commas, such as invocation.invoked', listOf)
    .option('--all-types', 'every type of event (default for a new one)')
    .option('--rate <number>', 'at most so many a second', wholeNumber(1, 1_000));
}

/** @throws {CliError} usage */
function wishOf({ description, types, allTypes, rate }: EndpointOptions): object {
  if (allTypes === true && types !== undefined) throw usageError('Give --types or --all-types, not both.');
  return { description, eventTypes: allTypes === true ? [] : types, ratePerSecond: rate };
}

function act(session: Session, id: string | undefined, action: string, body: object = {}): Promise<unknown> {
  return session.api('agent').data({ method: 'POST', path: `${endpointPath(id)}/${action}`, body });
}

function secretLines(data: unknown): string[] {
  return [...pairs([['Secret', rowOf(data)['secret']]]), 'Keep the secret now: it is not shown again.'];
}

function endpointLines(row: Row): string[] {
  return pairs([
    ['Endpoint', row['id']],
    ['URL', row['url']],
    ['State', row['state']],
    ['Types', typesOf(row)],
    ['Rate', `${String(row['ratePerSecond'])} a second`],
    ['Failures', row['consecutiveFailures'] === 0 ? undefined : `${String(row['consecutiveFailures'])} in a row`],
    ['Since', time(row['firstFailureAt'])],
    ['Waits until', time(row['breakerUntil'])],
    ['Disabled', time(row['disabledAt'])],
    ['Created', time(row['createdAt'])],
    ['Description', row['description'] === '' ? undefined : row['description']],
  ]);
}

function callLines(row: Row): string[] {
  const timings = rowOf(row['timings']);
  return pairs([
    ['Delivered', row['isDelivered'] === true ? 'yes' : 'no'],
    ['Status', row['statusCode']],
    ['Reason', row['reason'] === null ? undefined : `${String(row['reason'])}: ${String(row['detail'])}`],
    ['Took', `${String(timings['totalMs'])} ms`],
    ['Phases', pretty(timings)],
    ['Answer', row['response'] === '' ? undefined : row['response']],
  ]);
}

function typesOf(row: Row): string {
  const types = row['eventTypes'];
  return Array.isArray(types) && types.length > 0 ? types.map(String).join(' ') : 'all';
}

const ACTIONS = [
  ['verify', 'send the challenge, and begin to send events when it is answered'],
  ['pause', 'let events wait'],
  ['resume', 'go on; one that was disabled is verified first'],
] as const;

const ENDPOINTS: readonly Column<Row>[] = [
  { title: 'ID', value: (row) => row['id'], align: 'right' },
  { title: 'URL', value: (row) => row['url'], canShrink: true },
  { title: 'STATE', value: (row) => row['state'] },
  { title: 'TYPES', value: typesOf, canShrink: true },
  { title: 'FAILURES', value: (row) => row['consecutiveFailures'], align: 'right' },
  { title: 'CREATED', value: (row) => time(row['createdAt']) },
];
