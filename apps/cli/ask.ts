import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { CliError, usageError } from './cli-error.js';
import { canAsk } from './confirm.js';
import { EXIT } from './exit-codes.js';
import { readText } from './input-file.js';

export type Question = { label: string; isHidden?: boolean };

/** Asks one question after the other on standard error. What is hidden is not shown while it is typed.
 *  @throws {CliError} when the input ends before all is answered */
export async function ask(questions: readonly Question[]): Promise<string[]> {
  let isHidden = false;
  const screen = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      if (!isHidden) process.stderr.write(chunk);
      done();
    },
  });
  const terminal = createInterface({ input: process.stdin, output: screen, terminal: true });
  // Ctrl-C and Ctrl-D close it and answer nothing.
  const closed = new Promise<undefined>((resolve) => terminal.once('close', () => resolve(undefined)));
  const answers: string[] = [];
  try {
    for (const question of questions) {
      // The terminal draws a prompt anew, which would tell how long what is hidden has become.
      const prompt = `${question.label}: `;
      if (question.isHidden === true) process.stderr.write(prompt);
      isHidden = question.isHidden === true;
      const answer = await Promise.race([terminal.question(isHidden ? '' : prompt), closed]);
      if (isHidden || answer === undefined) process.stderr.write('\n');
      isHidden = false;
      if (answer === undefined) throw new CliError('NOT_ANSWERED', 'Nothing was done.', EXIT.other);
      answers.push(answer);
    }
    return answers;
  } finally {
    terminal.close();
  }
}

/**
 * So many passwords: typed, each new one twice, or one a line of standard input. They are never taken from the command line, which other
 * programs on the machine can read.
 * @throws {CliError} usage
 */
export async function passwords(labels: readonly PasswordLabel[], fromInput: boolean | undefined): Promise<string[]> {
  if (fromInput === true) {
    const lines = readText('-', '--password-stdin').split(/\r?\n/).slice(0, labels.length);
    const isWhole = lines.length === labels.length && lines.every((line) => line !== '');
    if (!isWhole)
      throw usageError(
        `--password-stdin needs on standard input: ${labels.map(({ label }) => label).join(', then in the next line ')}.`,
      );
    return lines;
  }
  if (!canAsk())
    throw usageError('There is no terminal to ask for the password at: pipe it in and add --password-stdin.');
  const questions = labels.flatMap(({ label, isNew }) => [
    { label, isHidden: true },
    ...(isNew === true ? [{ label: `${label} again`, isHidden: true }] : []),
  ]);
  const answers = await ask(questions);
  return labels.map(({ label, isNew }) => {
    const answer = answers.shift() ?? '';
    if (isNew === true && answers.shift() !== answer) throw usageError(`${label}: the two are not the same.`);
    return answer;
  });
}

export type PasswordLabel = { label: string; isNew?: boolean };
