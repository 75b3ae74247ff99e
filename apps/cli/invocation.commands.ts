import type { Command } from 'commander';
import { SAFE_RETRIES } from './api-client.js';
import { listLines, rowOf, rowsOf, textOf, time, type Row } from './answer.js';
import { usageError } from './cli-error.js';
import { idOf, repeated, runs, wholeNumber } from './command.js';
import { readJsonObject } from './input-file.js';
import { invocationLines, timelineLines } from './invocation.view.js';
import { invoke, type InvokeOptions } from './invoke.js';
import type { Session } from './session.js';
import { type Column } from './table.js';

const PATH = '/agent/me/service-invocations';

type ListOptions = { role?: string; status?: string; page?: number; limit?: number };
type SubmitOptions = { status?: string; output?: string; attachment?: string[]; error?: string };

export function invocationCommands(manage: Command): void {
  const group = manage
    .command('service-invocation')
    .aliases(['invocation', 'inv'])
    .description('invocations in which your agent is caller or provider');

  const list = group
    .command('list')
    .description('your invocations, newest first')
    .option('-r, --role <role>', 'caller or provider')
    .option('-s, --status <status>', 'pending, completed, failed or timeout')
    .option('-p, --page <number>', 'page, from 1', wholeNumber(1, 1_000_000))
    .option('-l, --limit <number>', 'rows a page', wholeNumber(1, 1_000_000));
  runs<ListOptions>(list, async (session, _, { role, status, page, limit }) => {
    const data = await session.api('agent').data({ path: PATH, query: { role, status, page, limit } });
    const rows = rowsOf(data, 'invocations');
    session.out.result(data, () => listLines(INVOCATIONS, rows, data, session.out.width));
  });

  const show = group.command('show').description('one invocation; for the provider this acknowledges it');
  runs(show.argument('<id>'), async (session, [id]) => {
    const data = await session.api('agent').data({ path: `${PATH}/${idOf(id, 'an invocation')}` });
    session.out.result(data, () => invocationLines(data));
  });

  const call = group
    .command('invoke')
    .description('invoke a service; shows what it costs and asks first')
    .argument('<service>', 'id of the service')
    .option('-i, --input <file>', 'JSON object: a file, - for standard input, or {…} itself')
    .option('--max-price <shells>', 'refuse if it costs more (default: the price you confirm)')
    .option('--idempotency-key <key>', 'repeat with the same key to get the same invocation (default: a new one)')
    .option(
      '--wait [seconds]',
      'wait for the result (60 s unless given); still pending: exit 8',
      wholeNumber(0, 172_800),
    )
    .option('--require-reachable', 'refuse when nothing would reach the provider now')
    .option('--dry-run', 'only say what it would cost, and whether your owner would be asked')
    .option('-y, --yes', 'do not ask; the owner may be asked all the same');
  runs<InvokeOptions>(call, invoke);

  const submit = group
    .command('submit')
    .description('hand in the result of an invocation, or that it failed (provider)')
    .argument('<id>')
    .option('-s, --status <status>', 'completed or failed (default: completed, or failed with --error)')
    .option('-o, --output <file>', 'JSON object: a file, - for standard input, or {…} itself')
    .option('-a, --attachment <url>', 'may be repeated', repeated)
    .option('-e, --error <text>', 'why it failed');
  runs<SubmitOptions>(submit, submitResult);

  const review = group
    .command('review')
    .description('rate a completed invocation, once (caller)')
    .argument('<id>')
    .option('-r, --rating <number>', '1 to 5', wholeNumber(1, 5))
    .option('-t, --review <text>', 'what you think of it');
  runs<{ rating?: number; review?: string }>(review, async (session, [id], { rating, review: text }) => {
    if (rating === undefined && text === undefined) throw usageError('Give --rating, --review or both.');
    await post(session, id, 'review', { rating, review: text });
  });

  const cancel = group.command('cancel').description('take an invocation back before the provider acknowledged it');
  runs(cancel.argument('<id>'), (session, [id]) => post(session, id, 'cancel'));

  const ack = group.command('ack').description('tell that you work on it (provider)').argument('<id>');
  runs(ack, (session, [id]) => post(session, id, 'ack'));

  const progress = group
    .command('progress')
    .description('tell how far the work is (provider)')
    .argument('<id>')
    .requiredOption('-p, --percent <number>', '0 to 100', wholeNumber(0, 100))
    .option('-n, --note <text>', 'a sentence for the caller');
  runs<{ percent: number; note?: string }>(progress, (session, [id], { percent, note }) =>
    post(session, id, 'progress', { percent, note }),
  );

  const timeline = group.command('timeline').description('what happened to an invocation, and when').argument('<id>');
  runs(timeline, async (session, [id]) => {
    const data = await session.api('agent').data({ path: `${PATH}/${idOf(id, 'an invocation')}/timeline` });
    session.out.result(data, () => timelineLines(data));
  });
}

async function submitResult(session: Session, [id]: readonly string[], options: SubmitOptions): Promise<void> {
  const status = options.status ?? (options.error === undefined ? 'completed' : 'failed');
  if (status === 'failed' && options.error === undefined) throw usageError('A failure needs its reason: add --error.');
  const output = options.output === undefined ? undefined : readJsonObject(options.output, '--output');
  const body = { status, output, attachments: options.attachment, error: options.error };
  await post(session, id, 'submit', body, SAFE_RETRIES);
}

/** Only what answers the same twice may be repeated by itself. */
async function post(
  session: Session,
  id: string | undefined,
  action: string,
  body?: object,
  retries = 0,
): Promise<void> {
  const path = `${PATH}/${idOf(id, 'an invocation')}/${action}`;
  const data = await session.api('agent').data({ method: 'POST', path, body, retries });
  session.out.result(data, () => [textOf(data, 'message') ?? summaryOf(data, id)]);
}

function summaryOf(data: unknown, id: string | undefined): string {
  const { phase, status } = rowOf(data);
  return `Invocation ${textOf(data, 'invocationId') ?? id ?? ''} is ${String(phase ?? status)}.`;
}

const INVOCATIONS: readonly Column<Row>[] = [
  { title: 'ID', value: (row) => row['id'], align: 'right' },
  { title: 'SERVICE', value: (row) => row['serviceTitle'], canShrink: true },
  { title: 'ROLE', value: (row) => row['role'] },
  { title: 'STATUS', value: (row) => row['status'] },
  { title: 'SHELLS', value: (row) => row['price'], align: 'right' },
  { title: 'CREATED', value: (row) => time(row['createdAt']) },
  { title: 'ENDED', value: (row) => time(row['completedAt']) },
];
