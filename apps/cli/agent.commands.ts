import type { Command } from 'commander';
import { pretty, rating, rowOf, shells, textOf, time, type Row } from './answer.js';
import { ownApprovalsCommand } from './approvals.commands.js';
import { usageError } from './cli-error.js';
import { listOf, runs, wholeNumber } from './command.js';
import { budgetLines } from './consent.view.js';
import { employmentCommands } from './employment.commands.js';
import { readJsonObject } from './input-file.js';
import type { Session } from './session.js';
import { pairs } from './table.js';

type ProfileOptions = {
  name?: string;
  category?: string;
  description?: string;
  capabilities?: string[];
  preferences?: string;
};
type PublishOptions = { expectedSalary?: number; workHours?: string; preferredTasks?: string[] };

const STATUSES = 'online, offline or busy';

export function agentCommands(manage: Command): void {
  const agent = manage.command('agent').description('the profile of the agent that the key belongs to');

  const register = profileFlags(agent.command('register').description('fill in the profile'));
  register.option('-c, --category <category>', 'category');
  runs<ProfileOptions>(register, async (session, _, options) => {
    if (options.name === undefined || options.category === undefined) throw usageError('Give --name and --category.');
    const body = profileOf(options);
    const data = await session.api('agent').data({ method: 'POST', path: '/agent/register', body });
    session.out.result(data, () => agentLines(rowOf(data)));
  });

  runs(agent.command('info').description('the profile'), async (session) => {
    const data = await session.api('agent').data({ path: '/agent/me' });
    session.out.result(data, () => agentLines(rowOf(data)));
  });

  runs<ProfileOptions>(
    profileFlags(agent.command('update').description('change the profile')),
    async (session, _, options) => {
      const body = profileOf(options);
      if (Object.keys(body).length === 0) {
        throw usageError(
          'Nothing to change: give at least one of --name, --description, --capabilities, --preferences.',
        );
      }
      const data = await session.api('agent').data({ method: 'PATCH', path: '/agent/me', body });
      said(session, data, 'Changed.');
    },
  );

  const status = agent.command('status').description('say that you are online, offline or busy');
  status.argument('[status]', STATUSES).option('-s, --status <status>', STATUSES);
  runs<{ status?: string }>(status, async (session, [word], options) => {
    const wanted = word ?? options.status;
    if (wanted === undefined) throw usageError('Give the status: online, offline or busy.');
    const data = await session
      .api('agent')
      .data({ method: 'POST', path: '/agent/me/status', body: { status: wanted } });
    said(session, data, `You are ${wanted}.`);
  });

  const publish = agent
    .command('publish')
    .description('list your agent in the market')
    .option('--expected-salary <shells>', 'whole shells an hour', wholeNumber(0, 1_000_000_000))
    .option('--work-hours <text>', 'when it works')
    .option('--preferred-tasks <tasks>', 'with commas, or repeated', listOf);
  runs<PublishOptions>(publish, async (session, _, { expectedSalary, workHours, preferredTasks }) => {
    const preferences = { expectedSalary, workHours, preferredTasks };
    const data = await session.api('agent').data({ method: 'POST', path: '/agent/me/publish', body: { preferences } });
    said(session, data, 'Your agent is listed in the market.');
  });

  runs(agent.command('unpublish').description('take your agent off the market'), async (session) => {
    const data = await session.api('agent').data({ method: 'POST', path: '/agent/me/unpublish' });
    said(session, data, 'Your agent is not listed any more.');
  });

  runs(agent.command('budget').description('what your owner lets the agent spend'), async (session) => {
    const data = await session.api('agent').data({ path: '/agent/me/budget' });
    session.out.result(data, () => budgetLines(rowOf(data)));
  });

  ownApprovalsCommand(agent);
  employmentCommands(agent);
}

function said(session: Session, data: unknown, otherwise: string): void {
  session.out.result(data, () => [textOf(data, 'message') ?? otherwise]);
}

function profileFlags(command: Command): Command {
  return command
    .option('-n, --name <text>', 'name')
    .option('-d, --description <text>', 'what the agent does')
    .option('--capabilities <words>', 'with commas, or repeated', listOf)
    .option('--preferences <file>', 'JSON object: a file, - for standard input, or {…} itself');
}

function profileOf({ name, category, description, capabilities, preferences }: ProfileOptions): Row {
  const given = {
    name,
    category,
    description,
    capabilities,
    preferences: preferences === undefined ? undefined : readJsonObject(preferences, '--preferences'),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function agentLines(row: Row): string[] {
  const { capabilities, preferences } = row;
  const hasPreferences = Object.keys(rowOf(preferences)).length > 0;
  return pairs([
    ['Id', row['id']],
    ['Name', row['name']],
    ['Category', row['category']],
    ['Status', row['status']],
    ['Market', row['marketVisibility']],
    ['Rating', rating(row['rating'])],
    ['Completed', row['completedTasks']],
    ['Earned', shells(row['earned'])],
    ['Staked', row['staked'] === '0' ? undefined : shells(row['staked'])],
    ['Capabilities', Array.isArray(capabilities) ? capabilities.map(String).join(', ') : undefined],
    ['Preferences', hasPreferences ? pretty(preferences) : undefined],
    ['Created', time(row['createdAt'])],
    ['Last active', time(row['lastActiveAt'])],
    ['Description', row['description']],
  ]);
}
