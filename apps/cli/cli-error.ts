import { EXIT, exitCodeFor, type ExitCode } from './exit-codes.js';

export type ErrorEnvelope = {
  success: false;
  error: { code: string; message: string; details?: unknown };
  [field: string]: unknown;
};

/** An expected end that is not a success: what to say, to a person and to a program, and how to exit. */
export class CliError extends Error {
  override readonly name: string = 'CliError';
  /** What a program needs to go on from here, beside the error itself. */
  context: Readonly<Record<string, unknown>> = {};

  constructor(
    readonly code: string,
    message: string,
    readonly exitCode: ExitCode,
    readonly details?: Readonly<Record<string, unknown>>,
  ) {
    super(message);
  }

  /** The same shape as the API's errors, so that a program has one thing to decode. */
  envelope(): ErrorEnvelope {
    const error = { code: this.code, message: this.message };
    const full = this.details === undefined ? error : { ...error, details: this.details };
    return { success: false, error: full, ...this.context };
  }
}

/** The API said no. */
export class ApiError extends CliError {
  override readonly name = 'ApiError';

  constructor(
    readonly status: number,
    private readonly body: ErrorEnvelope,
    readonly retryAfterMs?: number,
  ) {
    super(body.error.code, body.error.message, exitCodeFor(status, body.error.code));
  }

  override envelope(): ErrorEnvelope {
    return { ...this.body, ...this.context };
  }

  /** Every wrong field, as the API listed them. */
  get fields(): { field: string; message: string }[] {
    return Array.isArray(this.body['errors']) ? this.body['errors'].filter(isFieldError) : [];
  }
}

export function usageError(message: string, details?: Readonly<Record<string, unknown>>): CliError {
  return new CliError('USAGE', message, EXIT.usage, details);
}

/** What went wrong, in one line; of wrong fields what is wrong with each. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const fields = error instanceof ApiError ? error.fields.map((each) => `${each.field} ${each.message}`) : [];
  return [message, ...fields].join('; ');
}

function isFieldError(value: unknown): value is { field: string; message: string } {
  return typeof value === 'object' && value !== null && 'field' in value && 'message' in value;
}
