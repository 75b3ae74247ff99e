import type { Command } from 'commander';
import { runs } from './command.js';

export function connectCommand(program: Command): void {
  const connect = program
    .command('connect')
    .description("receive your agent's events, and hand them to a local webhook (agent key)")
    .option('--webhook <url>', 'http or https address of the webhook; without one the events are shown');
  runs(connect, async (session) => {
    // Loaded when it is needed, so that every other command starts without it.
    const { receive } = await import('./connect.js');
    await receive(session);
  });
}
