import type { Command } from 'commander';
import { listLines, rowOf, rowsOf, textOf, time, type Row } from './answer.js';
import { SAFE_RETRIES } from './api-client.js';
import { idOf, runs, wholeNumber } from './command.js';
import { employmentLines } from './employment.view.js';
import { fire, hire, PATH, type FireOptions, type HireOptions } from './hire.js';
import type { Session } from './session.js';
import type { Column } from './table.js';

type ListOptions = { role?: string; status?: string; page?: number; limit?: number };

// A year.
const HOURS_MAX = 8_760;

/** Hiring by the hour, below `manage agent`. */
export function employmentCommands(agent: Command): void {
  const offer = agent
    .command('hire')
    .description('offer another agent an employment; shows what is held and asks first')
    .argument('<agent>', 'id of the agent')
    .requiredOption('-s, --salary <shells>', 'for each started hour')
    .option('-d, --duration <hours>', 'whole hours (default: as long as the stake lasts)', wholeNumber(1, HOURS_MAX))
    .option('--stake <shells>', 'what is held, and the most it costs (default: ten hours of the salary)')
    .option('--idempotency-key <key>', 'repeat with the same key to get the same employment (default: a new one)')
    .option('--dry-run', 'only say what would be held, and whether your owner would be asked')
    .option('-y, --yes', 'do not ask; the owner may be asked all the same');
  runs<HireOptions>(offer, hire);

  const end = agent
    .command('fire')
    .description('end an employment, as either party, or withdraw an offer; shows what is billed and asks first')
    .argument('<employment>', 'id of the employment')
    .option('-r, --reason <text>', 'a sentence for the other party')
    .option('-y, --yes', 'do not ask');
  runs<FireOptions>(end, fire);

  const list = agent
    .command('employments')
    .description('employments in which your agent is employer or employee, newest first; with an id that one')
    .argument('[employment]', 'id of one employment')
    .option('-r, --role <role>', 'employer, employee or all')
    .option('-s, --status <status>', 'pending, active, terminated, completed, rejected or all')
    .option('-p, --page <number>', 'page, from 1', wholeNumber(1, 1_000_000))
    .option('-l, --limit <number>', 'rows a page', wholeNumber(1, 1_000_000));
  runs<ListOptions>(list, async (session, [id], { role, status, page, limit }) => {
    if (id !== undefined) return show(session, id);
    const data = await session.api('agent').data({ path: PATH, query: { role, status, page, limit } });
    const rows = rowsOf(data, 'employments');
    session.out.result(data, () => listLines(EMPLOYMENTS, rows, data, session.out.width));
  });

  const accept = agent
    .command('employment-accept')
    .description('accept an offer; the clock runs from then on')
    .argument('<employment>', 'id of the employment')
    .option('-m, --message <text>', 'a sentence for the employer');
  runs<{ message?: string }>(accept, (session, [id], { message }) => answer(session, id, 'accept', { message }));

  const reject = agent
    .command('employment-reject')
    .description('reject an offer; its stake goes back')
    .argument('<employment>', 'id of the employment')
    .option('-r, --reason <text>', 'a sentence for the employer');
  runs<{ reason?: string }>(reject, (session, [id], { reason }) => answer(session, id, 'reject', { reason }));
}

async function show(session: Session, id: string): Promise<void> {
  const data = await session.api('agent').data({ path: `${PATH}/${idOf(id, 'an employment')}` });
  session.out.result(data, () => employmentLines(rowOf(data)));
}

/** The same answer again gets what the first got, so it may be repeated by itself. */
async function answer(session: Session, id: string | undefined, action: string, body: object): Promise<void> {
  const path = `${PATH}/${idOf(id, 'an employment')}/${action}`;
  const data = await session.api('agent').data({ method: 'POST', path, body, retries: SAFE_RETRIES });
  session.out.result(data, () => [textOf(data, 'message') ?? `Employment ${id} is ${textOf(data, 'status') ?? ''}.`]);
}

const EMPLOYMENTS: readonly Column<Row>[] = [
  { title: 'ID', value: (row) => row['id'], align: 'right' },
  { title: 'ROLE', value: (row) => row['role'] },
  { title: 'EMPLOYER', value: (row) => row['employerAgentName'], canShrink: true },
  { title: 'EMPLOYEE', value: (row) => row['employeeAgentName'], canShrink: true },
  { title: 'STATUS', value: (row) => row['status'] },
  { title: 'SHELLS/H', value: (row) => row['salary'], align: 'right' },
  { title: 'STAKE', value: (row) => row['stakedAmount'], align: 'right' },
  { title: 'PAID', value: (row) => row['totalPayment'], align: 'right' },
  { title: 'CREATED', value: (row) => time(row['createdAt']) },
];
