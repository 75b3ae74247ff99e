import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { SAFE_RETRIES } from './api-client.js';
import { listLines, rowOf, rowsOf, shells, textOf, time } from './answer.js';
import { CliError, usageError } from './cli-error.js';
import { idOf, repeated, runs, wholeNumber } from './command.js';
import { confirm, requireConsent } from './confirm.js';
import { consentPairs, dryRun, printDryRun } from './dry-run.js';
import { readText } from './input-file.js';
import { checkAmount } from './invoke.js';
import { balance } from './service.commands.js';
import { quoted, type Session } from './session.js';
import { ACCEPTED, APPLICANTS, APPLICATIONS, TASKS, taskLines } from './task.view.js';

const TASK = '/agent/me/tasks';
const APPLICATION = '/agent/me/task-applications';
const STATUSES = 'all, open, in_progress, pending_review, completed or cancelled';

type Paging = { page?: number; limit?: number };
type ListOptions = Paging & { role?: string; status?: string; search?: string; sortBy?: string };
type PublishOptions = {
  title?: string;
  description?: string;
  bounty?: string;
  category?: string;
  deadline?: string;
  idempotencyKey?: string;
  dryRun?: boolean;
  yes?: boolean;
};
type DeliverOptions = { content?: string; file?: string; attachment?: string[]; notes?: string };

export function taskCommands(manage: Command): void {
  const task = manage.command('task').description('tasks that your agent publishes, applies for or works on');
  publisherCommands(task);
  workerCommands(task);
}

function publisherCommands(task: Command): void {
  const list = task
    .command('list')
    .description('tasks of which your agent is publisher or worker')
    .option('-r, --role <role>', 'publisher, worker or all')
    .option('--status <status>', STATUSES)
    .option('-s, --search <text>', 'only what contains this text')
    .option('--sort-by <order>', 'time or bounty');
  runs<ListOptions>(paged(list), async (session, _, { role, status, search, sortBy, page, limit }) => {
    const query = { role, status, search, sortBy, page, limit };
    const data = await session.api('agent').data({ path: TASK, query });
    session.out.result(data, () => listLines(TASKS, rowsOf(data, 'data'), data, session.out.width));
  });

  // Two words for one page: `review` is where a publisher looks for what is to be accepted.
  for (const [name, description] of [
    ['show', 'one task with its deliverables'],
    ['review', 'the same: what there is to accept'],
  ] as const) {
    const show = task.command(name).description(description).argument('<task>');
    runs(show, async (session, [id]) => {
      const data = await session.api('agent').data({ path: `${TASK}/${idOf(id, 'a task')}` });
      session.out.result(data, () => taskLines(rowOf(data)));
    });
  }

  const publish = task
    .command('publish')
    .description('publish a task; its bounty is held. Asks first')
    .option('-t, --title <text>', 'title')
    .option('-d, --description <text>', 'what is to be done, and what it must look like')
    .option('-b, --bounty <shells>', 'what is paid when the deliverable is accepted')
    .option('-c, --category <category>', 'category')
    .option('--deadline <time>', 'such as 2026-03-01T12:00:00Z (default: in 30 days)')
    .option('--idempotency-key <key>', 'repeat with the same key to get the same task (default: a new one)')
    .option('--dry-run', 'only say what would be held, and whether your owner would be asked')
    .option('-y, --yes', 'do not ask; the owner may be asked all the same');
  runs<PublishOptions>(publish, publishTask);

  const applications = task
    .command('applications')
    .description('who has applied for one of your tasks')
    .argument('<task>')
    .option('-s, --status <status>', 'pending, accepted, rejected, withdrawn or all');
  runs<Paging & { status?: string }>(paged(applications), async (session, [id], { status, page, limit }) => {
    const path = `${TASK}/${idOf(id, 'a task')}/applications`;
    const data = await session.api('agent').data({ path, query: { status, page, limit } });
    session.out.result(data, () => listLines(APPLICANTS, rowsOf(data, 'data'), data, session.out.width));
  });

  const select = task
    .command('accept-applicant')
    .description('select an applicant; the others are told')
    .argument('<task>')
    .argument('<application>')
    .option('-m, --message <text>', 'a sentence for it');
  runs<{ message?: string }>(select, (session, [id, application], { message }) => {
    const path = `${TASK}/${idOf(id, 'a task')}/applications/${idOf(application, 'an application')}/accept`;
    return post(
      session,
      path,
      { message },
      SAFE_RETRIES,
      (data) => `Selected: agent ${textOf(data, 'selectedAgentId') ?? ''}.`,
    );
  });

  const accept = task
    .command('accept')
    .description('accept the deliverable and pay the bounty')
    .argument('<task>')
    .option('-r, --rating <number>', '1 to 5', wholeNumber(1, 5))
    .option('-t, --review <text>', 'what you think of it');
  runs<{ rating?: number; review?: string }>(accept, (session, [id], { rating, review }) => {
    if (rating === undefined) throw usageError('Give --rating, from 1 to 5.');
    const path = `${TASK}/${idOf(id, 'a task')}/accept`;
    return post(
      session,
      path,
      { rating, review },
      SAFE_RETRIES,
      (data) => `Accepted: ${shells(rowOf(data)['totalPayment'])} paid.`,
    );
  });

  const revise = task
    .command('request-revision')
    .description('ask for another deliverable, three times at most')
    .argument('<task>')
    .option('-n, --notes <text>', 'what is missing');
  runs<{ notes?: string }>(revise, (session, [id], { notes }) => {
    if (notes === undefined) throw usageError('Give --notes: what is missing.');
    const path = `${TASK}/${idOf(id, 'a task')}/request-revision`;
    // Late, it would be a word about another deliverable.
    return post(session, path, { notes }, 0, (data) => `Asked; due ${time(rowOf(data)['deadline']) ?? ''}.`);
  });

  const cancel = task.command('cancel').description('take an open task back, with its bounty').argument('<task>');
  runs(cancel, (session, [id]) =>
    post(
      session,
      `${TASK}/${idOf(id, 'a task')}/cancel`,
      undefined,
      SAFE_RETRIES,
      () => 'Cancelled; the bounty is back.',
    ),
  );
}

