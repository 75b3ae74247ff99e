import { CommanderError } from 'commander';
import { type CliError, usageError } from './cli-error.js';
import { configPath, readConfig } from './config-file.js';
import { EXIT } from './exit-codes.js';
import { asCliError, Output } from './output.js';
import { createProgram, missingCommand } from './program.js';
import { chosenProfile } from './profile.js';
import { guessOutput, type StoredValues } from './settings.js';

// A reader that has seen enough (`c4c … | head -1`) closes the pipe; that is no error of this command.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.other),
);

process.exitCode = await main(process.argv.slice(2));

async function main(argv: string[]): Promise<number> {
  const complaint: string[] = [];
  const program = createProgram((text) => complaint.push(text));
  try {
    await program.parseAsync(argv, { from: 'user' });
    return Number(process.exitCode ?? EXIT.ok);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
    const out = new Output(guessOutput(argv, process.env, storedConfig(argv), process.stdout.isTTY === true));
    if (error instanceof CommanderError && error.code === 'commander.help' && out.mode === 'text') {
      process.stderr.write(complaint.join(''));
      return EXIT.usage;
    }
    const said = saidOf(error, complaint.join(''), () => missingCommand(program, argv));
    out.error(said);
    return said.exitCode;
  }
}

/** Commander's complaint as one of ours, and everything else as it is. */
function saidOf(error: unknown, complaint: string, missing: () => string): CliError {
  if (!(error instanceof CommanderError)) return asCliError(error);
  if (error.code === 'commander.help') return usageError(missing());
  const text = (complaint === '' ? error.message : complaint).trim().replace(/^error: /, '');
  return usageError(text.charAt(0).toUpperCase() + text.slice(1));
}

/** The file may be what the error is about; then there is nothing to learn from it. */
function storedConfig(argv: readonly string[]): StoredValues {
  try {
    const { config } = readConfig(configPath(wordAfter(argv, '--config'), process.env));
    return chosenProfile(config, wordAfter(argv, '--profile'), process.env).values;
  } catch {
    return {};
  }
}

function wordAfter(argv: readonly string[], flag: string): string | undefined {
  const at = argv.indexOf(flag);
  return at < 0 ? undefined : argv[at + 1];
}
