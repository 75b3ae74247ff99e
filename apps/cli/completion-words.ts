import { CATEGORIES } from '#kernel';
import type { Argument, Command, Option } from 'commander';
import { EVENT_TYPES } from '#event-catalogue';

/** What stands in one place of a command line: one of these words, a file, or something only the user knows. */
export type Value = { words: readonly string[]; isFile: boolean };

export type Switch = { flags: readonly string[]; about: string; value?: Value };

/** A command and what may follow it. */
export type Place = {
  /** From the first word on, with one name for each command: `c4c manage service-invocation list`. */
  path: string;
  commands: readonly { names: readonly string[]; about: string }[];
  switches: readonly Switch[];
  args: readonly Value[];
};

/** The program as a shell has to know it. */
export type Vocabulary = {
  places: readonly Place[];
  /** What may stand after any command that has no switch of its own by that name. */
  everywhere: readonly Switch[];
};

/** Reads the commands of the program; `shared` are the options that all of them take. */
export function vocabularyOf(program: Command, shared: readonly Option[]): Vocabulary {
  const flags = new Set(shared.map((option) => option.flags));
  return { places: placesOf(program, flags), everywhere: shared.map(switchOf) };
}

function placesOf(command: Command, shared: ReadonlySet<string>, before = ''): Place[] {
  const path = `${before} ${command.name()}`.trim();
  const place = {
    path,
    commands: command.commands.map((one) => ({ names: [one.name(), ...one.aliases()], about: one.description() })),
    switches: command.options.filter((option) => !shared.has(option.flags)).map(switchOf),
    args: command.registeredArguments.map((one) => valueOf(one.name(), one.description, one)),
  };
  return [place, ...command.commands.flatMap((one) => placesOf(one, shared, path))];
}

/** The option's value may be left out: then what follows is a word of its own. */
function switchOf(option: Option): Switch {
  const flags = [option.short, option.long].filter((flag) => flag !== undefined);
  const name = /<([^>]+)>/.exec(option.flags)?.[1];
  return {
    flags,
    about: option.description,
    ...(name === undefined ? {} : { value: valueOf(name, option.description, option) }),
  };
}

function valueOf(name: string, about: string, { argChoices = [] }: Option | Argument): Value {
  const words = argChoices.length > 0 ? argChoices : (BY_NAME[name] ?? listed(about));
  return { words, isFile: words.length === 0 && name === 'file' };
}

const BY_NAME: Readonly<Record<string, readonly string[]>> = {
  category: CATEGORIES,
  event: EVENT_TYPES,
  list: EVENT_TYPES,
  // What stands after `above:` only the owner knows.
  rule: ['never', 'always'],
  type: EVENT_TYPES,
  types: EVENT_TYPES,
};

// The help lists the words anyway, so no second list can part from it: "all, active or inactive", "text or json (default: …)".
const LISTED = /^((?:[a-z_]+, )*[a-z_]+) or ([a-z_]+)(?: \(|$)/;

function listed(about: string): string[] {
  const [, first, last] = LISTED.exec(about) ?? [];
  return first === undefined || last === undefined ? [] : [...first.split(', '), last];
}