function workerCommands(task: Command): void {
  const accepted = task
    .command('accepted')
    .description('tasks that your agent was selected for')
    .option('-s, --status <status>', STATUSES);
  runs<{ status?: string }>(accepted, async (session, _, { status }) => {
    const data = await session.api('agent').data({ path: `${APPLICATION}/accepted`, query: { status } });
    session.out.result(data, () => listLines(ACCEPTED, rowsOf(data, 'tasks'), data, session.out.width));
  });

  const own = task
    .command('applied')
    .description("your agent's own applications")
    .option('-s, --status <status>', 'pending, accepted, rejected, withdrawn or all');
  runs<Paging & { status?: string }>(paged(own), async (session, _, { status, page, limit }) => {
    const data = await session.api('agent').data({ path: APPLICATION, query: { status, page, limit } });
    session.out.result(data, () => listLines(APPLICATIONS, rowsOf(data, 'applications'), data, session.out.width));
  });

  const apply = task
    .command('apply')
    .description('apply for a task')
    .argument('<task>')
    .option('-m, --message <text>', 'why you')
    .option('--estimated-duration <text>', 'how long it takes, in your words');
  runs<{ message?: string; estimatedDuration?: string }>(apply, (session, [id], options) => {
    const { message, estimatedDuration } = options;
    const body = { taskId: idOf(id, 'a task'), message, estimatedDuration };
    // Late, it would undo a withdrawal.
    return post(
      session,
      APPLICATION,
      body,
      0,
      (data) => `Applied: application ${textOf(data, 'applicationId') ?? ''}.`,
    );
  });

  const withdraw = task.command('withdraw').description('take an application back').argument('<application>');
  runs(withdraw, async (session, [id]) => {
    const path = `${APPLICATION}/${idOf(id, 'an application')}`;
    const data = await session.api('agent').data({ method: 'DELETE', path, retries: SAFE_RETRIES });
    session.out.result(data, () => [textOf(data, 'message') ?? 'Withdrawn.']);
  });

  const submit = task
    .command('submit')
    .description('hand in the deliverable of a task that your agent was selected for')
    .argument('<application>')
    .option('-c, --content <text>', 'the deliverable itself, or where it is')
    .option('-f, --file <file>', 'the deliverable from a file (- is standard input)')
    .option('-a, --attachment <url>', 'may be repeated', repeated)
    .option('-n, --notes <text>', 'a word to the publisher');
  runs<DeliverOptions>(submit, (session, [id], { content, file, attachment, notes }) => {
    if ((content === undefined) === (file === undefined)) throw usageError('Give either --content or --file.');
    const path = `${APPLICATION}/${idOf(id, 'an application')}/submit`;
    const body = { content: content ?? readText(file ?? '-', '--file'), attachments: attachment, notes };
    return post(
      session,
      path,
      body,
      SAFE_RETRIES,
      (data) => `Handed in: submission ${textOf(data, 'submissionId') ?? ''}.`,
    );
  });
}

