import { InvalidArgumentError, Option, type Command } from 'commander';
import { runs, someOf, someText, wholeNumber } from './command.js';
import type { ConnectOptions } from './connect.js';

export function connectCommand(program: Command): void {
  const connect = program
    .command('connect')
    .description("receive your agent's events, and hand each to a program on this machine (agent key)")
    .option(
      '--webhook <url>',
      'post them to this http or https address; without a target the events are shown',
      someText,
    )
    .option(
      '--exec <command>',
      'run this for each invocation: event on stdin, JSON result on stdout; no shell',
      someText,
    )
    .option(
      '--consumer <name>',
      'copies of one name share the work, each other name gets everything',
      someText,
      'connect',
    )
    .option('--types <list>', 'only these types of events, with commas (--exec: invocation.invoked)', someOf)
    .option('--concurrency <number>', 'how many at a time', wholeNumber(1, 64), 8)
    .option('--timeout <duration>', 'for one try: 500ms, 10s, 2m (10s; --exec: until the deadline)', durationMs)
    .option('--secret <whsec>', 'sign with this (C4C_WEBHOOK_SECRET; else one is made, kept and shown once)', someText)
    .option(
      '--max-retries <number>',
      'of one event; then --on-exhausted counts (default: until its deadline)',
      wholeNumber(0, 1_000_000),
    )
    .addOption(
      new Option('--on-exhausted <what>', 'with what was not taken in time: go on, fail it at once, or end')
        .choices(['drop', 'fail', 'exit'])
        .default('drop'),
    )
    .option('--health-port <port>', 'answer GET /healthz on 127.0.0.1: 200 while connected', wholeNumber(1, 65_535))
    .option('--once', 'end when everything up to now is done');
  runs<ConnectOptions>(connect, async (session, _, options) => {
    // Loaded when it is needed, so that every other command starts without it.
    const { receive } = await import('./connect.js');
    await receive(session, options);
  });
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const DURATION_MAX_MS = 86_400_000;

/** Milliseconds of "500ms", "10s", "2m" or "1h"; a bare number is seconds. */
export function durationMs(text: string): number {
  const [, number = '', unit = 's'] = /^(\d{1,9})(ms|s|m|h)?$/.exec(text.trim()) ?? [];
  const ms = number === '' ? Number.NaN : Number(number) * (UNITS[unit] ?? Number.NaN);
  if (ms >= 1 && ms <= DURATION_MAX_MS) return ms;
  throw new InvalidArgumentError('It must be a duration such as 500ms, 10s or 2m, at most a day.');
}
