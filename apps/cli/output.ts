import { ApiError, CliError } from './cli-error.js';
import { askedLines } from './consent.view.js';
import { EXIT } from './exit-codes.js';
import type { OutputMode } from './settings.js';
import { safeJson, safeText } from './terminal-text.js';

export type Stream = { write(text: string): unknown; isTTY?: boolean; columns?: number };

/** Results on standard output; remarks and errors on standard error, so that a pipe carries nothing but the result. */
export class Output {
  constructor(
    readonly mode: OutputMode,
    private readonly stdout: Stream = process.stdout,
    private readonly stderr: Stream = process.stderr,
    private readonly env: Readonly<Record<string, string | undefined>> = process.env,
  ) {}

  /** In text mode the lines, which are only made then; in JSON mode exactly what the API said. */
  result(data: unknown, lines: () => readonly string[]): void {
    if (this.mode === 'json') this.json(data);
    else this.lines(lines());
  }

  /** A body of another media type, as it came. */
  raw(text: string): void {
    this.stdout.write(text);
  }

  lines(lines: readonly string[]): void {
    // Whatever a command puts together, what the server said is harmless here at the latest.
    this.stdout.write(lines.map((line) => `${safeText(line)}\n`).join(''));
  }

  json(data: unknown): void {
    this.stdout.write(`${safeJson(data, this.stdout.isTTY === true ? 2 : undefined)}\n`);
  }

  /** One line of a stream of events. */
  jsonLine(data: unknown): void {
    this.stdout.write(`${safeJson(data)}\n`);
  }

  /** A remark for a person; programs get nothing but the result. */
  note(text: string): void {
    if (this.mode === 'text') this.stderr.write(`${safeText(text)}\n`);
  }

  error(error: CliError): void {
    if (this.mode === 'json') {
      this.stderr.write(`${safeJson(error.envelope())}\n`);
      return;
    }
    const asked = error.code === 'APPROVAL_REQUIRED' ? askedLines(error.envelope().error.details) : [];
    const title = asked.length === 0 ? this.paint('red', 'Error:', this.stderr) : 'Your owner is asked first.';
    this.stderr.write(`${title} ${safeText(error.message)}\n`);
    for (const line of asked) this.stderr.write(`  ${safeText(line)}\n`);
    if (!(error instanceof ApiError)) return;
    for (const { field, message } of error.fields) {
      this.stderr.write(`  ${field === '' ? '' : `${safeText(field)}: `}${safeText(message)}\n`);
    }
    if (error.status === 401) {
      this.stderr.write('Set a key with `c4c config set token KEY` (or --api-key, or C4C_API_TOKEN).\n');
    }
    const { traceId } = error.envelope();
    const trace = typeof traceId === 'string' ? `, trace ${safeText(traceId)}` : '';
    this.stderr.write(`${this.paint('dim', `(${safeText(error.code)}${trace})`, this.stderr)}\n`);
  }

  /** The terminal's width, when the result goes to one. */
  get width(): number | undefined {
    return this.stdout.isTTY === true ? (this.stdout.columns ?? 80) : undefined;
  }

  private paint(style: keyof typeof STYLES, text: string, stream: Stream): string {
    const isPlain = stream.isTTY !== true || (this.env['NO_COLOR'] ?? '') !== '' || this.env['TERM'] === 'dumb';
    return isPlain ? text : `\u001b[${STYLES[style]}m${text}\u001b[0m`;
  }
}

/** What went wrong, whatever was thrown; a bug is named as one. */
export function asCliError(error: unknown): CliError {
  if (error instanceof CliError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new CliError('INTERNAL', `This is a mistake of c4c itself: ${message}`, EXIT.other);
}

const STYLES = { dim: 2, red: 31 } as const;
