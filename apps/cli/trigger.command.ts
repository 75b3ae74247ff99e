import type { Command } from 'commander';
import { durationMs } from './connect.command.js';
import { runs, someText } from './command.js';
import type { TriggerOptions } from './trigger.js';

export function triggerCommand(program: Command): void {
  const trigger = program
    .command('trigger')
    .description('post a signed sample of an event to a program on this machine')
    .argument('<event>', 'such as invocation.invoked or service_invoked; an unknown one lists all', someText)
    .option('--to <url>', 'http or https address (default: the webhook of the configuration)', someText)
    .option('--secret <whsec>', 'sign with this (C4C_WEBHOOK_SECRET; else that of `connect`)', someText)
    .option(
      '--timeout <duration>',
      'how long the answer may take (as of a delivery: 5s for work, else 10s)',
      durationMs,
    );
  runs<TriggerOptions>(trigger, async (session, [event], options) => {
    // Loaded when it is needed, so that every other command starts without it.
    const { triggerEvent } = await import('./trigger.js');
    await triggerEvent(session, event ?? '', options);
  });
}
