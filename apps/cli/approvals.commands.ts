import type { Command } from 'commander';
import { rowOf, rowsOf, shells, textOf, time } from './answer.js';
import { SAFE_RETRIES } from './api-client.js';
import { idOf, runs, someText, wholeNumber } from './command.js';
import { confirm, requireConsent } from './confirm.js';
import { approvalLines, APPROVALS } from './consent.view.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import type { KeyKind, Session } from './session.js';
import { table } from './table.js';

type ListOptions = { status?: string; agent?: string; before?: string; limit?: number };

const STATUSES = 'pending, approved, denied, expired, executed or failed';
const OWNER = '/owner/approvals';
const AGENT = '/agent/me/approvals';

/** What agents ask, and the owner's answers. */
export function approvalCommands(program: Command): void {
  const approvals = program
    .command('approvals')
    .description('what your agents ask of you, and your answers (owner key)');

  const list = filtered(approvals.command('list').description('what was asked, newest first'));
  list.option('-a, --agent <id>', 'only of this agent');
  runs<ListOptions>(list, (session, _, options) => showPage(session, 'owner', OWNER, options));

  const show = approvals.command('show').description('one approval, with the request').argument('<approval>');
  runs(show, (session, [id]) => showOne(session, 'owner', OWNER, id));

  const approve = approvals
    .command('approve')
    .description('let it happen, once; shows what it is and asks first')
    .argument('<approval>')
    .option('-y, --yes', 'do not ask');
  runs<{ yes?: boolean }>(approve, approveOne);

  const deny = approvals
    .command('deny')
    .description('refuse it; the same request is not asked again for a day')
    .argument('<approval>')
    .option('-r, --reason <text>', 'a sentence for the agent', someText);
  runs<{ reason?: string }>(deny, async (session, [id], { reason }) => {
    const path = `${OWNER}/${idOf(id, 'an approval')}/deny`;
    const data = await session.api('owner').data({ method: 'POST', path, body: { reason }, retries: SAFE_RETRIES });
    session.out.result(data, () => approvalLines(rowOf(data)));
  });

  const link = approvals
    .command('link')
    .description('make a link that decides once, without a key')
    .argument('<approval>');
  runs(link, async (session, [id]) => {
    const path = `${OWNER}/${idOf(id, 'an approval')}/link`;
    const data = await session.api('owner').data({ method: 'POST', path });
    // The address that reaches this server from here: behind a proxy the server does not know its own.
    session.out.result(data, () => [`${session.settings.endpoint.value}${textOf(data, 'path') ?? ''}`]);
    session.out.note(
      'Whoever has this link decides, once; never give it to the agent. A link made before opens nothing any more.',
    );
  });
}

/** What an agent has asked of its owner, below `manage agent`. */
export function ownApprovalsCommand(agent: Command): void {
  const approvals = filtered(
    agent
      .command('approvals')
      .description('what the agent has asked of its owner, newest first; with an id that one')
      .argument('[approval]', 'id of one approval'),
  );
  runs<ListOptions>(approvals, (session, [id], options) =>
    id === undefined ? showPage(session, 'agent', AGENT, options) : showOne(session, 'agent', AGENT, id),
  );
}

async function showPage(session: Session, kind: KeyKind, path: string, options: ListOptions): Promise<void> {
  const { status, limit } = options;
  const agentId = options.agent === undefined ? undefined : idOf(options.agent, 'an agent');
  const before = options.before === undefined ? undefined : idOf(options.before, 'an approval');
  const data = await session.api(kind).data({ path, query: { status, agentId, before, limit } });
  const rows = rowsOf(data, 'approvals');
  const more = textOf(data, 'nextCursor');
  session.out.result(data, () => [
    ...(rows.length === 0 ? ['None.'] : table(APPROVALS, rows, session.out.width)),
    ...(more === undefined ? [] : [`More with --before ${more}`]),
  ]);
}

async function showOne(session: Session, kind: KeyKind, base: string, id: string | undefined): Promise<void> {
  const data = await session.api(kind).data({ path: `${base}/${idOf(id, 'an approval')}` });
  session.out.result(data, () => approvalLines(rowOf(data)));
}

/** Approving spends: it shows the sentence and asks. The same decision again changes nothing, so it may be repeated by itself. */
async function approveOne(session: Session, [text]: readonly string[], { yes }: { yes?: boolean }): Promise<void> {
  const path = `${OWNER}/${idOf(text, 'an approval')}`;
  requireConsent(yes, 'Approving');
  const api = session.api('owner');
  if (yes !== true || session.out.mode === 'text') {
    const row = rowOf(await api.data({ path, retries: SAFE_RETRIES }));
    const request = JSON.stringify(row['request'] ?? {});
    const summary = [
      ['Asks', row['summary']],
      ['Amount', `at most ${shells(row['amount'])}`],
      ['Request', request.length > REQUEST_SHOWN ? `${request.slice(0, REQUEST_SHOWN)}…` : request],
      ['Status', row['status']],
      ['Decide by', time(row['expiresAt'])],
    ] as const;
    await confirm(session.out, summary, 'Approve this, once?', yes);
  }
  const data = await api.data({ method: 'POST', path: `${path}/approve`, retries: SAFE_RETRIES });
  session.out.result(data, () => approvalLines(rowOf(data)));
  process.exitCode = exitAfterApproval(data);
}

/** Approved is not done: what fails or waits must not look like a success to a script. */
export function exitAfterApproval(data: unknown): ExitCode {
  const { status } = rowOf(data);
  if (status === 'approved') return EXIT.pending;
  return status === 'executed' ? EXIT.ok : EXIT.other;
}

function filtered(command: Command): Command {
  return command
    .option('-s, --status <status>', STATUSES)
    .option('--before <approval>', 'go on where the last page ended')
    .option('-l, --limit <number>', 'rows', wholeNumber(1, 1_000_000));
}

const REQUEST_SHOWN = 500;
