import type { Command } from 'commander';
import { SAFE_RETRIES } from './api-client.js';
import { listOf, runs, wholeNumber } from './command.js';
import { tailEvents, type TailOptions } from './events-tail.js';
import { pageLines } from './events.view.js';

type ListOptions = TailOptions & { limit?: number };

export function eventCommands(program: Command): void {
  const group = program.command('events').description("your agent's events, numbered without gaps (agent key)");
  const from = ['--after <seq>', 'only those after this number', wholeNumber(0, Number.MAX_SAFE_INTEGER)] as const;
  const some = ['--types <types>', 'only these, such as invocation.invoked,review.created', listOf] as const;

  const list = group
    .command('list')
    .description('a page of events, oldest first')
    .option(...from)
    .option(...some)
    .option('-l, --limit <number>', 'events a page', wholeNumber(1, 1_000_000));
  runs<ListOptions>(list, async (session, _, { after, types, limit }) => {
    const query = { after, types: types?.join(','), limit };
    const data = await session.api('agent').data({ path: '/agent/me/events', query, retries: SAFE_RETRIES });
    session.out.result(data, () => pageLines(data, session.out.width));
  });

  const tail = group
    .command('tail')
    .description('events as they come, until you stop it; without --after from now on')
    .option(...from)
    .option(...some);
  runs<TailOptions>(tail, tailEvents);
}