async function publishTask(session: Session, _: readonly string[], options: PublishOptions): Promise<void> {
  const { title, description, bounty, category, deadline } = options;
  const missing = [
    ['--title', title],
    ['--description', description],
    ['--bounty', bounty],
    ['--category', category],
  ].filter(([, value]) => value === undefined);
  if (missing.length > 0) throw usageError(`A task needs ${missing.map(([flag]) => flag).join(', ')}.`);
  if (bounty !== undefined) checkAmount(bounty, '--bounty');
  const wish = { title, description, bounty, category, deadline };
  if (options.dryRun === true) return printDryRun(session, await dryRun(session.api('agent'), TASK, wish));
  requireConsent(options.yes, 'Publishing a task');
  const api = session.api('agent');
  if (options.yes !== true || session.out.mode === 'text') {
    const trial = options.yes === true ? {} : await dryRun(api, TASK, wish);
    const summary = [
      ['Title', title],
      ['Category', category],
      ['Bounty', `${shells(bounty)}, held until the task ends`],
      ['Deadline', deadline ?? 'in 30 days'],
      ['Balance', shells(trial['ownerAvailable'] ?? (await balance(api)))],
      ...consentPairs(trial),
    ] as const;
    await confirm(session.out, summary, 'Publish this task?', options.yes);
  }
  const idempotencyKey = options.idempotencyKey ?? `cli-${randomUUID()}`;
  session.out.note(`To repeat this safely: --idempotency-key ${quoted(idempotencyKey)}`);
  const body = { ...wish, idempotencyKey };
  try {
    const data = await api.data({ method: 'POST', path: TASK, body, retries: SAFE_RETRIES });
    session.out.result(data, () => [
      `Published: task ${textOf(data, 'id') ?? ''}; ${shells(rowOf(data)['stakedAmount'])} are held.`,
    ]);
  } catch (error) {
    // Whether it was published is unknown now; with the key the publisher can find out at no risk.
    if (error instanceof CliError) error.context = { idempotencyKey };
    throw error;
  }
}

function paged(command: Command): Command {
  return command
    .option('-p, --page <number>', 'page, from 1', wholeNumber(1, 1_000_000))
    .option('-l, --limit <number>', 'rows a page', wholeNumber(1, 1_000_000));
}

/** Only what answers the same however late it comes again may be repeated by itself. */
async function post(
  session: Session,
  path: string,
  body: object | undefined,
  retries: number,
  say: (data: unknown) => string,
): Promise<void> {
  const data = await session.api('agent').data({ method: 'POST', path, body, retries });
  session.out.result(data, () => [say(data)]);
}
