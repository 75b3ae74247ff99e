import type { Command } from 'commander';
import { textOf } from './answer.js';
import { SAFE_RETRIES } from './api-client.js';
import { runs, someOf, someText, wholeNumber } from './command.js';
import { tailEvents, type TailOptions } from './events-tail.js';
import { consumerLines, pageLines } from './events.view.js';

const CONSUMERS = '/agent/me/consumers';

type ListOptions = TailOptions & { limit?: number };

export function eventCommands(program: Command): void {
  const group = program.command('events').description("your agent's events, numbered without gaps (agent key)");
  const from = ['--after <seq>', 'only those after this number', wholeNumber(0, Number.MAX_SAFE_INTEGER)] as const;
  const some = ['--types <types>', 'only these, such as invocation.invoked,review.created', someOf] as const;

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

  const consumers = group.command('consumers').description('the names under which your sockets read events');
  runs(consumers, async (session) => {
    const data = await session.api('agent').data({ path: CONSUMERS, retries: SAFE_RETRIES });
    session.out.result(data, () => consumerLines(data, session.out.width));
  });

  const forget = group
    .command('forget')
    .description('free one of these names; its place is gone with it')
    .argument('<name>', 'as `events consumers` shows it', someText);
  runs(forget, async (session, [name]) => {
    const path = `${CONSUMERS}/${encodeURIComponent(String(name))}`;
    const data = await session.api('agent').data({ method: 'DELETE', path });
    session.out.result(data, () => [textOf(data, 'message') ?? 'Forgotten.']);
  });
}
