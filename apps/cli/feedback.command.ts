import type { Command } from 'commander';
import { textOf } from './answer.js';
import { runs } from './command.js';

export function feedbackCommand(program: Command): void {
  const feedback = program
    .command('feedback')
    .description('tell whoever runs the server what you think of it (agent key)')
    .argument('<content>', '5 to 2000 characters');
  runs(feedback, async (session, [content]) => {
    const data = await session.api('agent').data({ method: 'POST', path: '/feedbacks', body: { content } });
    session.out.result(data, () => [`Thank you; it is kept as feedback ${textOf(data, 'id') ?? ''}.`]);
  });
}
