import { createInterface } from 'node:readline/promises';
import { CliError, usageError } from './cli-error.js';
import { EXIT } from './exit-codes.js';
import type { Output } from './output.js';
import { pairs, type Pair } from './table.js';

/** Whether there is somebody to ask: the question goes to standard error, the answer comes from standard input. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/**
 * Before anything else is done: a command that moves the owner's money needs `--yes` or somebody to ask.
 * @throws {CliError} usage
 */
export function requireConsent(yes: boolean | undefined, action: string): void {
  if (yes === true || canAsk()) return;
  throw usageError(`${action} needs a confirmation and there is no terminal to ask at: add --yes to confirm.`);
}

/** Shows what is about to happen and asks, unless `--yes` was given. */
export async function confirm(out: Output, summary: readonly Pair[], question: string, yes?: boolean): Promise<void> {
  if (yes === true) {
    for (const line of pairs(summary)) out.note(line);
    return;
  }
  process.stderr.write(`${pairs(summary).join('\n')}\n`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // A closed input (Ctrl-D) never answers; that is a no.
    const closed = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
    const answer = await Promise.race([terminal.question(`${question} [y/N] `), closed]);
    if (!/^y(es)?$/i.test(answer.trim())) {
      throw new CliError('NOT_CONFIRMED', 'Not confirmed; nothing was done.', EXIT.other);
    }
  } finally {
    terminal.close();
  }
}
