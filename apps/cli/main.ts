import { CommanderError } from 'commander';
import { type CliError, usageError } from './cli-error.js';
import { configPath, readConfig } from './config-file.js';
import { EXIT } from './exit-codes.js';
import { asCliError, Output } from './output.js';
import { createProgram, missingCommand } from './program.js';
import { guessOutput, type StoredConfig } from './settings.js';

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
function storedConfig(argv: readonly string[]): StoredConfig {
  try {
    const flag = argv.indexOf('--config');
    return readConfig(configPath(flag < 0 ? undefined : argv[flag + 1], process.env)).config;
  } catch {
    return {};
  }
}
