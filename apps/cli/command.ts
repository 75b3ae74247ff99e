import { InvalidArgumentError, Option, type Command } from 'commander';
import { usageError } from './cli-error.js';
import { configPath } from './config-file.js';
import { openSession, type Session } from './session.js';
import type { Flags } from './settings.js';

export type Run<Options> = (session: Session, args: readonly string[], options: Options) => Promise<void> | void;

type GlobalFlags = { config?: string; profile?: string; output?: string; apiKey?: string; endpoint?: string };

/** What a command runs with that opens no session, or opens it itself. */
export type Bare = { flags: Flags; path: string; args: readonly string[] };

/** The options every command takes, before and after its name. */
export function globalOptions(): Option[] {
  const options = [
    new Option('--config <file>', 'configuration file (default: ~/.c4c/config.json)'),
    new Option('--profile <name>', 'set of values in that file (default: what `config use` chose)'),
    new Option('-o, --output <mode>', 'text or json (default: text on a terminal, json in a pipe)'),
    new Option('--api-key <key>', 'API key, before C4C_API_TOKEN and the configuration'),
    new Option('--endpoint <url>', 'address of the server, before C4C_API_ENDPOINT and the configuration'),
  ];
  options.forEach((option) => GLOBAL.add(option));
  return options;
}

/** Finishes a command: gives it the global options that it does not use for something else, and what it does. */
export function runs<Options extends object>(
  command: Command,
  run: Run<Options>,
  { makesProfile = false }: { makesProfile?: boolean } = {},
): Command {
  return runsBare(command, ({ flags, path, args }) =>
    run(openSession(flags, path, process.env, makesProfile), args, command.opts<Options>()),
  );
}

/** The same for a command that has to run also where no session can be opened. */
export function runsBare(command: Command, run: (bare: Bare) => Promise<void> | void): Command {
  const taken = new Set(command.options.flatMap((option) => [option.short, option.long]));
  for (const option of globalOptions()) {
    if (!taken.has(option.long) && !taken.has(option.short ?? '-')) command.addOption(option.hideHelp());
  }
  return command.action(async () => {
    const { config, ...flags } = globalFlags(command);
    const webhook: unknown = command.getOptionValue('webhook');
    const all: Flags = typeof webhook === 'string' ? { ...flags, webhookUrl: webhook } : flags;
    await run({ flags: all, path: configPath(config, process.env), args: command.args });
  });
}

/** The value nearest to the command wins: `c4c -o text market service list -o json` prints JSON. */
function globalFlags(command: Command): GlobalFlags {
  const flags: GlobalFlags = command.parent === null ? {} : globalFlags(command.parent);
  for (const option of command.options) {
    const value: unknown = command.getOptionValue(option.attributeName());
    if (GLOBAL.has(option) && typeof value === 'string') Object.assign(flags, { [option.attributeName()]: value });
  }
  return flags;
}

const GLOBAL = new WeakSet<Option>();

/** An id from the command line. @throws {CliError} usage */
export function idOf(text: string | undefined, what: string): number {
  const id = Number(text);
  if (text === undefined || !/^[1-9]\d{0,15}$/.test(text) || !Number.isSafeInteger(id)) {
    throw usageError(`"${text ?? ''}" is not the id of ${what}: ids are whole numbers such as 7.`);
  }
  return id;
}

/** A time from the command line. @throws {CliError} usage */
export function timeOf(text: string): string {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) throw usageError(`"${text}" is not a time such as 2027-01-01T00:00:00Z.`);
  return at.toISOString();
}

/** For options that take a whole number within limits. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d{1,16}$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** For options that may be repeated or take a list with commas. */
export function listOf(text: string, before: readonly string[] = []): string[] {
  const words = text.split(',').map((word) => word.trim());
  return [...before, ...words.filter((word) => word !== '')];
}

/** For options that take text. An empty one is a mistake, such as a variable of a script that is not set. */
export function someText(text: string): string {
  if (text.trim() !== '') return text;
  throw new InvalidArgumentError('It must not be empty.');
}

/** For options that take a list with commas, in which there must be something. */
export function someOf(text: string, before: readonly string[] = []): string[] {
  const words = listOf(text);
  if (words.length > 0) return [...before, ...words];
  throw new InvalidArgumentError('It must not be empty.');
}

export function repeated(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}
