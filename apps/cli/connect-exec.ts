import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, resolve as resolvePath } from 'node:path';
import { usageError } from './cli-error.js';
import type { Delivery } from './connect-frame.js';
import type { Outcome, Result, Target } from './connect-target.js';

// What the API takes as a result.
const OUTPUT_BYTES_MAX = 2.5 * 1024 * 1024;
const ERROR_LENGTH_MAX = 500;
const KILL_AFTER_MS = 2_000;
/** For what is still in the pipe when the command has ended; what it left running may hold the pipe open for ever. */
const PIPE_GRACE_MS = 500;

/** A command that is run for each event: the event on its standard input, the result on its standard output. */
export class ExecTarget implements Target {
  readonly name: string;
  private readonly running = new Set<ChildProcess>();
  private readonly words: readonly string[];

  /** @throws {CliError} usage, for a command line that cannot be read
   *  @param timeoutMs without one, an event's deadline is the limit */
  constructor(
    command: string,
    private readonly now: () => number,
    private readonly timeoutMs?: number,
  ) {
    this.words = wordsOf(command);
    this.name = `the command ${this.words[0] ?? ''}`;
  }

  /** Before the first event comes: a command that is not there would fail all of them. @throws {CliError} usage */
  requireThere(): void {
    const [file = ''] = this.words;
    if (placesOf(file).some(isExecutable)) return;
    const where = file.includes('/') ? '' : ' on the PATH';
    throw usageError(`There is no command "${file}"${where} that can be run; --exec needs one.`);
  }

  hand(delivery: Delivery, attempt: number): Promise<Outcome> {
    const [file = '', ...args] = this.words;
    const untilDeadline = delivery.deadlineAt === undefined ? undefined : delivery.deadlineAt - this.now();
    const limitMs = Math.max(0, this.timeoutMs ?? untilDeadline ?? DAY_MS);
    return new Promise((resolve) => {
      // Without a shell: nothing of the event can become a command. Its own process group, so that all of it can be ended.
      const child = spawn(file, args, {
        detached: true,
        env: {
          ...withoutSecrets(process.env),
          C4C_EVENT: delivery.type,
          C4C_EVENT_ID: delivery.id,
          C4C_ATTEMPT: String(attempt),
        },
      });
      this.running.add(child);
      const stdout: Buffer[] = [];
      let bytes = 0;
      let complaint = '';
      let tooMuch = '';
      const timer = setTimeout(
        () => {
          tooMuch = `it took longer than ${limitMs / 1_000} s`;
          endGroup(child);
        },
        Math.min(limitMs, DAY_MS),
      );
      let grace: NodeJS.Timeout | undefined;
      const settle = (outcome: Outcome): void => {
        clearTimeout(timer);
        clearTimeout(grace);
        this.running.delete(child);
        resolve(outcome);
      };
      child.on('error', (error) => settle({ kind: 'again', reason: error.message }));
      child.stdout.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes <= OUTPUT_BYTES_MAX) stdout.push(chunk);
        else if (tooMuch === '') {
          tooMuch = 'its output is larger than 2.5 MB';
          endGroup(child);
        }
      });
      child.stderr.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-4_096)));
      // A command that does not read its input closes the pipe; that is its own affair.
      child.stdin.on('error', () => undefined).end(`${JSON.stringify(delivery.body)}\n`);
      child.on('exit', () => {
        clearTimeout(timer);
        // With its pipes gone the child closes, whoever else holds their other ends.
        grace = setTimeout(() => {
          endGroup(child);
          for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.destroy();
        }, PIPE_GRACE_MS);
      });
      child.on('close', (code, signal) => {
        const problem = tooMuch !== '' ? tooMuch : code === 0 ? '' : endingOf(code, signal, complaint);
        const result = problem === '' ? resultOf(Buffer.concat(stdout)) : failure(problem);
        settle({ kind: 'taken', facts: { exit: code ?? String(signal) }, result });
      });
    });
  }

  end(): void {
    for (const child of this.running) endGroup(child);
  }
}

const DAY_MS = 86_400_000;
const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Where a command of this name would be found, as whoever starts it looks for it. */
function placesOf(file: string): string[] {
  if (/[/\\]/.test(file)) return [resolvePath(file)];
  const endings = process.platform === 'win32' ? ['', ...(process.env['PATHEXT'] ?? '').split(';')] : [''];
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.flatMap((folder) => endings.map((ending) => resolvePath(folder, `${file}${ending}`)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Splits as a shell does with words and quotes, and does nothing else of what a shell does.
 *  @throws {CliError} usage, when a quote is open or there is no word */
export function wordsOf(command: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < command.length; at += 1) {
    const character = command.charAt(at);
    if (quote !== '') {
      if (character === quote) quote = '';
      else word = (word ?? '') + character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (character === '\\' && at + 1 < command.length) {
      at += 1;
      word = (word ?? '') + command.charAt(at);
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + character;
    }
  }
  if (quote !== '') throw usageError(`A quote in --exec is not closed: ${command}`);
  if (word !== undefined) words.push(word);
  if (words.length === 0 || words[0] === '') throw usageError('--exec needs a command.');
  return words;
}

/** What a command writes to its standard error may reach a stranger; so it is not told what would let that one act in our name. */
function withoutSecrets({ C4C_API_TOKEN: _, C4C_WEBHOOK_SECRET: __, ...env }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return env;
}

function resultOf(stdout: Buffer): Result {
  try {
    const text = UTF8.decode(stdout);
    if (text.trim() === '') return { status: 'completed' };
    const output: unknown = JSON.parse(text);
    if (typeof output === 'object' && output !== null && !Array.isArray(output)) return { status: 'completed', output };
  } catch {
    // Said below.
  }
  return failure('what the command printed is no JSON object');
}

function endingOf(code: number | null, signal: NodeJS.Signals | null, complaint: string): string {
  const how = code === null ? `it was ended by ${String(signal)}` : `it ended with ${code}`;
  const last = complaint.trim().split('\n').at(-1)?.trim() ?? '';
  return last === '' ? how : `${last} (${how})`;
}

function failure(error: string): Result {
  // The API's text takes neither U+0000 nor half a surrogate pair.
  return {
    status: 'failed',
    error: error.replaceAll('\0', '').toWellFormed().slice(0, ERROR_LENGTH_MAX).toWellFormed(),
  };
}

/** Also what a command that has ended left running: the group keeps its number for as long as anybody is in it. */
function endGroup(child: ChildProcess): void {
  const signal = (name: NodeJS.Signals): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, name);
    } catch {
      // Nobody is left in it.
    }
  };
  signal('SIGTERM');
  setTimeout(() => signal('SIGKILL'), KILL_AFTER_MS).unref();
}
